extension PageFiles {
  /// The list of traces with its filters.
  static let searchScript = ##"""
    import { ago, chip, clock, colour, count, duration, el, fetchJSON, moment, notice, parseDuration, plain, skeleton,
      unnamed } from "./dom.js";
    import { drawPlot } from "./plot.js";
    import { emptyCollector } from "./start.js";

    const lookbacks = {
      "5m": "5 minutes", "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "7d": "7 days",
    };
    const milliseconds = { m: 60e3, h: 3600e3, d: 86400e3 };
    const defaults = {
      service: "", span: "", q: "", min: "", errors: "", lookback: "1h", limit: "50", sort: "newest", live: "1",
    };

    /** The list of traces with its filters. */
    export function showSearch(page) {
      document.title = "Traces · kuma-trace";
      page.hints([[["/"], "filter"], [["j", "k"], "move"], [["Enter"], "open"]]);
      const state = { ...defaults };
      for (const [key, value] of new URLSearchParams(location.search)) if (key in defaults) state[key] = value;
      if (!(state.lookback in lookbacks)) state.lookback = defaults.lookback;
      page.searchAddress = location.pathname + location.search;

      const summary = el("p", { class: "summary" });
      const plot = el("div", { class: "plot", hidden: true });
      const list = el("div", { class: "traces" }, skeleton(8, "Reading the traces"));
      const form = filters();
      page.main.replaceChildren(el("div", { class: "search" }, form.node, plot, el("div", { class: "bar" }, summary,
        form.sort), list));

      let request = new AbortController();
      let timer;
      let shown = "";
      let isLeft = false;

      async function refresh() {
        clearTimeout(timer);
        request.abort();
        request = new AbortController();
        const { signal } = request;
        try {
          const [result, services] = await Promise.all([
            fetchJSON(`/api/summaries?${parameters()}`, signal), fetchJSON("/api/v2/services", signal),
          ]);
          form.setServices(services);
          render(result, services);
        } catch (error) {
          if (error.name === "AbortError") return;
          shown = "";
          plot.hidden = true;
          summary.textContent = "";
          list.replaceChildren(notice({ title: "This search did not work", text: error.message, failed: true },
            el("button", { type: "button", text: "Try again", onclick: refresh })));
        }
        if (!isLeft && state.live === "1") timer = setTimeout(tick, 3000);
      }

      function tick() {
        if (document.hidden) timer = setTimeout(tick, 1000);
        else refresh();
      }

      function parameters() {
        const query = new URLSearchParams({ limit: state.limit, lookback: lookbackMilliseconds() });
        if (state.service) query.set("serviceName", state.service);
        if (state.span) query.set("spanName", state.span);
        if (state.q) query.set("annotationQuery", state.q);
        if (state.errors) query.set("errorsOnly", "true");
        const minimum = parseDuration(state.min);
        if (minimum) query.set("minDuration", minimum);
        return query;
      }

      function lookbackMilliseconds() {
        return Number.parseInt(state.lookback, 10) * milliseconds[state.lookback.slice(-1)];
      }

      /** Takes a change of the filters: into the address, then searches. */
      function change(key, value) {
        state[key] = value;
        if (key === "service") state.span = "";
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(state)) if (value !== defaults[name]) query.set(name, value);
        page.searchAddress = query.size ? `/?${query}` : "/";
        history.replaceState(null, "", page.searchAddress);
        if (key === "service") form.loadSpans();
        refresh();
      }

      // Filters

      function filters() {
        const select = (key, label, options) => {
          const field = el("select", { id: `filter-${key}`, onchange: () => change(key, field.value) });
          setOptions(field, options, state[key]);
          return [el("label", { class: "field" }, el("span", { text: label }), field), field];
        };
        const input = (key, label, placeholder, extra) => {
          const field = el("input", {
            type: "text", placeholder, value: state[key], spellcheck: "false", autocomplete: "off", ...extra,
            onchange: () => change(key, field.value.trim()),
          });
          return el("label", { class: `field ${key}` }, el("span", { text: label }), field);
        };
        const [serviceLabel, service] = select("service", "Service", [["", "All services"]]);
        const [spanLabel, span] = select("span", "Operation", [["", "All operations"]]);
        const [lookbackLabel] = select("lookback", "Time",
          Object.entries(lookbacks).map(([key, name]) => [key, `Last ${name}`]));
        const [limitLabel] = select("limit", "Show", ["20", "50", "100", "200", "500"].map((value) => [value, value]));
        const [sortLabel] = select("sort", "Sort by", [["newest", "newest"], ["longest", "longest"],
          ["spans", "most spans"], ["errors", "most errors"]]);
        sortLabel.className = "sort";
        const toggle = (key, label) => {
          const box = el("input", {
            type: "checkbox", checked: state[key] === "1",
            onchange: () => change(key, box.checked ? "1" : key === "live" ? "0" : ""),
          });
          return el("label", { class: `toggle ${key}` }, box, el("span", { text: label }));
        };
        const minimum = input("min", "Min duration", "100ms", {
          pattern: "\\s*\\d+(\\.\\d+)?\\s*(us|µs|ms|s|m|min)?\\s*", title: "250us, 100ms, 1.5s or 2m",
        });
        const node = el("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); refresh(); } },
          serviceLabel, spanLabel, input("q", "Tags", "http.status_code=503 and error"), minimum, lookbackLabel,
          limitLabel, el("div", { class: "toggles" }, toggle("errors", "Errors only"), toggle("live", "Live")));

        async function loadSpans() {
          let names = [];
          if (state.service) {
            names = await fetchJSON(`/api/v2/spans?serviceName=${encodeURIComponent(state.service)}`).catch(() => []);
          }
          setOptions(span, [["", "All operations"], ...names.map((name) => [name, name])], state.span);
          span.disabled = !state.service;
        }
        loadSpans();
        return {
          node, loadSpans, sort: sortLabel,
          setServices(services) {
            setOptions(service, [["", "All services"], ...services.map((name) => [name, name])], state.service);
          },
        };
      }

