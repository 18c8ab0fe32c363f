import { colour, colourVariable, el, unnamed } from "./dom.js";
import { confidence, plain } from "./format.js";

/** The rows of a trace. Only those in sight are in the document. */
export class RowList {
  constructor(view) {
    this.view = view;
    this.state = view.state;
    this.built = new Map();
    this.node = el("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans",
      onclick: (event) => this.click(event) });
  }

  get isStacked() { return this.rowHeight > 28; }

  focus() { this.node.focus({ preventScroll: true }); }

  measure() { this.rowHeight = this.node.clientWidth < 640 ? 46 : 28; }

  /** Draws all rows again. */
  layOut() {
    this.state.listRows();
    if (this.rowHeight === undefined) return;
    this.node.style.height = `${this.state.visible.length * this.rowHeight}px`;
    this.built = new Map();
    this.draw();
  }

  /** Draws the rows in sight; those that have not changed stay the same elements. */
  draw() {
    const { state } = this;
    if (state.view !== "spans" || this.rowHeight === undefined) return;
    const { top } = this.node.getBoundingClientRect();
    const first = Math.max(0, Math.floor(-top / this.rowHeight) - 12);
    const last = Math.min(state.visible.length, Math.ceil((window.innerHeight - top) / this.rowHeight) + 12);
    const chosen = state.selectedRow?.index ?? -1;
    const built = new Map();
    for (let position = first; position < last; position += 1) {
      const index = state.visible[position];
      const key = `${index} ${index === chosen}`;
      built.set(key, this.built.get(key) ?? this.row(position, index === chosen));
    }
    const isSame = built.size === this.built.size && [...built.keys()].every((key) => this.built.has(key));
    this.built = built;
    if (!isSame || this.node.childElementCount !== built.size) this.node.replaceChildren(...built.values());
    if (chosen >= 0) this.node.setAttribute("aria-activedescendant", `row-${chosen}`);
    else this.node.removeAttribute("aria-activedescendant");
  }

  row(position, isChosen) {
    const { trace, visible, found } = this.state;
    const index = visible[position];
    const row = trace.rows[index];
    const { service } = trace.subject(row);
    const node = trace.nodes[row.node];
    const isFolded = this.state.folded.has(index) && !this.state.isFiltered;
    const line = el("div", {
      class: ["row", colour(service), trace.isFailed(row) && "failed", isChosen && "selected",
        trace.pieces[node.piece] && "piece", found && (found.has(index) ? "found" : "dimmed")].filter(Boolean).join(" "),
      id: `row-${index}`, role: "treeitem", "data-index": index, "aria-level": row.depth + 1,
      "aria-setsize": "-1", "aria-posinset": position + 1,
      "aria-selected": String(isChosen), "aria-expanded": row.descendants ? String(!isFolded) : undefined,
    }, this.name(row, isFolded), this.view.timeline.lane(row));
    if (row.answer >= 0) line.style.setProperty("--caller", `var(${colourVariable(node.service)})`);
    line.style.top = `${position * this.rowHeight}px`;
    return line;
  }

  /** The left part of a row: what was called, and what is special about it. */
  name(row, isFolded) {
    const { trace } = this.state;
    const subject = trace.subject(row);
    const node = trace.nodes[row.node];
    const name = subject.span.name || node.span.name || "";
    const piece = trace.pieces[node.piece];
    const isPieceStart = piece && trace.nodes[node.parent]?.piece !== node.piece;
    const indent = el("span", { class: "indent" });
    indent.style.width = `${Math.min(row.depth, 24) * (this.isStacked ? 8 : 14)}px`;
    const fold = row.descendants
      ? el("span", { class: "fold", "data-fold": row.index, text: isFolded ? "▸" : "▾" })
      : el("span", { class: "fold" });
    const remote = node.kind === "client" && row.answer < 0 && node.answer < 0 ? node.span.remoteEndpoint?.serviceName : "";
    return el("div", { class: "name" }, indent, fold, el("i", { class: "strip" }),
      el("span", { class: "label", title: titleOf(trace, row, name) },
        el("b", { text: subject.service || unnamed }),
        remote ? el("span", { class: "remote", text: `→ ${plain(remote, 80)} ` }) : null,
        el("span", { class: "operation", text: plain(name, 500) })),
      isFolded ? el("span", { class: "badge", text: `+${row.descendants}` }) : null,
      isPieceStart ? el("span", { class: "badge guess", text: `guess, ${confidence(piece)}`, title: plain(piece.reason ?? "") }) : null,
      node.isDetached && !piece ? el("span", { class: "badge warning", text: "no parent",
        title: "The parent that this span names was not recorded" }) : null,
      trace.isFailed(row) ? el("span", { class: "alarm", role: "img", "aria-label": "error", text: "!" }) : null,
      row.answer < 0 && node.kind !== "local" ? el("span", { class: "kind", text: node.kind }) : null);
  }

  click(event) {
    const line = event.target.closest(".row");
    if (!line) return;
    const index = Number(line.dataset.index);
    if (event.target.closest("[data-fold]")) this.view.fold(index, !this.state.folded.has(index));
    else this.view.select(this.state.selectedRow?.index === index ? -1 : this.nodeAt(event, index));
    this.focus();
  }

  /** The side of a call that was clicked: the answering one, except on the calling side's part of the bar. */
  nodeAt(event, index) {
    const row = this.state.trace.rows[index];
    return event.target.classList.contains("outer") ? row.node : this.state.nodeOfRow(index);
  }

  /** Scrolls the window until the row lies between two heights of the window. */
  scrollTo(row, high, low) {
    const top = this.node.getBoundingClientRect().top + this.state.visible.indexOf(row) * this.rowHeight;
    const lowest = low - 2 * this.rowHeight - 24;
    if (top < high) window.scrollBy(0, top - high);
    else if (top > lowest) window.scrollBy(0, top - lowest);
  }
}

function titleOf(trace, row, name) {
  const [node, answer] = [trace.nodes[row.node], trace.nodes[row.answer]];
  if (!answer) return plain(`${node.service || unnamed} ${name}`);
  return plain(`${node.service || unnamed} calls ${answer.service || unnamed}: ${name}`);
}
