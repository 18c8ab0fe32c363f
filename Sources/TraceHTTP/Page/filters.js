import { el, fetchJSON, setOptions } from "./dom.js";
import { clock, lookbacks, moment, plain } from "./format.js";
import { limits, orders } from "./search-state.js";

/** The fields of a search. */
export class Filters {
  /** `state` holds the values; `change` is called with changed values, `search` to search again. */
  constructor(state, { change, search }) {
    this.state = state;
    this.change = change;
    this.faults = new Map();
    this.service = this.select("service", [["", "All services"]]);
    this.span = this.select("span", [["", "All operations"]]);
    this.lookback = this.select("lookback", Object.entries(lookbacks).map(([key, name]) => [key, `Last ${name}`]));
    this.minimum = this.input("min", "from", { "aria-label": "Duration from" });
    this.maximum = this.input("max", "to", { "aria-label": "Duration to" });
    this.sort = el("label", { class: "sort" }, el("span", { text: "Sort by" }), this.select("sort", orders));
    this.lookbackField = this.field("lookback", "Time", this.lookback);
    this.range = el("button", { type: "button", class: "range", title: "Back to the latest traces",
      onclick: () => change({ from: "", to: "" }) });
    this.remote = el("button", { type: "button", class: "range", title: "Whatever is at the other end",
      onclick: () => change({ remote: "" }) });
    this.live = this.toggle("live", "Live", "Show traces as they arrive");
    this.node = el("form", { class: "filters", role: "search", "aria-label": "Traces",
      onsubmit: (event) => { event.preventDefault(); search(); } },
    this.field("service", "Service", this.service), this.field("span", "Operation", this.span, this.remote),
    this.field("q", "Tags", this.input("q", "http.status_code=503 and error"), this.fault("q")),
    el("div", { class: "field duration" }, el("span", { text: "Duration" }), el("div", { class: "two" }, this.minimum, this.maximum),
      this.fault("min"), this.fault("max")),
    el("div", { class: "field time" }, this.lookbackField, this.range),
    this.field("limit", "Show", this.select("limit", asOptions(limits))),
    el("div", { class: "toggles" }, this.toggle("errors", "Errors only"), this.live));
    this.follow();
    this.loadSpans();
  }

  field(key, label, ...content) {
    return el("div", { class: `field ${key}` }, el("label", { for: `filter-${key}`, text: label }), ...content);
  }

  select(key, options) {
    const field = el("select", { id: `filter-${key}`, onchange: () => this.change({ [key]: field.value }) });
    setOptions(field, options, this.state[key]);
    return field;
  }

  input(key, placeholder, extra) {
    return el("input", {
      type: "text", id: `filter-${key}`, placeholder, value: this.state[key], spellcheck: "false", autocomplete: "off",
      "aria-describedby": `fault-${key}`, ...extra, onchange: (event) => this.change({ [key]: event.target.value.trim() }),
    });
  }

  /** Where a problem of a field is shown. */
  fault(key) {
    const node = el("p", { class: "fault", id: `fault-${key}`, role: "alert", hidden: true });
    this.faults.set(key, node);
    return node;
  }

  toggle(key, label, title) {
    const box = el("input", {
      type: "checkbox", id: `filter-${key}`, checked: this.state[key] === "1",
      onchange: () => this.change({ [key]: box.checked ? "1" : key === "live" ? "0" : "" }),
    });
    return el("label", { class: `toggle ${key}`, title }, box, el("span", { text: label }));
  }

  /** Shows each problem beside its field. */
  complain(faults) {
    for (const [key, node] of this.faults) {
      const fault = faults.find(({ field }) => field === key);
      node.hidden = !fault;
      node.textContent = fault?.text ?? "";
      const field = this.node.querySelector(`#filter-${key}`);
      if (fault) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }

  setServices(services) {
    refill(this.service, () => setOptions(this.service, [["", "All services"], ...asOptions(services)],
      this.state.service));
  }

  async loadSpans() {
    const { service } = this.state;
    const path = `/api/v2/spans?serviceName=${encodeURIComponent(service)}`;
    const names = service ? await fetchJSON(path).catch(() => []) : [];
    if (service !== this.state.service) return;
    this.span.disabled = !service;
    refill(this.span, () => setOptions(this.span, [["", "All operations"], ...asOptions(names)],
      this.state.span));
  }

  /** Shows the values of the state. */
  follow() {
    const { state, range } = this;
    [this.minimum.value, this.maximum.value, this.lookback.value] = [state.min, state.max, state.lookback];
    const limit = this.node.querySelector("#filter-limit");
    setOptions(limit, asOptions(limits), state.limit);
    range.hidden = !state.to;
    this.remote.hidden = !state.remote;
    this.remote.replaceChildren(el("span", { text: "Other end" }), el("b", {}, el("span", { text: plain(state.remote, 40) }), " ×"));
    this.lookbackField.hidden = Boolean(state.to);
    if (state.to) {
      range.replaceChildren(el("span", { text: "Time" }), el("b", {}, el("span", {
        text: `${clock(state.from * 1000).slice(0, 8)} – ${clock(state.to * 1000).slice(0, 8)}` }), " ×"));
      range.setAttribute("aria-label", `From ${moment(state.from * 1000)} to ${moment(state.to * 1000)}; press for the latest`);
    }
    this.live.classList.toggle("idle", Boolean(state.to));
  }
}

function asOptions(values) { return values.map((value) => [value, value]); }

/** Replaces the options of a field, but not while the user chooses. */
function refill(field, fill) {
  if (document.activeElement === field) field.addEventListener("blur", fill, { once: true });
  else fill();
}
