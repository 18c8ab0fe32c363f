extension PageFiles {
  /// The durations of traces over time, as points.
  static let plotScript = ##"""
    import { clock, duration, plain, stepOf, svg, unnamed } from "./dom.js";

    const minute = 60e6;
    const steps = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1e6)
      .concat([1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * minute));
    const height = 112;
    const inner = { left: 62, right: 22, top: 12, bottom: 24 };

    /** Durations over time; each point is a trace. */
    export function drawPlot(plot, traces) {
      const known = traces.filter((trace) => trace.timestamp > 0);
      plot.hidden = known.length < 2;
      if (plot.hidden) return;
      const width = Math.max(320, plot.clientWidth || 1200);
      const times = known.map((trace) => trace.timestamp);
      const [first, last] = [Math.min(...times), Math.max(...times)];
      const lengths = known.map((trace) => Math.max(1, trace.duration));
      const low = Math.log10(Math.min(...lengths)) - 0.12;
      const high = Math.max(low + 0.4, Math.log10(Math.max(...lengths)) + 0.12);
      const x = (time) => inner.left + ((width - inner.left - inner.right) * (time - first)) / Math.max(1, last - first);
      const y = (length) => inner.top
        + (height - inner.top - inner.bottom) * (1 - (Math.log10(Math.max(1, length)) - low) / (high - low));
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
        "aria-label": "Durations of the traces over time" });
      for (const length of lengthTicks(low, high)) {
        picture.append(
          svg("line", { x1: inner.left, x2: width - inner.right, y1: y(length), y2: y(length), class: "grid" }),
          svg("text", { x: inner.left - 10, y: y(length) + 4, "text-anchor": "end", text: duration(length, length) }));
      }
      for (const { time, label } of timeTicks(first, last, Math.max(2, Math.floor(width / 130)))) {
        picture.append(svg("line", { x1: x(time), x2: x(time), y1: inner.top, y2: height - inner.bottom, class: "grid" }),
          svg("text", { x: x(time), y: height - 7, "text-anchor": "middle", text: label }));
      }
      for (const trace of known.sort((a, b) => (a.errorCount > 0) - (b.errorCount > 0))) {
        const radius = 3 + Math.min(4, Math.log2(1 + trace.spanCount) / 2);
        picture.append(svg("a", { href: `/traces/${trace.traceId}`, tabindex: "-1" },
          svg("circle", { cx: x(trace.timestamp), cy: y(trace.duration), r: radius,
            class: trace.errorCount ? "point error" : "point" },
          svg("title", { text: plain(`${trace.rootService || unnamed} ${trace.rootName}`)
            + `\n${duration(trace.duration)} at ${clock(trace.timestamp)}` }))));
      }
      plot.replaceChildren(picture);
    }

    /** Powers of ten; where those are too few, round numbers between. */
    function lengthTicks(low, high) {
      const ticks = [];
      for (let power = Math.ceil(low); power <= high; power += Math.ceil((high - low) / 4)) ticks.push(10 ** power);
      if (ticks.length > 1) return ticks;
      const [from, to] = [10 ** low, 10 ** high];
      const step = stepOf(to - from, 3);
      const between = [];
      for (let length = Math.max(1, Math.ceil(from / step)) * step; length <= to; length += step) between.push(length);
      return between;
    }

    /** Round times of day in the reader's time zone. */
    function timeTicks(first, last, most) {
      const step = steps.find((step) => (last - first) / step <= most) ?? Math.ceil((last - first) / most / 1440 / minute)
        * 1440 * minute;
      const zone = new Date(first / 1000).getTimezoneOffset() * minute;
      const ticks = [];
      for (let time = Math.ceil((first - zone) / step) * step + zone; time <= last; time += step) {
        const label = step >= 1440 * minute
          ? new Date(time / 1000).toLocaleDateString(undefined, { month: "short", day: "numeric" })
          : clock(time).slice(0, step < minute ? 8 : 5);
        ticks.push({ time, label });
      }
      return ticks;
    }
    """##
}
