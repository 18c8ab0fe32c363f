import { el, failed, fetchJSON, isTyping, notice, skeleton } from "./dom.js";
import { addressOf, faultIn, faultsOf, isLive, limits, pickedIn, questionOf, readConditions } from "./conditions.js";
import { Filters } from "./filters.js";
import { clock, count, lookbacks } from "./format.js";
import { Hands } from "./hands.js";
import { TraceList } from "./list.js";
import { drawPlot } from "./plot.js";
import { emptyCollector } from "./start.js";

/** How long the collector may keep a question for an answer that is new, in seconds. */
const wait = 25;

const keys = [
  [["/"], "search"], [["j", "k"], "next, previous trace"], [["Enter"], "open it"], [["x"], "choose it for comparing"],
  [["c"], "compare the two that are chosen"], [["n"], "show the new ones"], [["l"], "live or not"],
  [["e"], "errors only, or all"],
];

/** The list of traces with its filters. */
export function showSearch(page) {
  document.title = "Traces · kuma-trace";
  page.keys("Traces", keys);
  const search = new Search(page);
  search.restore();
  return { restore: () => search.restore(), leave: () => search.leave() };
}

class Search {
  constructor(page) {
    this.page = page;
    this.summary = el("p", { class: "summary" });
    this.newer = el("button", { type: "button", class: "newer", hidden: true, onclick: () => this.showNewer() });
    this.trouble = el("p", { class: "banner broken", role: "alert", hidden: true });
    this.plot = el("div", { class: "plot", hidden: true });
    this.list = new TraceList({ pick: (id, isPicked) => this.pick(id, isPicked), opened: (id) => { page.lastTrace = id; } });
    this.further = el("p", { class: "further", hidden: true });
    this.tray = el("div", { class: "tray", role: "region", "aria-label": "Compare", hidden: true });
    this.request = new AbortController();
    this.hands = new Hands([this.plot, this.list.node], () => this.settle());
    const { signal } = (this.end = new AbortController());
    document.addEventListener("visibilitychange", () => this.look(), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("resize", () => { if (!this.hands.isPressed) this.plot.redraw?.(); }, { signal });
  }

  leave() {
    this.end.abort();
    this.hands.leave();
    clearTimeout(this.timer);
    this.request.abort();
  }

  /** Shows what the address says. */
  restore() {
    const { page } = this;
    this.state = readConditions(location.search);
    page.searchAddress = location.pathname + location.search;
    this.filters = new Filters(this.state, { change: (changes) => this.change(changes), search: () => this.refresh() });
    this.services ??= page.listed?.services;
    if (this.services) this.filters.setServices(this.services);
    this.shown = this.waiting = undefined;
    page.main.replaceChildren(el("div", { class: "search" }, this.filters.node, this.plot,
      el("div", { class: "bar" }, this.summary, this.trouble, this.newer, this.filters.sort), this.list.node, this.further, this.tray));
    this.list.clear(skeleton(8, "Reading the traces"));
    this.cursor = undefined;
    // Who comes back finds the list as it was.
    if (page.listed?.search === String(questionOf(this.state))) {
      this.render(page.listed);
      this.cursor = page.listed.result.cursor;
    }
    this.ask();
  }

  refresh() {
    this.cursor = undefined;
    return this.ask();
  }

  // Asking

  async ask() {
    clearTimeout(this.timer);
    this.request.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    const faults = faultsOf(this.state);
    this.filters.complain(faults);
    if (faults.length) {
      this.refuse(faults);
      return;
    }
    const search = String(questionOf(this.state));
    const began = performance.now();
    let pause = 0;
    try {
      const [result, services] = await Promise.all([this.fetch(search, signal),
        this.cursor === undefined || !this.services ? fetchJSON("/api/v2/services", signal) : undefined]);
      this.trouble.hidden = true;
      if (services) this.filters.setServices(services);
      // A collector that does not wait is not asked more often than every few seconds.
      if (!result.cursor || (result.cursor === this.cursor && performance.now() - began < 1000 * (wait - 1))) pause = 3000;
      const at = Date.now();
      if (!result.cursor || result.cursor !== this.cursor) this.take({ search, result, services, at });
      else if (!this.waiting && this.page.listed) this.page.listed.at = at;
      this.cursor = result.cursor;
    } catch (error) {
      if (error.name === "AbortError") return;
      pause = 4000;
      // Once it answers it may be another one.
      this.cursor = undefined;
      if (!this.fail(error, search)) return;
    }
    if (!this.hands.hasSelection) this.list.tellTime();
    if (!this.end.signal.aborted && isLive(this.state)) this.timer = setTimeout(() => this.tick(), pause);
  }

  fetch(search, signal) {
    const query = new URLSearchParams(search);
    if (isLive(this.state) && this.cursor !== undefined) {
      query.set("after", this.cursor);
      query.set("wait", wait);
    }
    return fetchJSON(`/api/summaries?${query}`, signal);
  }

  tick() {
    clearTimeout(this.timer);
    if (document.hidden) this.timer = setTimeout(() => this.tick(), 1000);
    else this.ask();
  }

  /** A browser opens few connections to one host: who is not looked at does not keep one. */
  look() {
    if (!isLive(this.state)) return;
    this.request.abort();
    this.tick();
  }

  // Showing

  /** Takes an answer. One to the search that is shown waits as long as a person is at the list or the plot. */
  take(answer) {
    const isSame = this.shown?.search === answer.search;
    if (this.hands.isPressed || (isSame && !this.list.isEmpty && this.hands.isBusy)) {
      this.waiting = answer;
      this.announce();
    } else this.render(answer);
  }

  settle() {
    if (this.waiting) this.take(this.waiting);
  }

  /** Says how many traces wait to be shown. */
  announce() {
    const traces = this.waiting?.search === this.shown?.search ? this.waiting?.result.traces ?? [] : [];
    const number = traces.filter((trace) => !this.list.has(trace.traceId)).length;
    this.newer.hidden = !number;
    this.newer.textContent = `${number}${number && number === traces.length ? "+" : ""} new`;
    this.newer.title = "They wait while you are at the list. Show them now (n)";
  }

  showNewer() {
    const isFocused = document.activeElement === this.newer;
    if (this.waiting) this.render(this.waiting);
    if (isFocused) this.list.node.focus({ preventScroll: true });
  }

  /** Says why there is no list; gives whether it may come if the collector is asked again. */
  fail(error, search) {
    if (this.shown?.search === search) {
      const read = `What is shown was read at ${clock(this.page.listed.at * 1000).slice(0, 8)}.`;
      this.trouble.textContent = !error.isDown ? `${read} The collector says: ${error.message}`
        : `The collector does not answer${isLive(this.state) ? "; it is asked again every few seconds" : ""}. ${read}`;
      this.trouble.hidden = false;
      return true;
    }
    const fault = error.status === 400 ? faultIn(error.message) : undefined;
    if (fault) {
      this.filters.complain([fault]);
      this.refuse([fault]);
      return false;
    }
    this.empty(error.isDown ? failed(error, "", () => this.refresh())
      : notice({ title: "This search did not work", text: error.message, failed: true },
        el("button", { type: "button", text: "Try again", onclick: () => this.refresh() }), clearing()));
    return error.status !== 400;
  }

  /** Says that what is searched for cannot be meant. */
  refuse(faults) {
    this.empty(notice({ title: "This cannot be searched for", text: faults.map((fault) => fault.text).join(" "), failed: true },
      clearing()));
  }

  /** Leaves nothing of the last answer. */
  empty(content) {
    this.shown = this.waiting = undefined;
    this.page.listed = undefined;
    this.plot.hidden = this.filters.sort.hidden = this.newer.hidden = this.further.hidden = this.trouble.hidden = true;
    drawPlot(this.plot, [], () => {});
    this.summary.textContent = "";
    this.list.clear(content);
  }

  render(answer) {
    const { page } = this;
    const { search, result, services } = answer;
    const isSame = this.shown?.search === search;
    const traces = isSame ? this.withPicked(result.traces) : result.traces;
    this.services = services ?? this.services;
    this.shown = { search, traces };
    this.waiting = undefined;
    this.newer.hidden = true;
    page.listed = { ...answer, services: this.services };
    this.describe(result);
    const isEmpty = !traces.length && this.services?.length === 0;
    this.summary.hidden = isEmpty;
    this.filters.node.classList.toggle("idle", isEmpty);
    this.filters.sort.hidden = !traces.length;
    drawPlot(this.plot, traces, (range) => this.select(range));
    if (traces.length) this.list.show(traces, pickedIn(this.state), isSame);
    else this.list.clear(isEmpty ? emptyCollector() : this.nothingFound());
    // The first spans of all bring a service with them.
    if (isEmpty) this.services = undefined;
    if (page.lastTrace) this.list.link(page.lastTrace)?.focus({ preventScroll: isSame });
    page.lastTrace = undefined;
    this.drawTray();
  }

  /** What is chosen stays, also when newer traces would push it out. */
  withPicked(traces) {
    const picked = new Set(pickedIn(this.state));
    for (const { traceId } of traces) picked.delete(traceId);
    return traces.concat(this.shown.traces.filter(({ traceId }) => picked.has(traceId)));
  }

  describe({ traces, isComplete, hasMore }) {
    const failing = traces.filter((trace) => trace.errorCount).length;
    this.summary.replaceChildren(el("b", { text: count(traces.length, "trace") }), hasMore ? " · more match" : "",
      failing ? el("span", { class: "errors", text: ` · ${failing} with errors` }) : "",
      isComplete ? "" : " · the search stopped early; choose a shorter time or a service");
    this.page.say(count(traces.length, "trace") + (hasMore ? ", more match" : ""));
    this.further.hidden = !hasMore;
    const next = limits[limits.indexOf(this.state.limit) + 1];
    this.further.replaceChildren(next
      ? el("button", { type: "button", text: `Show ${Number(next).toLocaleString("en")}`, onclick: () => this.change({ limit: next }) })
      : "No more are shown at once: a shorter time or more filters bring the others.");
  }

  nothingFound() {
    const { state } = this;
    const longer = new URLSearchParams(addressOf({ ...state, from: "", to: "", lookback: "7d" }));
    return notice({ title: "No trace matches",
      text: `Nothing like this was recorded ${state.to ? "in that time" : `in the last ${lookbacks[state.lookback]}`}. `
        + "A longer time or fewer filters may find more." },
    state.to || state.lookback !== "7d" ? el("a", { class: "button", href: `/?${longer}`, text: "Look at 7 days" }) : null,
    clearing("7d"));
  }

  // Changing

  /** Takes changes of the filters: into the address, then searches. */
  change(changes, isStep = true) {
    Object.assign(this.state, changes);
    if ("service" in changes) this.state.span = changes.span ?? "";
    if ("lookback" in changes) this.state.from = this.state.to = "";
    this.save(isStep);
    if ("service" in changes) this.filters.loadSpans();
    this.filters.follow();
    this.refresh();
  }

  save(isStep) {
    this.page.setQuery(addressOf(this.state), isStep);
    this.page.searchAddress = location.pathname + location.search;
  }

  /** Looks closer at what was marked in the plot. */
  select({ from, to, shortest, longest }) {
    const length = (micros) => micros === undefined ? "" : `${Number((micros / 1000).toPrecision(4))}ms`;
    this.change({ from: String(Math.floor(from / 1000)), to: String(Math.ceil(to / 1000)),
      ...(shortest === undefined ? {} : { min: length(shortest), max: length(longest) }) });
  }

  pick(id, isPicked) {
    const ids = pickedIn(this.state).filter((other) => other !== id);
    if (isPicked) ids.push(id);
    this.state.pick = ids.slice(-2).join(".");
    this.list.mark(pickedIn(this.state));
    this.save(false);
    this.drawTray();
  }

  drawTray() {
    const ids = pickedIn(this.state);
    this.tray.hidden = !ids.length;
    const compare = ids.length === 2
      ? el("a", { class: "button primary", href: `/compare/${ids[0]}/${ids[1]}`, text: "Compare" })
      : el("span", { text: "Choose another one to compare them." });
    this.tray.replaceChildren(el("b", { text: `${count(ids.length, "trace")} chosen` }), compare,
      el("button", { type: "button", class: "quiet", text: "Clear", onclick: () => ids.forEach((id) => this.pick(id, false)) }));
  }

  key(event) {
    if (isTyping(event)) return;
    const rows = [...this.list.node.querySelectorAll(".trace")];
    const present = rows.indexOf(document.activeElement?.closest?.(".trace"));
    const focus = (index) => rows[index]?.querySelector("a").focus();
    const ids = pickedIn(this.state);
    if (event.key === "/") document.getElementById("filter-q").focus();
    else if (event.key === "j" || event.key === "ArrowDown") focus(Math.min(rows.length - 1, present + 1));
    else if (event.key === "k" || event.key === "ArrowUp") focus(Math.max(0, present - 1));
    else if (event.key === "x" && present >= 0) this.pick(rows[present].dataset.trace, !ids.includes(rows[present].dataset.trace));
    else if (event.key === "c" && ids.length === 2) this.page.open(`/compare/${ids[0]}/${ids[1]}`);
    else if (event.key === "n" && this.waiting) this.showNewer();
    else if (event.key === "l" || event.key === "e") document.getElementById(event.key === "l" ? "filter-live" : "filter-errors").click();
    else return;
    event.preventDefault();
  }
}

function clearing(lookback) {
  return el("a", { class: "button", href: lookback ? `/?lookback=${lookback}` : "/", text: "Clear the filters" });
}
