import { fetchJSON } from "./dom.js";
import { Hands } from "./hands.js";
import { pressKey, searchKeys } from "./search-keys.js";
import { addressOf, faultIn, SearchState } from "./search-state.js";
import { SearchView } from "./search-view.js";

/** How long the collector may keep a question for an answer that is new, in seconds. */
const wait = 25;

/** The list of traces with its filters. */
export function showSearch(page) {
  document.title = "Traces · kuma-trace";
  page.keys("Traces", searchKeys);
  const search = new Search(page);
  search.restore();
  return { restore: () => search.restore(), leave: () => search.leave() };
}

/** Asks the collector, and holds its answers back while the user is at the list. */
class Search {
  constructor(page) {
    this.page = page;
    this.view = new SearchView(this);
    this.request = new AbortController();
    this.hands = new Hands([this.view.plot, this.view.list.node], () => this.settle());
    const { signal } = (this.end = new AbortController());
    document.addEventListener("visibilitychange", () => this.look(), { signal });
    document.addEventListener("keydown", (event) => pressKey(this, event), { signal });
    window.addEventListener("resize", () => { if (!this.hands.isPressed) this.view.plot.redraw?.(); }, { signal });
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
    const services = this.state?.services ?? page.listed?.services;
    this.state = new SearchState(location.search);
    this.state.services = services;
    page.searchAddress = location.pathname + location.search;
    this.view.build();
    // Who comes back finds the list as it was.
    if (page.listed?.search === this.state.question) {
      this.render(page.listed);
      this.state.cursor = page.listed.result.cursor;
    }
    this.ask();
  }

  refresh() {
    this.state.cursor = undefined;
    return this.ask();
  }

  async ask() {
    clearTimeout(this.timer);
    this.request.abort();
    this.request = new AbortController();
    const { state, view } = this;
    const { faults, question } = state;
    if (faults.length) {
      this.refuse(faults);
      return;
    }
    view.filters.complain([]);
    let pause;
    try {
      pause = await this.askOnce(question, this.request.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      pause = 4000;
      // Once it answers it may be another one.
      state.cursor = undefined;
      if (!this.fail(error, question)) return;
    }
    if (!this.hands.hasSelection) view.list.tellTime();
    if (!this.end.signal.aborted && state.isLive) this.timer = setTimeout(() => this.tick(), pause);
  }

  /** Takes one answer; returns the pause before the next request, in milliseconds. */
  async askOnce(search, signal) {
    const { state, view, page } = this;
    const began = performance.now();
    const [result, services] = await Promise.all([fetchJSON(`/api/summaries?${state.request(wait)}`, signal),
      state.cursor === undefined || !state.services ? fetchJSON("/api/v2/services", signal) : undefined]);
    view.trouble.hidden = true;
    if (services) view.filters.setServices(services);
    const isNews = state.isNews(result);
    const at = Date.now();
    if (isNews) this.take({ search, result, services, at });
    else if (!state.waiting && page.listed) page.listed.at = at;
    state.cursor = result.cursor;
    // A collector that does not wait is not asked more often than every few seconds.
    const isEarly = !isNews && performance.now() - began < 1000 * (wait - 1);
    return !result.cursor || isEarly ? 3000 : 0;
  }

  tick() {
    clearTimeout(this.timer);
    if (document.hidden) this.timer = setTimeout(() => this.tick(), 1000);
    else this.ask();
  }

  /** A browser opens few connections to one host: who is not looked at does not keep one. */
  look() {
    if (!this.state.isLive) return;
    this.request.abort();
    this.tick();
  }

  /** Shows an answer, or holds it back while the user is at the list or the plot. */
  take(answer) {
    const { state, view, hands } = this;
    if (hands.isPressed || (state.isShown(answer.search) && !view.list.isEmpty && hands.isBusy)) {
      state.waiting = answer;
      view.announce();
    } else this.render(answer);
  }

  settle() {
    if (this.state.waiting) this.take(this.state.waiting);
  }

  showNewer() {
    const { state, view } = this;
    const isFocused = document.activeElement === view.newer;
    if (state.waiting) this.render(state.waiting);
    if (isFocused) view.list.node.focus({ preventScroll: true });
  }

  render(answer) {
    const { page, state, view } = this;
    const isSame = state.show(answer);
    page.listed = { ...answer, services: state.services };
    view.render(answer.result, isSame);
    // The first spans of all bring a service with them.
    if (!state.shown.traces.length && state.services?.length === 0) state.services = undefined;
    if (page.lastTrace) view.list.link(page.lastTrace)?.focus({ preventScroll: isSame });
    page.lastTrace = undefined;
  }

  /** Says why there is no list; returns whether it is worth asking again. */
  fail(error, question) {
    if (this.state.isShown(question)) {
      this.view.warn(error, this.page.listed.at);
      return true;
    }
    const fault = error.status === 400 ? faultIn(error.message) : undefined;
    if (fault) {
      this.refuse([fault]);
      return false;
    }
    this.forget();
    this.view.fail(error);
    return error.status !== 400;
  }

  refuse(faults) {
    this.forget();
    this.view.refuse(faults);
  }

  forget() {
    this.state.clear();
    this.page.listed = undefined;
  }

  change(changes, isStep = true) {
    this.state.change(changes);
    this.save(isStep);
    if ("service" in changes) this.view.filters.loadSpans();
    this.view.filters.follow();
    this.refresh();
  }

  save(isStep) {
    this.page.setQuery(addressOf(this.state.conditions), isStep);
    this.page.searchAddress = location.pathname + location.search;
  }

  /** Looks closer at what was marked in the plot. */
  select({ from, to, shortest, longest }) {
    const length = (micros) => micros === undefined ? "" : `${Number((micros / 1000).toPrecision(4))}ms`;
    this.change({ from: String(Math.floor(from / 1000)), to: String(Math.ceil(to / 1000)),
      ...(shortest === undefined ? {} : { min: length(shortest), max: length(longest) }) });
  }

  pick(id, isPicked) {
    this.state.pick(id, isPicked);
    this.view.list.mark(this.state.picked);
    this.save(false);
    this.view.drawTray();
  }
}
