import { chip, colour, colourVariable, copyButton, el, unnamed } from "./dom.js";
import { ago, confidence, count, duration, moment, plain } from "./format.js";

/** How many services have a button above the rows; the others are counted. */
const mostChips = 40;

/** Above the rows of a ``Waterfall``: whose trace this is, and its numbers. */
export function header(view) {
  const { answer, page, id, state: { trace, service } } = view;
  const depth = 1 + answer.nodes.reduce((deepest, node) => Math.max(deepest, node.depth ?? 0), 0);
  const fact = (name, value, extra) => el("div", { class: `fact ${extra ?? ""}` }, el("dt", { text: name }),
    el("dd", {}, value));
  const services = answer.services ?? [];
  return el("header", { class: "title" },
    el("p", { class: "crumbs" }, page.crumb(), el("code", { class: "trace-id", text: id }),
      copyButton(id, "Copy id"), page.actions?.(id, answer)),
    el("h1", {}, el("span", { text: answer.rootService || unnamed }),
      el("span", { class: "operation", text: answer.rootName })),
    el("div", { class: "overview" },
      el("dl", { class: "facts" },
        fact("Duration", duration(trace.skews.length && !trace.pieces.length ? trace.length : answer.duration)),
        fact("Started", el("span", {}, moment(answer.timestamp), el("small", { text: ago(answer.timestamp) }))),
        fact("Services", services.length), fact("Spans", answer.spanCount.toLocaleString("en")), fact("Depth", depth),
        fact("Errors", answer.errorCount || "none", answer.errorCount ? "errors" : ""),
        answer.detachedCount ? fact("Without parent", answer.detachedCount, "warning") : null),
      el("div", { class: "chips", role: "group", "aria-label": "Services; press one to see its spans only" },
        services.slice(0, mostChips).map((one) => {
          const isPressed = service !== "" && one.name === service;
          const node = chip(one, "button");
          node.setAttribute("aria-pressed", String(isPressed));
          node.addEventListener("click", () => view.change({ service: isPressed ? "" : one.name }));
          return node;
        }), services.length > mostChips ? el("span", { class: "more", text: `+${services.length - mostChips}` }) : null)));
}

/** What has to be known before the picture is believed. */
export function banners(view) {
  const { answer: { probableParent }, page, state: { trace } } = view;
  const all = [probableParent && brokenOff(probableParent, page), trace.pieces.length && chainBreaks(trace, page),
    trace.skews.length && clocksDiffer(view)].filter(Boolean);
  return all.length ? el("div", { class: "banners" }, all) : null;
}

function brokenOff(parent, page) {
  return el("div", { class: "banner broken-off", role: "note" },
    el("p", {}, el("b", { text: "This trace was probably broken off another. " }), "It may belong below a request of that one; ",
      plain(parent.reason ?? "", 400), ".", " ", guess(parent)),
    page.parentLink?.(parent));
}

function chainBreaks({ pieces }, page) {
  const services = [...new Set(pieces.map((piece) => piece.service).filter(Boolean))];
  return el("div", { class: "banner broken", role: "note" },
    el("p", {}, el("b", {}, "The chain breaks at ", services.map((service, index) => [index ? ", " : "",
      el("span", { class: "name", text: service })]), services.length ? "." : "an unknown place."),
    ` ${count(pieces.length, "piece")} that may belong here ${pieces.length === 1 ? "is" : "are"} drawn `
      + "dashed. That is a guess from times and names, not something that was recorded."),
    el("ul", {}, pieces.slice(0, 5).map((piece) => el("li", {}, guess(piece),
      el("span", { text: ` ${plain(piece.reason ?? "", 400)} ` }), page.traceLink?.(piece.traceID)))));
}

