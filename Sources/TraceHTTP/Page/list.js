import { chip, colour, el, unnamed } from "./dom.js";
import { ago, clock, count, duration, moment, plain } from "./format.js";

/** The list of traces. A row stays the same element as long as its trace is listed. */
export class TraceList {
  /**
   * `pick` gets a trace's id and whether it is chosen (without `pick`, none can be chosen); `opened` gets the id of a trace
   * that is opened by a key; `address` returns a trace's address.
   */
  constructor({ pick, opened = () => {}, address = (id) => `/traces/${id}` }) {
    Object.assign(this, { pick, opened, address });
    this.rows = new Map();
    // It takes the focus when the row that had it goes.
    this.node = el("ul", { class: "traces", "aria-label": "Traces", tabindex: "-1" });
  }

  /** Replaces the rows with something else. */
  clear(content) {
    this.rows = new Map();
    this.node.replaceChildren(el("li", {}, content));
  }

  get isEmpty() { return this.rows.size === 0; }

  has(id) { return this.rows.has(id); }

  link(id) { return this.rows.get(id)?.node.querySelector("a"); }

  /** Lists traces in the given order; `marksNew` marks those that were not listed before. */
  show(traces, picked, marksNew) {
    const focused = document.activeElement?.closest?.(".trace")?.dataset.trace;
    const rows = new Map();
    for (const trace of traces) {
      const text = JSON.stringify(trace);
      const known = this.rows.get(trace.traceId);
      rows.set(trace.traceId, known?.text === text ? known
        : { text, trace, node: this.row(trace, marksNew && !known) });
    }
    this.rows = rows;
    const most = Math.max(1, ...traces.map((trace) => trace.duration));
    for (const { trace, node } of rows.values()) {
      node.querySelector(".meter i").style.width = `${Math.max(0.8, (100 * trace.duration) / most)}%`;
    }
    this.mark(picked);
    arrange(this.node, [...rows.values()].map((row) => row.node));
    if (focused && !this.node.contains(document.activeElement)) (this.link(focused) ?? this.node).focus({ preventScroll: true });
  }

  /** Shows which traces are chosen. */
  mark(picked) {
    if (!this.pick) return;
    for (const [id, { node }] of this.rows) node.querySelector("input").checked = picked.includes(id);
  }

  /** Updates how long ago the traces were. */
  tellTime() {
    for (const { trace, node } of this.rows.values()) {
      const { firstChild } = node.querySelector("[data-start]");
      const text = ago(trace.timestamp);
      if (firstChild && firstChild.data !== text) firstChild.data = text;
    }
  }

  row(trace, isNew) {
    const id = trace.traceId;
    const bar = el("span", { class: `meter ${trace.errorCount ? "error" : ""}` }, el("i"));
    const box = this.pick && el("input", { type: "checkbox", "aria-label": "Choose for comparing", title: "Choose for comparing",
      onchange: () => this.pick(id, box.checked) });
    return el("li", { class: `trace${trace.errorCount ? " failed" : ""}${isNew ? " new" : ""}`, "data-trace": id },
      box ? el("label", { class: "pick" }, box) : null,
      // After a key, the focus shows the way back to this row; after a click it would only hold the list.
      el("a", { href: this.address(id), onclick: (event) => { if (event.detail === 0) this.opened(id); } },
        el("span", { class: "what" }, root(trace),
          el("span", { class: "chips" }, trace.services.slice(0, 10).map((service) => chip(service)),
            trace.services.length > 10 ? el("span", { class: "more", text: `+${trace.services.length - 10}`,
              title: plain(trace.services.slice(10).map((service) => service.name || unnamed).join(", ")) }) : null)),
        el("span", { class: "length" }, el("b", { text: duration(trace.duration) }), bar),
        el("span", { class: "size" }, el("b", { text: count(trace.spanCount, "span") }),
          trace.errorCount ? el("span", { class: "errors", text: count(trace.errorCount, "error") }) : null),
        el("time", { class: "when", datetime: trace.timestamp ? new Date(trace.timestamp / 1000).toISOString() : null,
          title: moment(trace.timestamp) },
        el("b", { "data-start": trace.timestamp, text: ago(trace.timestamp) }),
        el("span", { text: clock(trace.timestamp) }))));
  }
}

function root(trace) {
  return el("span", { class: `root ${colour(trace.rootService)}` },
    el("b", { text: plain(trace.rootService || unnamed) }),
    el("span", { class: "operation", text: plain(trace.rootName) }),
    trace.detachedCount ? el("span", { class: "badge warning", text: "incomplete",
      title: `${count(trace.detachedCount, "span")} without the parent they name` }) : null);
}

/** Orders elements without touching those already in place, so that they keep the focus. */
function arrange(parent, nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}
