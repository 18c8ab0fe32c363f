import { colourVariable, el, follow } from "./dom.js";
import { clock, duration, plain, stepOf } from "./format.js";

/** The bars of a trace's rows and the ruler above them, for the `TimeRange` in sight. */
export class Timeline {
  constructor(trace, time) {
    this.trace = trace;
    this.time = time;
    this.labels = el("div", { class: "ticks", title: "Drag to look closer, double-click for the whole trace" });
    this.labels.addEventListener("pointerdown", (event) => this.drag(event));
    this.labels.addEventListener("dblclick", () => time.showAll());
  }

  /** Draws the ruler; `frame` gets the distance of its ticks for the lines behind the bars. */
  draw(frame) {
    const width = this.labels.clientWidth || 600;
    const { from, to } = this.time;
    const span = to - from;
    const step = stepOf(span, Math.max(2, Math.floor(width / 96)));
    frame.style.setProperty("--step", `${(100 * step) / span}%`);
    const first = Math.ceil(from / step) * step;
    frame.style.setProperty("--offset", `${(width * (first - from)) / span}px`);
    const ticks = [];
    for (let time = first; time <= to; time += step) {
      const place = this.time.place(time);
      const tick = el("span", { class: place > 0 ? "tick" : "tick first",
        text: time === 0 ? "0" : duration(time, step) });
      if ((width * (100 - place)) / 100 < 52) tick.textContent = "";
      tick.style.left = `${place}%`;
      ticks.push(tick);
    }
    this.labels.replaceChildren(...ticks);
  }

  drag(start) {
    dragRange(this.labels, start, (low, high) => {
      const { from, to } = this.time;
      this.time.show(from + (to - from) * low, from + (to - from) * high);
    });
  }

  /** The bar of a row with its length beside it. */
  lane(row) {
    const { trace } = this;
    const node = trace.nodes[row.node];
    const answer = trace.nodes[row.answer];
    const lane = el("div", { class: "lane" });
    if (!node.isTimed && !answer?.isTimed) {
      lane.append(el("span", { class: "length", text: "time unknown" }));
      return lane;
    }
    const sides = [node, answer].filter((side) => side?.isTimed);
    const start = Math.min(...sides.map((side) => side.start));
    const end = Math.max(...sides.map((side) => side.end));
    const [left, right] = [this.time.place(start), this.time.place(end)];
    if (right < 0 || left > 100) {
      const isBefore = right < 0;
      lane.append(el("span", { class: `beyond ${isBefore ? "before" : "after"}`, text: isBefore ? "◂" : "▸",
        title: `${isBefore ? "Before" : "After"} the part of the time that is shown` }));
      return lane;
    }
    for (const side of sides) lane.append(this.bar(side, side === node && answer ? "outer" : ""));
    for (const side of sides) {
      if (side.overrun) {
        const overrun = this.stretch("overrun", side.end - side.overrun, side.end);
        overrun.title = `Went on for ${duration(side.overrun)} after the caller's side had ended: it gave up, or did not `
          + "wait for the end";
        lane.append(overrun);
      }
      for (const [from, to] of trace.critical[side.index]) lane.append(this.stretch("critical", from, to));
      for (const annotation of (side.span.annotations ?? []).slice(0, 100)) {
        const place = this.time.place(annotation.timestamp - trace.start + (side.start - (side.recorded - trace.start)));
        if (!(place >= 0 && place <= 100)) continue;
        const event = el("i", { class: "event", title: `${plain(annotation.value)} at ${clock(annotation.timestamp)}` });
        event.style.left = `${place}%`;
        lane.append(event);
      }
    }
    const text = el("span", { class: "length", text: duration(end - start) });
    if (right < 86) text.style.left = `calc(${right}% + 8px)`;
    else if (left > 14) text.style.right = `calc(${100 - left}% + 8px)`;
    else {
      text.style.right = `calc(${Math.max(0, 100 - right)}% + 8px)`;
      text.classList.add("inside");
    }
    lane.append(text);
    return lane;
  }

  bar(node, extra) {
    const bar = this.stretch(`bar ${node.kind} ${extra}`, node.start, node.end);
    bar.title = `${plain(node.service)} ${plain(node.span.name ?? "")} (${node.kind})\n${duration(node.length)}, `
      + `${duration(node.start)} after the start`;
    return bar;
  }

