extension PageFiles {
  /// What the views have in common: elements, times, colours, requests.
  static let domScript = ##"""
    // Everything that comes from a span goes into the page through textContent or setAttribute on names chosen here;
    // nothing is ever parsed as HTML.

    /** Makes an element. Keys that begin with "on" are listeners, "text" is its text, the others are attributes. */
    export function el(name, properties, ...children) {
      return fill(document.createElement(name), properties, children);
    }

    /** Makes an SVG element. */
    export function svg(name, properties, ...children) {
      return fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
    }

    function fill(node, properties, children) {
      for (const [key, value] of Object.entries(properties ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (key === "text") node.textContent = value;
        else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
        else node.setAttribute(key, value === true ? "" : value);
      }
      node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
      return node;
    }

    /** Text of any length for a tooltip or a title. */
    export function plain(text, length = 300) {
      return text.length > length ? `${text.slice(0, length)}…` : text;
    }

    /** The smallest of 1, 2 and 5 times a power of ten that cuts a length into no more parts than wanted. */
    export function stepOf(length, parts) {
      const least = Math.max(1, length / parts);
      const power = 10 ** Math.floor(Math.log10(least));
      return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * 0.9999) ?? 10);
    }

    /** Microseconds for reading: 850 µs, 12.3 ms, 4.56 s, 3 min 12 s; with a step, those of an axis: 0.5 ms, 20 ms. */
    export function duration(micros, step) {
      if (!(micros > 0)) return "0 ms";
      if (step && micros < 60e6) {
        const [unit, name] = micros < 1000 ? [1, "µs"] : micros < 1e6 ? [1e3, "ms"] : [1e6, "s"];
        const places = Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9));
        return `${(micros / unit).toFixed(Math.min(places, 6))} ${name}`;
      }
      if (micros < 1000) return `${Math.round(micros)} µs`;
      if (micros < 999950) return `${digits(micros / 1000)} ms`;
      if (micros < 59.995e6) return `${digits(micros / 1e6)} s`;
      const seconds = Math.round(micros / 1e6);
      if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
      return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    }

    function digits(value) {
      return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
    }

    /** Reads "250us", "100ms", "1.5s", "2m"; a bare number is milliseconds. Gives microseconds, or undefined. */
    export function parseDuration(text) {
      const match = /^\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m|min)?\s*$/i.exec(text ?? "");
      if (!match) return undefined;
      const unit = { us: 1, "µs": 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6 }[(match[2] ?? "ms").toLowerCase()];
      return Math.max(1, Math.round(Number(match[1]) * unit));
    }

    /** The time of day with milliseconds. */
    export function clock(micros) {
      if (!(micros > 0)) return "–";
      const date = new Date(micros / 1000);
      const pad = (value, length = 2) => String(value).padStart(length, "0");
      const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part)).join(":");
      return `${time}.${pad(date.getMilliseconds(), 3)}`;
    }

    /** The day and the time. */
    export function moment(micros) {
      if (!(micros > 0)) return "unknown";
      const date = new Date(micros / 1000);
      const day = date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
      return `${day}, ${clock(micros)}`;
    }

    /** How long ago. */
    export function ago(micros) {
      if (!(micros > 0)) return "";
      const seconds = Math.round((Date.now() - micros / 1000) / 1000);
      if (seconds < 2) return "just now";
      if (seconds < 90) return `${seconds} s ago`;
      if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
      if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
      return `${Math.round(seconds / 86400)} days ago`;
    }

    /** "1 span", "2 spans". */
    export function count(number, noun) {
      return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
    }

    const colourCount = 14;
    const colours = new Map();

    /** The class with a service's colour: the same on every view, and different as long as there are enough colours. */
    export function colour(service) {
      if (!service) return "colour-none";
      if (!colours.has(service)) {
        let hash = 2166136261;
        for (const character of service) hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
        let slot = hash % colourCount;
        if (colours.size < colourCount) {
          const taken = new Set(colours.values());
          while (taken.has(slot)) slot = (slot + 1) % colourCount;
        }
        colours.set(service, slot);
      }
      return `colour-${colours.get(service)}`;
    }

    /** Gives services their colours in the order of their names, so that they are the same after a reload. */
    export function assignColours(services) {
      for (const service of services) colour(service);
    }

    export const unnamed = "(no service name)";

    /** A service with its colour, how many spans it has, and how many of them failed. */
    export function chip({ name, spanCount, errorCount }) {
      const title = `${plain(name || unnamed)}: ${count(spanCount, "span")}`
        + (errorCount ? `, ${count(errorCount, "error")}` : "");
      return el(
        "span", { class: `chip ${colour(name)}`, title },
        el("i", { class: "dot" }),
        el("span", { class: "chip-name", text: name || unnamed }),
        el("span", { class: "chip-count", text: spanCount }),
        errorCount ? el("span", { class: "chip-errors", text: errorCount }) : null);
    }

    /** A message in the place of what cannot be shown. */
    export function notice({ title, text, detail, failed }, ...actions) {
      return el("div", { class: `notice${failed ? " failed" : ""}` },
        el("h2", { text: title }), el("p", { text }), detail ? el("p", { class: "mono", text: detail }) : null,
        actions.length ? el("p", { class: "actions" }, actions) : null);
    }

    /** Grey lines in the place of what is being read. */
    export function skeleton(lines, label) {
      return el("div", { class: "skeleton", role: "status", "aria-label": label },
        Array.from({ length: lines }, () => el("i")));
    }

    /** Asks the collector; an answer that is none becomes an error with the collector's sentence. */
    export async function fetchJSON(path, signal) {
      let response;
      try {
        response = await fetch(path, { signal, headers: { Accept: "application/json" } });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Error("The collector does not answer. Is it still running?");
      }
      if (!response.ok) {
        const failure = new Error((await response.text()).trim() || `The collector answered ${response.status}.`);
        failure.status = response.status;
        throw failure;
      }
      return response.json();
    }

    /** Puts text on the clipboard and says so on the button. */
    export function copyButton(text, label = "Copy") {
      const button = el("button", { type: "button", class: "quiet", text: label });
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Not allowed";
        }
        setTimeout(() => { button.textContent = label; }, 1500);
      });
      return button;
    }
    """##
}
