import { el, failed, notice, skeleton } from "./dom.js";
import { Filters } from "./filters.js";
import { clock, count, lookbacks } from "./format.js";
import { TraceList } from "./list.js";
import { drawPlot } from "./plot.js";
import { addressOf } from "./search-state.js";
import { emptyCollector } from "./start.js";

/** What is seen of a search: the filters, the plot, the list, and what is said around them. */
export class SearchView {
  constructor(search) {
    this.search = search;
    this.page = search.page;
    this.summary = el("p", { class: "summary" });
    this.newer = el("button", { type: "button", class: "newer", hidden: true, onclick: () => search.showNewer(),
      title: "They wait while you are at the list. Show them now (n)" });
    this.trouble = el("p", { class: "banner broken", role: "alert", hidden: true });
    this.plot = el("div", { class: "plot", hidden: true });
    this.list = new TraceList({ pick: (id, isPicked) => search.pick(id, isPicked),
      opened: (id) => { search.page.lastTrace = id; } });
    this.further = el("p", { class: "further", hidden: true });
    this.tray = el("div", { class: "tray", role: "region", "aria-label": "Compare", hidden: true });
  }

  /** Builds the view for a search that has no answer yet. */
  build() {
    const { search, search: { state } } = this;
    this.state = state;
    this.filters = new Filters(state.conditions, { change: (changes) => search.change(changes), search: () => search.refresh() });
    if (state.services) this.filters.setServices(state.services);
    this.page.main.replaceChildren(el("div", { class: "search" }, this.filters.node, this.plot,
      el("div", { class: "bar" }, this.summary, this.trouble, this.newer, this.filters.sort), this.list.node, this.further,
      this.tray));
    this.list.clear(skeleton(8, "Reading the traces"));
  }

  /** Draws an answer; `isSame` if the last one was to the same question. */
  render(result, isSame) {
    const { state, filters } = this;
    const { traces } = state.shown;
    const isEmpty = !traces.length && state.services?.length === 0;
    this.newer.hidden = true;
    this.describe(result);
    this.summary.hidden = isEmpty;
    filters.node.classList.toggle("idle", isEmpty);
    filters.sort.hidden = !traces.length;
    drawPlot(this.plot, traces, (range) => this.search.select(range));
    if (traces.length) this.list.show(traces, state.picked, isSame);
    else this.list.clear(isEmpty ? emptyCollector() : this.nothingFound());
    this.drawTray();
  }

  describe({ traces, isComplete, hasMore }) {
    const failing = traces.filter((trace) => trace.errorCount).length;
    this.summary.replaceChildren(el("b", { text: count(traces.length, "trace") }), hasMore ? " · more match" : "",
      failing ? el("span", { class: "errors", text: ` · ${failing} with errors` }) : "",
      isComplete ? "" : " · the search stopped early; choose a shorter time or a service");
    this.page.say(count(traces.length, "trace") + (hasMore ? ", more match" : ""));
    this.further.hidden = !hasMore;
    const limit = this.state.nextLimit;
    this.further.replaceChildren(limit
      ? el("button", { type: "button", text: `Show ${Number(limit).toLocaleString("en")}`,
        onclick: () => this.search.change({ limit }) })
      : "No more are shown at once: a shorter time or more filters bring the others.");
  }

  nothingFound() {
    const { conditions } = this.state;
    const longer = new URLSearchParams(addressOf({ ...conditions, from: "", to: "", lookback: "7d" }));
    return notice({ title: "No trace matches",
      text: `Nothing like this was recorded ${conditions.to ? "in that time" : `in the last ${lookbacks[conditions.lookback]}`}. `
        + "A longer time or fewer filters may find more." },
    conditions.to || conditions.lookback !== "7d" ? el("a", { class: "button", href: `/?${longer}`, text: "Look at 7 days" }) : null,
    clearing("7d"));
  }

  /** Says how many traces are held back. */
  announce() {
    const traces = this.state.heldBack;
    const number = traces.filter((trace) => !this.list.has(trace.traceId)).length;
    this.newer.hidden = !number;
    this.newer.textContent = `${number}${number && number === traces.length ? "+" : ""} new`;
  }

  drawTray() {
    const ids = this.state.picked;
    this.tray.hidden = !ids.length;
    const compare = ids.length === 2
      ? el("a", { class: "button primary", href: `/compare/${ids[0]}/${ids[1]}`, text: "Compare" })
      : el("span", { text: "Choose another one to compare them." });
    this.tray.replaceChildren(el("b", { text: `${count(ids.length, "trace")} chosen` }), compare,
      el("button", { type: "button", class: "quiet", text: "Clear",
        onclick: () => ids.forEach((id) => this.search.pick(id, false)) }));
  }

  /** Says above the list why there is no newer one. */
  warn(error, readAt) {
    const read = `What is shown was read at ${clock(readAt * 1000).slice(0, 8)}.`;
    this.trouble.textContent = !error.isDown ? `${read} The collector says: ${error.message}`
      : `The collector does not answer${this.state.isLive ? "; it is asked again every few seconds" : ""}. ${read}`;
    this.trouble.hidden = false;
  }

  /** Says in the place of the list why there is none. */
  fail(error) {
    const again = () => this.search.refresh();
    this.empty(error.isDown ? failed(error, "", again)
      : notice({ title: "This search did not work", text: error.message, failed: true },
        el("button", { type: "button", text: "Try again", onclick: again }), clearing()));
  }

  /** Says that what is searched for cannot be meant. */
  refuse(faults) {
    this.filters.complain(faults);
    this.empty(notice({ title: "This cannot be searched for", text: faults.map((fault) => fault.text).join(" "), failed: true },
      clearing()));
  }

  /** Replaces everything but the filters. */
  empty(content) {
    this.plot.hidden = this.filters.sort.hidden = this.newer.hidden = this.further.hidden = this.trouble.hidden = true;
    drawPlot(this.plot, [], () => {});
    this.summary.textContent = "";
    this.list.clear(content);
  }
}

function clearing(lookback) {
  return el("a", { class: "button", href: lookback ? `/?lookback=${lookback}` : "/", text: "Clear the filters" });
}
