import { chip, colour, el, failed, fetchJSON, isTyping, notice, setOptions, skeleton, unnamed } from "./dom.js";
import { ago, clock, count, duration, lookbackLength, lookbacks, moment, parseDuration, plain } from "./format.js";
import { drawPlot } from "./plot.js";
import { emptyCollector } from "./start.js";

const defaults = {
  service: "", span: "", q: "", min: "", max: "", errors: "", lookback: "1h", from: "", to: "", limit: "50",
  sort: "newest", live: "1", pick: "",
};
/** How long the collector may keep a question for an answer that is new, in seconds. */
const wait = 25;

const keys = [
  [["/"], "search"], [["j", "k"], "next, previous trace"], [["Enter"], "open it"], [["x"], "choose it for comparing"],
  [["c"], "compare the two that are chosen"], [["l"], "live or not"], [["e"], "errors only, or all"],
];

/** The list of traces with its filters. */
export function showSearch(page) {
  document.title = "Traces · kuma-trace";
  page.keys("Traces", keys);
  const state = {};
  const summary = el("p", { class: "summary" });
  const trouble = el("p", { class: "banner broken", role: "alert", hidden: true });
  const plot = el("div", { class: "plot", hidden: true });
  const list = el("ul", { class: "traces", "aria-label": "Traces" });
  const tray = el("div", { class: "tray", role: "region", "aria-label": "Compare", hidden: true });
  let form;
  let request = new AbortController();
  let timer;
  let shown;
  let known = new Set();
  let cursor;
  let isLeft = false;

  function restore() {
    Object.assign(state, defaults);
    for (const [key, value] of new URLSearchParams(location.search)) if (key in defaults) state[key] = value;
    if (!(state.lookback in lookbacks)) state.lookback = defaults.lookback;
    if (!(Number(state.to) > Number(state.from))) state.from = state.to = "";
    page.searchAddress = location.pathname + location.search;
    form = filters();
    shown = undefined;
    known = new Set();
    page.main.replaceChildren(el("div", { class: "search" }, form.node, trouble, plot, el("div", { class: "bar" }, summary,
      form.sort), list, tray));
    list.replaceChildren(el("li", {}, skeleton(8, "Reading the traces")));
    refresh();
  }

  async function refresh() {
    cursor = undefined;
    await ask();
  }

  async function ask() {
    clearTimeout(timer);
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const began = performance.now();
    let pause = 0;
    try {
      const isFirst = cursor === undefined;
      const [result, services] = await Promise.all([
        fetchJSON(`/api/summaries?${parameters()}`, signal), isFirst ? fetchJSON("/api/v2/services", signal) : undefined,
      ]);
      trouble.hidden = true;
      if (isFirst) form.setServices(services);
      // A collector that does not wait is not asked more often than every few seconds.
      if (!result.cursor || (result.cursor === cursor && performance.now() - began < 1000 * (wait - 1))) pause = 3000;
      if (!result.cursor || result.cursor !== cursor) render(result, services);
      cursor = result.cursor;
    } catch (error) {
      if (error.name === "AbortError") return;
      pause = 4000;
      if (shown === undefined || !error.isDown) showFailure(error);
      else {
        trouble.textContent = "The collector does not answer. What is below was read before; it is asked again every few seconds.";
        trouble.hidden = false;
      }
      // Once it answers it may be another one.
      cursor = undefined;
    }
    for (const node of list.querySelectorAll("[data-start]")) node.textContent = ago(Number(node.dataset.start));
    if (!isLeft && isLive()) timer = setTimeout(tick, pause);
  }

  function tick() {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(tick, 1000);
    else ask();
  }

  function showFailure(error) {
    shown = undefined;
    plot.hidden = true;
    form.sort.hidden = true;
    summary.textContent = "";
    list.replaceChildren(el("li", {}, error.isDown ? failed(error, "", refresh)
      : notice({ title: "This search did not work", text: error.message, failed: true },
        el("button", { type: "button", text: "Try again", onclick: refresh }),
        el("a", { class: "button", href: "/", text: "Clear the filters" }))));
  }

  function isLive() { return state.live === "1" && !state.to; }

  function parameters() {
    const longest = parseDuration(state.max);
    const query = new URLSearchParams({ limit: longest ? Math.min(1000, 4 * state.limit) : state.limit });
    if (state.to) {
      query.set("endTs", Math.ceil(state.to));
      query.set("lookback", Math.max(1, Math.ceil(state.to - state.from)));
    } else query.set("lookback", lookbackLength(state.lookback));
    if (state.service) query.set("serviceName", state.service);
    if (state.span) query.set("spanName", state.span);
    if (state.q) query.set("annotationQuery", state.q);
    if (state.errors) query.set("errorsOnly", "true");
    const minimum = parseDuration(state.min);
    if (minimum) query.set("minDuration", minimum);
    if (isLive() && cursor !== undefined) {
      query.set("after", cursor);
      query.set("wait", wait);
    }
    return query;
  }

  /** Takes changes of the filters: into the address, then searches. */
  function change(changes, isStep = true) {
    Object.assign(state, changes);
    if ("service" in changes) state.span = changes.span ?? "";
    if ("lookback" in changes) state.from = state.to = "";
    save(isStep);
    if ("service" in changes) form.loadSpans();
    form.follow();
    refresh();
  }

  function save(isStep) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== defaults[name]) query.set(name, value);
    page.setQuery(query, isStep);
    page.searchAddress = location.pathname + location.search;
  }

  function filters() {
    const select = (key, label, options) => {
      const field = el("select", { id: `filter-${key}`, onchange: () => change({ [key]: field.value }) });
      setOptions(field, options, state[key]);
      return [el("label", { class: `field ${key}` }, el("span", { text: label }), field), field];
    };
    const input = (key, placeholder, extra) => el("input", {
      type: "text", id: `filter-${key}`, placeholder, value: state[key], spellcheck: "false", autocomplete: "off", ...extra,
      onchange: (event) => change({ [key]: event.target.value.trim() }),
    });
    const [serviceLabel, service] = select("service", "Service", [["", "All services"]]);
    const [spanLabel, span] = select("span", "Operation", [["", "All operations"]]);
    const [lookbackLabel, lookback] = select("lookback", "Time",
      Object.entries(lookbacks).map(([key, name]) => [key, `Last ${name}`]));
    const [limitLabel] = select("limit", "Show", ["20", "50", "100", "200", "500"].map((value) => [value, value]));
    const [sortLabel] = select("sort", "Sort by", [["newest", "newest"], ["longest", "longest"],
      ["spans", "most spans"], ["errors", "most errors"]]);
    sortLabel.className = "sort";
    const toggle = (key, label, title) => {
      const box = el("input", {
        type: "checkbox", id: `filter-${key}`, checked: state[key] === "1",
        onchange: () => change({ [key]: box.checked ? "1" : key === "live" ? "0" : "" }),
      });
      return el("label", { class: `toggle ${key}`, title }, box, el("span", { text: label }));
    };
    const lengths = { pattern: "\\s*\\d+(\\.\\d+)?\\s*(us|µs|ms|s|m|min)?\\s*", title: "250us, 100ms, 1.5s or 2m" };
    const minimum = input("min", "from", { ...lengths, "aria-label": "Duration from" });
    const maximum = input("max", "to", { ...lengths, "aria-label": "Duration to" });
    const range = el("button", { type: "button", class: "range", title: "Back to the latest traces",
      onclick: () => change({ from: "", to: "" }) });
    const live = toggle("live", "Live", "Show traces as they arrive");
    const node = el("form", { class: "filters", role: "search", "aria-label": "Traces",
      onsubmit: (event) => { event.preventDefault(); refresh(); } },
    serviceLabel, spanLabel,
    el("label", { class: "field q" }, el("span", { text: "Tags" }), input("q", "http.status_code=503 and error")),
    el("div", { class: "field duration" }, el("span", { text: "Duration" }), el("div", { class: "two" }, minimum, maximum)),
    el("div", { class: "field time" }, lookbackLabel, range),
    limitLabel, el("div", { class: "toggles" }, toggle("errors", "Errors only"), live));

    async function loadSpans() {
      let names = [];
      if (state.service) {
        names = await fetchJSON(`/api/v2/spans?serviceName=${encodeURIComponent(state.service)}`).catch(() => []);
      }
      setOptions(span, [["", "All operations"], ...names.map((name) => [name, name])], state.span);
      span.disabled = !state.service;
    }
    function follow() {
      [minimum.value, maximum.value, lookback.value] = [state.min, state.max, state.lookback];
      range.hidden = !state.to;
      lookbackLabel.hidden = Boolean(state.to);
      if (state.to) {
        range.replaceChildren(el("span", { text: "Time" }), el("b", {}, el("span", {
          text: `${clock(state.from * 1000).slice(0, 8)} – ${clock(state.to * 1000).slice(0, 8)}` }), " ×"));
        range.setAttribute("aria-label", `From ${moment(state.from * 1000)} to ${moment(state.to * 1000)}; press for the latest`);
      }
      live.classList.toggle("idle", Boolean(state.to));
    }
    follow();
    loadSpans();
    return {
      node, loadSpans, follow, sort: sortLabel,
      setServices(services) {
        setOptions(service, [["", "All services"], ...services.map((name) => [name, name])], state.service);
      },
    };
  }

  function render(result, services) {
    const key = JSON.stringify([result.traces, result.isComplete, state.sort]);
    if (key === shown) return;
    const isFirst = shown === undefined;
    shown = key;
    const longest = parseDuration(state.max);
    const traces = result.traces.filter((trace) => !longest || trace.duration <= longest)
      .slice(0, Number(state.limit));
    const order = {
      longest: (a, b) => b.duration - a.duration, spans: (a, b) => b.spanCount - a.spanCount,
      errors: (a, b) => b.errorCount - a.errorCount,
    }[state.sort];
    if (order) traces.sort(order);
    const failing = traces.filter((trace) => trace.errorCount).length;
    summary.replaceChildren(
      el("b", { text: count(traces.length, "trace") }),
      failing ? el("span", { class: "errors", text: ` · ${failing} with errors` }) : "",
      result.isComplete ? "" : " · the search stopped early; choose a shorter time or a service");
    page.say(count(traces.length, "trace"));
    form.sort.hidden = !traces.length;
    drawPlot(plot, traces, select);
    const isEmpty = !traces.length && isFirst && services && !services.length;
    summary.hidden = isEmpty;
    form.node.classList.toggle("idle", Boolean(isEmpty));
    if (!traces.length) {
      if (isFirst) list.replaceChildren(el("li", {}, isEmpty ? emptyCollector() : nothingFound()));
      // The first spans of all are found with the next question.
      if (isEmpty) shown = undefined;
      drawTray();
      return;
    }
    const focused = document.activeElement?.closest?.(".trace")?.dataset.trace ?? page.lastTrace;
    const most = Math.max(1, ...traces.map((trace) => trace.duration));
    list.replaceChildren(...traces.map((trace) => row(trace, most, !isFirst && !known.has(trace.traceId))));
    known = new Set(traces.map((trace) => trace.traceId));
    if (focused) list.querySelector(`[data-trace="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: !isFirst });
    page.lastTrace = undefined;
    drawTray();
  }

  /** Looks closer at what was marked in the plot. */
  function select({ from, to, shortest, longest }) {
    const length = (micros) => micros === undefined ? "" : `${Number((micros / 1000).toPrecision(4))}ms`;
    change({ from: String(Math.floor(from / 1000)), to: String(Math.ceil(to / 1000)),
      ...(shortest === undefined ? {} : { min: length(shortest), max: length(longest) }) });
  }

  function row(trace, most, isNew) {
    const id = trace.traceId;
    const bar = el("span", { class: `meter ${trace.errorCount ? "error" : ""}` }, el("i"));
    bar.firstChild.style.width = `${Math.max(0.8, (100 * trace.duration) / most)}%`;
    const box = el("input", { type: "checkbox", "aria-label": "Choose for comparing", title: "Choose for comparing",
      checked: picked().includes(id), onchange: () => pick(id, box.checked) });
    return el("li", { class: `trace${trace.errorCount ? " failed" : ""}${isNew ? " new" : ""}`, "data-trace": id },
      el("label", { class: "pick" }, box),
      el("a", { href: `/traces/${id}`, onclick: () => { page.lastTrace = id; } },
        el("span", { class: "what" },
          el("span", { class: `root ${colour(trace.rootService)}` },
            el("b", { text: plain(trace.rootService || unnamed) }),
            el("span", { class: "operation", text: plain(trace.rootName) }),
            trace.detachedCount ? el("span", { class: "badge warning", text: "incomplete",
              title: `${count(trace.detachedCount, "span")} without the parent they name` }) : null),
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

  function nothingFound() {
    return notice({ title: "No trace matches",
      text: `Nothing like this was recorded ${state.to ? "in that time" : `in the last ${lookbacks[state.lookback]}`}. `
        + "A longer time or fewer filters may find more." },
    el("a", { class: "button", href: "/?lookback=7d", text: "Clear the filters" }));
  }

  function picked() { return state.pick.split(".").filter((id) => /^[0-9a-f]{1,32}$/.test(id)); }

  function pick(id, isPicked) {
    const ids = picked().filter((other) => other !== id);
    if (isPicked) ids.push(id);
    state.pick = ids.slice(-2).join(".");
    for (const line of list.querySelectorAll(".trace")) {
      line.querySelector("input").checked = picked().includes(line.dataset.trace);
    }
    save(false);
    drawTray();
  }

  function drawTray() {
    const ids = picked();
    tray.hidden = !ids.length;
    const compare = ids.length === 2
      ? el("a", { class: "button primary", href: `/compare/${ids[0]}/${ids[1]}`, text: "Compare" })
      : el("span", { text: "Choose another one to compare them." });
    tray.replaceChildren(el("b", { text: `${count(ids.length, "trace")} chosen` }), compare,
      el("button", { type: "button", class: "quiet", text: "Clear", onclick: () => ids.forEach((id) => pick(id, false)) }));
  }

  function key(event) {
    if (isTyping(event)) return;
    const rows = [...list.querySelectorAll(".trace")];
    const present = rows.indexOf(document.activeElement?.closest?.(".trace"));
    const focus = (index) => rows[index]?.querySelector("a").focus();
    const ids = picked();
    if (event.key === "/") document.getElementById("filter-q").focus();
    else if (event.key === "j" || event.key === "ArrowDown") focus(Math.min(rows.length - 1, present + 1));
    else if (event.key === "k" || event.key === "ArrowUp") focus(Math.max(0, present - 1));
    else if (event.key === "x" && present >= 0) pick(rows[present].dataset.trace, !ids.includes(rows[present].dataset.trace));
    else if (event.key === "c" && ids.length === 2) page.open(`/compare/${ids[0]}/${ids[1]}`);
    else if (event.key === "l" || event.key === "e") document.getElementById(event.key === "l" ? "filter-live" : "filter-errors").click();
    else return;
    event.preventDefault();
  }

  const onResize = () => { plot.redraw?.(); };
  // A browser opens few connections to one host: who is not looked at does not keep one.
  const onVisibility = () => {
    if (!isLive()) return;
    request.abort();
    tick();
  };
  document.addEventListener("visibilitychange", onVisibility);
  document.addEventListener("keydown", key);
  window.addEventListener("resize", onResize);
  restore();
  return {
    restore,
    leave() {
      isLeft = true;
      clearTimeout(timer);
      request.abort();
      document.removeEventListener("visibilitychange", onVisibility);
      document.removeEventListener("keydown", key);
      window.removeEventListener("resize", onResize);
    },
  };
}
