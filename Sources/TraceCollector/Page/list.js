import { chip, colour, el, unnamed } from "./dom.js";
import { ago, clock, count, duration, moment, plain } from "./format.js";

/** The rows of traces. A row stays the same element as long as its trace is in the list. */
export class TraceList {
  /**
   * `pick` is called with a trace's id and whether it is chosen (without it none can be), `opened` with the id of one that is
   * gone to by a key; `address` gives where that is.
   */
  constructor({ pick, opened = () => {}, address = (id) => `/traces/${id}` }) {
    Object.assign(this, { pick, opened, address });
    this.rows = new Map();
    // It takes the focus when a row that had it goes.
    this.node = el("ul", { class: "traces", "aria-label": "Traces", tabindex: "-1" });
  }

  /** Puts something else in the place of the rows. */
  clear(content) {
    this.rows = new Map();
    this.node.replaceChildren(el("li", {}, content));
  }

  get isEmpty() { return this.rows.size === 0; }

  has(id) { return this.rows.has(id); }

  link(id) { return this.rows.get(id)?.node.querySelector("a"); }

  /** Shows traces in their order; those that were not there before are marked if `marksNew`. */
  show(traces, picked, marksNew) {
    const focused = document.activeElement?.closest?.(".trace")?.dataset.trace;
    const rows = new Map();
    for (const trace of traces) {
      const text = JSON.stringify(trace);
      const known = this.rows.get(trace.traceId);
      rows.set(trace.traceId, known?.text === text ? known
        : { text, trace, node: this.row(trace, marksNew && !known) });
    }
    this.rows = rows;
    const most = Math.max(1, ...traces.map((trace) => trace.duration));
    for (const { trace, node } of rows.values()) {
      node.querySelector(".meter i").style.width = `${Math.max(0.8, (100 * trace.duration) / most)}%`;
    }
    this.mark(picked);
    arrange(this.node, [...rows.values()].map((row) => row.node));
    if (focused && !this.node.contains(document.activeElement)) (this.link(focused) ?? this.node).focus({ preventScroll: true });
  }

  /** Shows which traces are chosen. */
  mark(picked) {
    if (!this.pick) return;
    for (const [id, { node }] of this.rows) node.querySelector("input").checked = picked.includes(id);
  }

  /** Tells anew how long ago the traces were, in the texts that are there. */
  tellTime() {
    for (const { trace, node } of this.rows.values()) {
      const { firstChild } = node.querySelector("[data-start]");
      const text = ago(trace.timestamp);
      if (firstChild && firstChild.data !== text) firstChild.data = text;
    }
  }

  row(trace, isNew) {
    const id = trace.traceId;
    const bar = el("span", { class: `meter ${trace.errorCount ? "error" : ""}` }, el("i"));
    const box = this.pick && el("input", { type: "checkbox", "aria-label": "Choose for comparing", title: "Choose for comparing",
      onchange: () => this.pick(id, box.checked) });
    return el("li", { class: `trace${trace.errorCount ? " failed" : ""}${isNew ? " new" : ""}`, "data-trace": id },
      box ? el("label", { class: "pick" }, box) : null,
      // Who came by a key is led back to the row by its focus; for who came by a pointer a focus would only hold the list.
      el("a", { href: this.address(id), onclick: (event) => { if (event.detail === 0) this.opened(id); } },
        el("span", { class: "what" }, root(trace),
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
}

function root(trace) {
  return el("span", { class: `root ${colour(trace.rootService)}` },
    el("b", { text: plain(trace.rootService || unnamed) }),
    el("span", { class: "operation", text: plain(trace.rootName) }),
    trace.detachedCount ? el("span", { class: "badge warning", text: "incomplete",
      title: `${count(trace.detachedCount, "span")} without the parent they name` }) : null);
}

/** Puts elements in order; those that are in it already are not touched, so that they keep the focus. */
function arrange(parent, nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}