      // Results

      function render(result, services) {
        // What is selected and focused stays so: nothing is drawn anew that has not changed.
        const key = JSON.stringify([result, state.sort]);
        if (key === shown) {
          for (const node of list.querySelectorAll("[data-start]")) {
            node.textContent = ago(Number(node.dataset.start));
          }
          return;
        }
        shown = key;
        const traces = [...result.traces];
        const order = {
          longest: (a, b) => b.duration - a.duration, spans: (a, b) => b.spanCount - a.spanCount,
          errors: (a, b) => b.errorCount - a.errorCount,
        }[state.sort];
        if (order) traces.sort(order);
        const focused = document.activeElement?.getAttribute?.("href");
        const failed = traces.filter((trace) => trace.errorCount).length;
        summary.replaceChildren(
          el("b", { text: count(traces.length, "trace") }),
          failed ? el("span", { class: "errors", text: ` · ${failed} with errors` }) : "",
          result.isComplete ? "" : " · the search stopped early; choose a shorter time or a service");
        page.say(`${traces.length} traces`);
        form.sort.hidden = !traces.length;
        summary.hidden = !traces.length && !services.length;
        drawPlot(plot, traces);
        if (!traces.length) {
          list.replaceChildren(services.length ? nothingFound() : emptyCollector());
          return;
        }
        const longest = Math.max(1, ...traces.map((trace) => trace.duration));
        list.replaceChildren(...traces.map((trace) => row(trace, longest)));
        if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
        else if (page.lastTrace) list.querySelector(`a[href="${CSS.escape(page.lastTrace)}"]`)?.focus();
        page.lastTrace = undefined;
      }

      function row(trace, longest) {
        const bar = el("span", { class: `meter ${trace.errorCount ? "error" : ""}` }, el("i"));
        bar.firstChild.style.width = `${Math.max(0.8, (100 * trace.duration) / longest)}%`;
        return el("a", { class: `trace ${trace.errorCount ? "failed" : ""}`, href: `/traces/${trace.traceId}`,
          onclick: () => { page.lastTrace = `/traces/${trace.traceId}`; } },
          el("span", { class: "what" },
            el("span", { class: `root ${colour(trace.rootService)}` },
              el("b", { text: trace.rootService || unnamed }), el("span", { class: "operation", text: trace.rootName }),
              trace.detachedCount ? el("span", { class: "badge warning", text: "incomplete",
                title: `${count(trace.detachedCount, "span")} without the parent they name` }) : null),
            el("span", { class: "chips" }, trace.services.slice(0, 10).map(chip),
              trace.services.length > 10 ? el("span", { class: "more", text: `+${trace.services.length - 10}`,
                title: plain(trace.services.slice(10).map((service) => service.name || unnamed).join(", ")) }) : null)),
          el("span", { class: "length" }, el("b", { text: duration(trace.duration) }), bar),
          el("span", { class: "size" }, el("b", { text: count(trace.spanCount, "span") }),
            trace.errorCount ? el("span", { class: "errors", text: count(trace.errorCount, "error") }) : null),
          el("time", { class: "when", datetime: trace.timestamp ? new Date(trace.timestamp / 1000).toISOString() : null,
            title: moment(trace.timestamp) },
            el("b", { "data-start": trace.timestamp, text: ago(trace.timestamp) }),
            el("span", { text: clock(trace.timestamp) })));
      }

      function nothingFound() {
        return notice({ title: "No trace matches",
          text: `Nothing like this was recorded in the last ${lookbacks[state.lookback]}. `
            + "A longer time or fewer filters may find more." },
        el("button", { type: "button", text: "Clear the filters", onclick: () => page.open("/?lookback=7d") }));
      }

      // Keyboard

      function keys(event) {
        if (event.target.matches?.("input, select, textarea")) return;
        if (event.metaKey || event.ctrlKey || event.altKey) return;
        const rows = [...list.querySelectorAll("a.trace")];
        const present = rows.indexOf(document.activeElement);
        if (event.key === "/") document.getElementById("filter-service").focus();
        else if (event.key === "j" || event.key === "ArrowDown") rows[present + 1]?.focus();
        else if (event.key === "k" || event.key === "ArrowUp") rows[Math.max(0, present - 1)]?.focus();
        else return;
        event.preventDefault();
      }

      document.addEventListener("keydown", keys);
      refresh();
      return () => {
        isLeft = true;
        clearTimeout(timer);
        request.abort();
        document.removeEventListener("keydown", keys);
      };
    }

    function setOptions(field, options, value) {
      // The chosen one stays choosable although the collector does not know it.
      const all = options.some(([key]) => key === value) ? options : [...options, [value, value]];
      const known = [...field.options].map((option) => option.value);
      if (known.length !== all.length || all.some(([key], index) => key !== known[index])) {
        field.replaceChildren(...all.map(([key, name]) => el("option", { value: key, text: name })));
      }
      field.value = value;
    }
    """##
}
