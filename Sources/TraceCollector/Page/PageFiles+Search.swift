extension PageFiles {
  /// The list of traces with its filters.
  static let searchScript = ##"""
    import { ago, chip, clock, colour, count, duration, el, fetchJSON, parseDuration, svg, unnamed } from "./dom.js";
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

      const summary = el("p", { class: "summary" });
      const plot = el("div", { class: "plot" });
      const list = el("div", { class: "traces" });
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
          plot.replaceChildren();
          summary.textContent = "";
          list.replaceChildren(el("div", { class: "notice failed" }, el("h2", { text: "This search did not work" }),
            el("p", { text: error.message })));
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
        history.replaceState(null, "", query.size ? `/?${query}` : "/");
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
        drawPlot(traces);
        if (!traces.length) {
          list.replaceChildren(services.length ? nothingFound() : emptyCollector());
          return;
        }
        const longest = Math.max(1, ...traces.map((trace) => trace.duration));
        list.replaceChildren(...traces.map((trace) => row(trace, longest)));
        if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
      }

      function row(trace, longest) {
        const bar = el("span", { class: `meter ${trace.errorCount ? "error" : ""}` }, el("i"));
        bar.firstChild.style.width = `${Math.max(0.8, (100 * trace.duration) / longest)}%`;
        return el("a", { class: `trace ${trace.errorCount ? "failed" : ""}`, href: `/traces/${trace.traceId}` },
          el("span", { class: "what" },
            el("span", { class: `root ${colour(trace.rootService)}` },
              el("b", { text: trace.rootService || unnamed }), el("span", { class: "operation", text: trace.rootName }),
              trace.detachedCount ? el("span", { class: "badge", text: "incomplete",
                title: `${count(trace.detachedCount, "span")} without the parent they name` }) : null),
            el("span", { class: "chips" }, trace.services.slice(0, 10).map((service) =>
              chip(service.name, service.errorCount, service.spanCount)),
              trace.services.length > 10
                ? el("span", { class: "more", text: `+${trace.services.length - 10}` }) : null)),
          el("span", { class: "length" }, el("b", { text: duration(trace.duration) }), bar),
          el("span", { class: "size" }, el("b", { text: count(trace.spanCount, "span") }),
            el("span", { class: trace.errorCount ? "errors" : "",
              text: trace.errorCount ? count(trace.errorCount, "error") : "no errors" })),
          el("span", { class: "when" }, el("b", { text: clock(trace.timestamp) }),
            el("span", { "data-start": trace.timestamp, text: ago(trace.timestamp) })));
      }

      function nothingFound() {
        return el("div", { class: "notice" }, el("h2", { text: "No trace matches" }),
          el("p", { text: `Nothing like this was recorded in the last ${lookbacks[state.lookback]}. `
            + "A longer time or fewer filters may find more." }),
          el("button", { type: "button", text: "Clear the filters", onclick: () => page.open("/?lookback=7d") }));
      }

      /** Durations over time; each point is a trace. */
      function drawPlot(traces) {
        plot.hidden = traces.length < 2;
        if (plot.hidden) return;
        const width = Math.max(320, plot.clientWidth || 1200);
        const height = 112;
        const inner = { left: 62, right: 18, top: 10, bottom: 22 };
        const times = traces.map((trace) => trace.timestamp);
        const [first, last] = [Math.min(...times), Math.max(...times)];
        const lengths = traces.map((trace) => Math.max(1, trace.duration));
        const low = Math.log10(Math.min(...lengths)) - 0.1;
        const high = Math.max(low + 0.4, Math.log10(Math.max(...lengths)) + 0.1);
        const x = (time) => inner.left
          + ((width - inner.left - inner.right) * (time - first)) / Math.max(1, last - first);
        const y = (length) => inner.top
          + (height - inner.top - inner.bottom) * (1 - (Math.log10(Math.max(1, length)) - low) / (high - low));
        const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
          "aria-label": "Durations of the traces over time" });
        for (const part of [0, 0.5, 1]) {
          const length = 10 ** (low + (high - low) * part);
          picture.append(
            svg("line", { x1: inner.left, x2: width - inner.right, y1: y(length), y2: y(length), class: "grid" }),
            svg("text", { x: inner.left - 10, y: y(length) + 4, "text-anchor": "end", text: duration(length) }));
        }
        for (const part of [0, 0.25, 0.5, 0.75, 1]) {
          const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
          const time = first + (last - first) * part;
          picture.append(
            svg("text", { x: x(time), y: height - 5, "text-anchor": anchor, text: clock(time).slice(0, 8) }));
        }
        for (const trace of [...traces].sort((a, b) => (a.errorCount > 0) - (b.errorCount > 0))) {
          const radius = 3 + Math.min(4, Math.log2(1 + trace.spanCount) / 2);
          picture.append(svg("a", { href: `/traces/${trace.traceId}`, tabindex: "-1" },
            svg("circle", { cx: x(trace.timestamp), cy: y(trace.duration), r: radius,
              class: trace.errorCount ? "point error" : "point" },
            svg("title", {
              text: `${trace.rootService || unnamed} ${trace.rootName} · ${duration(trace.duration)}`,
            }))));
        }
        plot.replaceChildren(picture);
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
