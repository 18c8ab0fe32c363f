extension PageFiles {
  /// The time axis of a waterfall: its ticks, its bars, and looking closer at a part of it.
  static let timelineScript = ##"""
    import { clock, duration, el, plain, stepOf } from "./dom.js";

    /** The part of a trace's time that is in sight, in microseconds after its start. */
    export class Timeline {
      constructor(trace, changed) {
        this.trace = trace;
        this.length = Math.max(1, trace.duration);
        this.from = 0;
        this.to = this.length;
        this.changed = changed;
        this.labels = el("div", { class: "ticks", title: "Drag to look closer, double-click for the whole trace" });
        this.labels.addEventListener("pointerdown", (event) => this.drag(event));
        this.labels.addEventListener("dblclick", () => this.show(0, this.length));
      }

      get isWhole() { return this.from === 0 && this.to === this.length; }

      show(from, to) {
        const least = Math.min(this.length, 5);
        this.from = Math.max(0, Math.min(from, this.length - least));
        this.to = Math.min(this.length, Math.max(to, this.from + least));
        this.changed();
      }

      /** Where a moment lies, in percent of the width. */
      place(time) { return (100 * (time - this.from)) / (this.to - this.from); }

      /** Draws the ticks; `frame` gets their distance, for the lines behind the bars. */
      draw(frame) {
        const width = this.labels.clientWidth || 600;
        const span = this.to - this.from;
        const step = stepOf(span, Math.max(2, Math.floor(width / 96)));
        frame.style.setProperty("--step", `${(100 * step) / span}%`);
        const first = Math.ceil(this.from / step) * step;
        frame.style.setProperty("--offset", `${(width * (first - this.from)) / span}px`);
        const ticks = [];
        for (let time = first; time <= this.to; time += step) {
          const place = this.place(time);
          const tick = el("span", { class: place > 0 ? "tick" : "tick first",
            text: time === 0 ? "0" : duration(time, step) });
          // A label that would not fit before the end is left out, its line stays.
          if ((width * (100 - place)) / 100 < 52) tick.textContent = "";
          tick.style.left = `${place}%`;
          ticks.push(tick);
        }
        this.labels.replaceChildren(...ticks);
      }

      drag(start) {
        if (start.button !== 0) return;
        const box = this.labels.getBoundingClientRect();
        const part = (event) => Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
        const mark = el("i", { class: "mark" });
        const begin = part(start);
        const move = (event) => {
          const [low, high] = [begin, part(event)].sort((a, b) => a - b);
          mark.style.left = `${100 * low}%`;
          mark.style.width = `${100 * (high - low)}%`;
          return [low, high];
        };
        const end = (event) => {
          this.labels.removeEventListener("pointermove", move);
          this.labels.removeEventListener("pointerup", end);
          this.labels.removeEventListener("pointercancel", end);
          mark.remove();
          const [low, high] = move(event);
          const span = this.to - this.from;
          if (event.type === "pointerup" && (high - low) * box.width > 4) {
            this.show(this.from + span * low, this.from + span * high);
          }
        };
        move(start);
        this.labels.append(mark);
        this.labels.setPointerCapture?.(start.pointerId);
        this.labels.addEventListener("pointermove", move);
        this.labels.addEventListener("pointerup", end);
        this.labels.addEventListener("pointercancel", end);
        start.preventDefault();
      }

      /** The bar of a span with its length beside it. */
      lane(node) {
        const { span } = node;
        const lane = el("div", { class: "lane" });
        if (!(span.timestamp > 0)) {
          lane.append(el("span", { class: "length", text: "time unknown" }));
          return lane;
        }
        const start = span.timestamp - this.trace.timestamp;
        const left = this.place(start);
        const right = this.place(start + (span.duration ?? 0));
        if (right < 0 || left > 100) {
          const before = right < 0;
          lane.append(el("span", { class: `beyond ${before ? "before" : "after"}`, text: before ? "◂" : "▸",
            title: `${before ? "Before" : "After"} the part of the time that is shown` }));
          return lane;
        }
        const bar = el("i", { class: `bar ${(span.kind ?? "local").toLowerCase()}`,
          title: `${plain(span.name ?? "")}\n${duration(span.duration ?? 0)}, ${duration(start)} after the start` });
        bar.style.left = `${Math.max(left, -1)}%`;
        bar.style.width = `${Math.min(right, 101) - Math.max(left, -1)}%`;
        lane.append(bar);
        for (const annotation of (span.annotations ?? []).slice(0, 100)) {
          const place = this.place(annotation.timestamp - this.trace.timestamp);
          if (!(place >= 0 && place <= 100)) continue;
          const event = el("i", { class: "event",
            title: `${plain(annotation.value)} at ${clock(annotation.timestamp)}` });
          event.style.left = `${place}%`;
          lane.append(event);
        }
        const text = el("span", { class: "length", text: duration(span.duration ?? 0) });
        if (right < 86) text.style.left = `calc(${right}% + 8px)`;
        else if (left > 14) text.style.right = `calc(${100 - left}% + 8px)`;
        else {
          text.style.right = `calc(${Math.max(0, 100 - right)}% + 8px)`;
          text.classList.add("inside", (span.kind ?? "local").toLowerCase());
        }
        lane.append(text);
        return lane;
      }
    }
    """##
}