  stretch(name, from, to) {
    const [left, right] = [Math.max(this.time.place(from), -1), Math.min(this.time.place(to), 101)];
    const part = el("i", { class: name.trim() });
    part.style.left = `${left}%`;
    part.style.width = `${Math.max(0, right - left)}%`;
    return part;
  }
}

/** Follows a pointer over a box; `done` gets the marked part of its width, 0 to 1. */
export function dragRange(box, start, done) {
  if (start.button !== 0) return;
  const { left, width } = box.getBoundingClientRect();
  const part = (event) => Math.max(0, Math.min(1, (event.clientX - left) / width));
  const mark = el("i", { class: "mark" });
  const begin = part(start);
  const move = (event) => {
    const [low, high] = [begin, part(event)].sort((a, b) => a - b);
    mark.style.left = `${100 * low}%`;
    mark.style.width = `${100 * (high - low)}%`;
    return [low, high];
  };
  move(start);
  box.append(mark);
  follow(box, start, move, (event) => {
    mark.remove();
    const [low, high] = move(event);
    if (event.type === "pointerup" && (high - low) * width > 4) done(low, high);
  });
}

const mapHeight = 56;

/** An overview of the trace; drag to choose a part. */
export class Minimap {
  constructor(trace, time) {
    this.trace = trace;
    this.time = time;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.before = el("i", { class: "veil before" });
    this.after = el("i", { class: "veil after" });
    this.grips = ["from", "to"].map((edge) => el("i", { class: `grip ${edge}`,
      onpointerdown: (event) => this.pull(event, edge) }));
    this.node = el("div", { class: "minimap", role: "group", tabindex: "0",
      "aria-label": "Part of the time in sight: + and - look closer and from further away, Shift with the arrows moves",
      title: "Drag to look closer, double-click for the whole trace" },
    this.canvas, this.before, this.after, this.grips);
    this.node.addEventListener("pointerdown", (event) => {
      if (event.target.classList.contains("grip")) return;
      dragRange(this.node, event, (low, high) => time.show(low * time.length, high * time.length));
    });
    this.node.addEventListener("dblclick", () => time.showAll());
  }

  pull(event, edge) {
    if (event.button !== 0) return;
    const { left, width } = this.node.getBoundingClientRect();
    const { time } = this;
    const move = (event, isDone = false) => {
      const at = Math.max(0, Math.min(1, (event.clientX - left) / width)) * time.length;
      if (edge === "from") time.show(Math.min(at, time.to - 5), time.to, isDone);
      else time.show(time.from, Math.max(at, time.from + 5), isDone);
    };
    follow(event.target, event, (event) => move(event), (event) => move(event, true));
  }

  mark() {
    const { time } = this;
    const [low, high] = [(100 * time.from) / time.length, (100 * time.to) / time.length];
    this.before.style.width = `${low}%`;
    this.after.style.left = `${high}%`;
    this.grips[0].style.left = `${low}%`;
    this.grips[1].style.left = `${high}%`;
    this.node.classList.toggle("whole", time.isWhole);
  }

  /** Draws the bars. Rows share lines of pixels where there are too many; failed rows are drawn last. */
  draw() {
    this.mark();
    const { trace } = this;
    const width = this.node.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(mapHeight * ratio);
    const context = this.canvas.getContext("2d");
    if (!context || !width) return;
    context.scale(ratio, ratio);
    const step = Math.min(5, (mapHeight - 8) / Math.max(1, trace.rows.length));
    const thickness = Math.max(1, Math.min(3, step * 0.6));
    const palette = this.palette();
    for (const isFailed of [false, true]) {
      for (const row of trace.rows) {
        if (trace.isFailed(row) !== isFailed) continue;
        const node = trace.nodes[row.node];
        if (!node.isTimed) continue;
        context.fillStyle = isFailed ? palette.error : palette.of(trace.subject(row).service);
        context.globalAlpha = trace.rows.length > 200 && !isFailed ? 0.6 : 1;
        context.fillRect((width * node.start) / trace.length, 4 + row.index * step,
          Math.max(1, (width * node.length) / trace.length), thickness);
      }
    }
  }

  palette() {
    const style = getComputedStyle(document.documentElement);
    const known = new Map();
    return {
      error: style.getPropertyValue("--error"),
      of: (service) => {
        const name = colourVariable(service);
        if (!known.has(name)) known.set(name, style.getPropertyValue(name));
        return known.get(name);
      },
    };
  }
}
