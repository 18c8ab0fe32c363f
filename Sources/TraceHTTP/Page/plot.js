import { follow, svg, unnamed } from "./dom.js";
import { clock, count, duration, plain } from "./format.js";

const minute = 60e6;
const steps = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1e6)
  .concat([1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * minute));
const height = 132;
const inner = { left: 62, right: 22, top: 12, bottom: 24 };

/** Durations over time; each point is a trace. `select` gets the range that is marked by dragging. */
export function drawPlot(plot, traces, select) {
  plot.redraw = () => draw(plot, traces.filter((trace) => trace.timestamp > 0), select);
  plot.redraw();
}

function draw(plot, known, select) {
  plot.hidden = known.length < 2;
  if (plot.hidden) return;
  const width = Math.max(320, plot.clientWidth || 1200);
  const times = known.map((trace) => trace.timestamp);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const lengths = known.map((trace) => Math.max(1, trace.duration));
  const low = Math.log10(Math.min(...lengths)) - 0.12;
  const high = Math.max(low + 0.4, Math.log10(Math.max(...lengths)) + 0.12);
  const across = width - inner.left - inner.right;
  const upward = height - inner.top - inner.bottom;
  const x = (time) => inner.left + (across * (time - first)) / Math.max(1, last - first);
  const y = (length) => inner.top + upward * (1 - (Math.log10(Math.max(1, length)) - low) / (high - low));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `Durations of ${known.length} traces over time; the list below has the same. Drag to choose a range.` });
  for (const length of lengthTicks(low, high)) {
    picture.append(
      svg("line", { x1: inner.left, x2: width - inner.right, y1: y(length), y2: y(length), class: "grid" }),
      svg("text", { x: inner.left - 10, y: y(length) + 4, "text-anchor": "end", text: duration(length, length) }));
  }
  for (const { time, label } of timeTicks(first, last, Math.max(2, Math.floor(width / 130)))) {
    picture.append(svg("line", { x1: x(time), x2: x(time), y1: inner.top, y2: height - inner.bottom, class: "grid" }),
      svg("text", { x: x(time), y: height - 7, "text-anchor": "middle", text: label }));
  }
  for (const trace of [...known].sort((a, b) => (a.errorCount > 0) - (b.errorCount > 0))) {
    const radius = 3 + Math.min(4, Math.log2(1 + trace.spanCount) / 2);
    const [left, top] = [x(trace.timestamp), y(trace.duration)];
    // Failed traces also have another shape, for eyes that do not tell the colours apart.
    const shape = trace.errorCount
      ? svg("path", { class: "point error",
        d: `M${left} ${top - radius - 1.5}l${radius + 1.5} ${radius + 1.5}l${-radius - 1.5} ${radius + 1.5}l${-radius - 1.5} ${-radius - 1.5}z` })
      : svg("circle", { class: "point", cx: left, cy: top, r: radius });
    picture.append(svg("a", { href: `/traces/${trace.traceId}`, tabindex: "-1" }, shape,
      svg("title", { text: plain(`${trace.rootService || unnamed} ${trace.rootName}`)
        + `\n${duration(trace.duration)} at ${clock(trace.timestamp)}`
        + (trace.errorCount ? `\n${count(trace.errorCount, "error")}` : "") })));
  }
  picture.addEventListener("pointerdown", (event) => mark(picture, event, (box) => {
    const time = (at) => first + ((at - inner.left) / across) * (last - first);
    const length = (at) => 10 ** (low + (1 - (at - inner.top) / upward) * (high - low));
    // A flat mark selects times only.
    const isFlat = box.bottom - box.top < 16;
    const [from, to] = [Math.max(first, time(box.left)), Math.min(last, time(box.right))];
    if (to < first || from > last) return;
    select({ from, to, shortest: isFlat ? undefined : Math.floor(length(box.bottom)),
      longest: isFlat ? undefined : Math.ceil(length(box.top)) });
  }));
  picture.addEventListener("dragstart", (event) => event.preventDefault());
  plot.replaceChildren(picture);
}

/** Follows a pointer that draws a box. Below a few pixels it is a click, and stays one. */
function mark(picture, start, done) {
  if (start.button !== 0) return;
  const frame = picture.getBoundingClientRect();
  const [scaleX, scaleY] = [picture.viewBox.baseVal.width / frame.width, height / frame.height];
  const at = (event) => [(event.clientX - frame.left) * scaleX, (event.clientY - frame.top) * scaleY];
  const [startX, startY] = at(start);
  const area = svg("rect", { class: "selection" });
  let box;
  const move = (event) => {
    const [nowX, nowY] = at(event);
    if (!box && Math.hypot(nowX - startX, nowY - startY) < 6) return;
    if (!box) {
      picture.append(area);
      picture.setPointerCapture?.(start.pointerId);
    }
    box = { left: Math.min(startX, nowX), right: Math.max(startX, nowX), top: Math.min(startY, nowY), bottom: Math.max(startY, nowY) };
    if (box.bottom - box.top < 16) {
      area.setAttribute("y", inner.top);
      area.setAttribute("height", height - inner.top - inner.bottom);
    } else {
      area.setAttribute("y", box.top);
      area.setAttribute("height", box.bottom - box.top);
    }
    area.setAttribute("x", box.left);
    area.setAttribute("width", box.right - box.left);
  };
  follow(window, start, move, (event) => {
    area.remove();
    if (!box || event.type !== "pointerup") return;
    // The click that follows does not open a point.
    const swallow = (event) => {
      event.preventDefault();
      event.stopPropagation();
    };
    window.addEventListener("click", swallow, true);
    setTimeout(() => {
      window.removeEventListener("click", swallow, true);
      done(box);
    });
  });
}

/** Powers of ten, and where those are few, also two and five times those. */
function lengthTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += Math.ceil((high - low) / 5)) {
    for (const factor of high - low > 2 ? [1] : [1, 2, 5]) ticks.push(factor * 10 ** power);
  }
  return ticks.filter((length) => length >= 10 ** low && length <= 10 ** high);
}

/** Round times of day in the user's time zone. */
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