function clocksDiffer(view) {
  const { trace, adjusts } = view.state;
  const worst = new Map();
  for (const { index } of trace.skews) {
    // As against the trace's first span: a shift below a shifted caller may take it back.
    const { service, shift } = trace.nodes[index];
    if (Math.abs(shift) > Math.max(1, Math.abs(worst.get(service) ?? 0))) worst.set(service, shift);
  }
  const before = trace.skews.length;
  return el("div", { class: "banner clocks", role: "note" },
    el("p", {}, el("b", { text: "The services' clocks differ. " }),
      `${count(before, "call")} would have been answered before ${before === 1 ? "it was" : "they were"} made. `,
      adjusts ? "Shifted: " : "As recorded; it would take a shift of ",
      [...worst].slice(0, 4).map(([service, shift], index) => [index ? ", " : "",
        el("span", { class: "name", text: service || unnamed }),
        ` by ${shift > 0 ? "+" : "−"}${duration(Math.abs(shift))}`]),
      worst.size > 4 ? ` and ${worst.size - 4} more.` : "."),
    el("button", { type: "button", class: "quiet", text: adjusts ? "Show as recorded" : "Shift them",
      onclick: () => view.change({ adjusts: !adjusts }) }));
}

function guess(piece, title) {
  return el("span", { class: "badge guess", text: `guess, ${confidence(piece)}`, title });
}

/** The bar above the rows: the tabs, the search within the trace, and the switches. */
export class Tools {
  constructor(view) {
    this.view = view;
    const { state } = view;
    const tab = (name, text) => el("button", { type: "button", role: "tab", "data-view": name, text,
      onclick: () => view.choose(name, true) });
    this.tabs = [tab("spans", "Waterfall"), tab("services", "Services")];
    this.field = el("input", { type: "search", id: "find", placeholder: "Find name, tag or event", value: state.text,
      "aria-label": "Find in this trace", spellcheck: "false", autocomplete: "off",
      oninput: () => view.find(this.field.value), onkeydown: (event) => this.key(event) });
    this.matches = el("span", { class: "matches", role: "status" });
    const only = toggle("Only these", "Hide the rows that do not match", state.only, (only) => view.filter(only));
    this.onlyBox = only.firstChild;
    this.node = el("div", { class: "tools" },
      el("div", { class: "tabs", role: "tablist", "aria-label": "View" }, this.tabs),
      el("div", { class: "finder" }, this.field, this.matches),
      only, el("span", { class: "spacer" }), legend(state.trace),
      toggle("Critical path", "Underline what the end of the trace waited for", state.marksPath, (isOn) => view.markPath(isOn)),
      toggle("Join calls", "Show both sides of a call in one row", state.joins, (joins) => view.change({ joins })));
  }

  focus() {
    this.field.focus();
    this.field.select();
  }

  /** Shows what the state has become. */
  follow() {
    const { found, trace, view, only } = this.view.state;
    this.matches.textContent = found ? `${found.size.toLocaleString("en")} of ${trace.rows.length.toLocaleString("en")}` : "";
    for (const tab of this.tabs) tab.setAttribute("aria-selected", String(tab.dataset.view === view));
    this.onlyBox.checked = only;
  }

  key(event) {
    if (event.key === "Enter") this.view.next(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.view.rows.node.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function toggle(label, title, isOn, turn) {
  const box = el("input", { type: "checkbox", checked: isOn, onchange: () => turn(box.checked) });
  return el("label", { class: "switch", title }, box, el("span", { text: label }));
}

/** What marks in the picture mean that most traces do not have. */
function legend({ overruns }) {
  if (!overruns.length) return null;
  return el("span", { class: "legend", title: "The caller gave up (a timeout), or did not wait for the end (a streamed "
    + "answer). Its clock is not to blame: it is drawn where it was recorded." },
  el("i", { class: "overrun" }), `${count(overruns.length, "call")} went on after the caller's side had ended`);
}

/** The line above the rows: the buttons for folding, `whole` for all of the time, and the time's labels. */
export function ruler(view, whole) {
  const fold = (text, title, isFolded) => quietButton(text, title, () => view.foldAll(isFolded));
  return el("div", { class: "ruler" },
    el("div", { class: "ruler-left" }, el("span", { class: "ruler-name", text: "Service and operation" }),
      el("span", { class: "folds" }, whole, fold("Fold", "Fold everything below the first level", true),
        fold("Unfold", "Unfold everything", false))),
    view.timeline.labels);
}

export function quietButton(text, title, onclick) {
  return el("button", { type: "button", class: "quiet", text, title, onclick });
}

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
      isPieceStart ? guess(piece, plain(piece.reason ?? "")) : null,
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
