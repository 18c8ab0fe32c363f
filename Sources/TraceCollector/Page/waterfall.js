import { chip, colour, copyButton, el, isTyping, unnamed } from "./dom.js";
import { showDetails, statisticsTable } from "./details.js";
import { ago, count, duration, moment, plain } from "./format.js";
import { findRows, Trace } from "./model.js";
import { Minimap, Timeline } from "./timeline.js";

/** The keys of a trace, as the help shows them. */
export const traceKeys = [
  [["j", "k"], "next, previous row"], [["←", "→"], "fold, unfold, to the parent"], [["Enter"], "into the details"],
  [["/"], "find in the trace"], [["n", "N"], "next, previous error or match"], [["z"], "zoom to the row, and back"],
  [["+", "-"], "look closer, from further away"], [["Shift", "← →"], "move along the time"],
  [["c"], "critical path"], [["s"], "services or waterfall"], [["Esc"], "close, whole trace, back"],
];

function side(node) { return node.kind; }

/** One trace. It works without a collector too. */
export class Waterfall {
  /** `page` gives where to draw, how the address is read and written, and what can be done beyond the trace. */
  constructor(page, answer, id) {
    this.page = page;
    this.answer = answer;
    this.id = answer.traceId || id;
    this.onScroll = () => this.draw();
    this.onResize = () => this.redraw();
    this.onKey = (event) => this.key(event);
    window.addEventListener("scroll", this.onScroll, { passive: true });
    window.addEventListener("resize", this.onResize);
    document.addEventListener("keydown", this.onKey);
    document.title = `${answer.rootService || unnamed} ${plain(answer.rootName, 80)} · kuma-trace`;
    this.restore();
    page.say(`${count(this.trace.nodes.length, "span")} in ${count(this.trace.rows.length, "row")}`);
  }

  leave() {
    window.removeEventListener("scroll", this.onScroll);
    window.removeEventListener("resize", this.onResize);
    document.removeEventListener("keydown", this.onKey);
  }

  restore() {
    const query = this.page.query();
    this.adjusts = query.get("clock") !== "recorded";
    this.joins = query.get("calls") !== "apart";
    this.marksPath = query.get("path") !== "off";
    this.text = query.get("find") ?? "";
    this.service = query.get("service") ?? "";
    this.only = query.get("only") === "1";
    this.view = query.get("view") === "services" ? "services" : "spans";
    this.selected = -1;
    this.build();
    this.folded = new Set();
    const folds = query.get("fold") ?? "";
    this.isFoldedDeep = folds === "all";
    if (this.isFoldedDeep) this.foldDeep();
    else for (const part of folds.split(".").filter(Boolean)) this.foldNode(Number.parseInt(part, 36));
    const [from, to] = (query.get("time") ?? "").split("-").map(Number);
    if (to > from) Object.assign(this.time, { from: Math.min(from, this.time.length), to: Math.min(to, this.time.length) });
    const named = (node) => node.span.id === query.get("span");
    const wanted = query.get("side");
    const node = this.trace.nodes.find((node) => named(node) && side(node) === wanted)
      ?? this.trace.nodes.find((node) => named(node));
    this.show();
    if (node) this.select(node.index, true, false);
  }

  foldNode(index) {
    const row = this.trace.rows[this.trace.rowOf[index]];
    if (row?.descendants) this.folded.add(row.index);
  }

  /** Reads the spans anew, as the switches have it. */
  build() {
    this.trace = new Trace(this.answer, { adjusts: this.adjusts, joins: this.joins });
    this.time = new Timeline(this.trace, (isDone) => {
      this.redraw();
      if (isDone) this.save(true);
    });
    this.map = new Minimap(this.trace, this.time);
  }

  change(changes) {
    const folded = [...this.folded].map((row) => this.trace.rows[row].node);
    const { from, to, isWhole } = this.time;
    Object.assign(this, changes);
    this.build();
    this.folded = new Set();
    for (const node of folded) this.foldNode(node);
    if (!isWhole) Object.assign(this.time, { from, to: Math.min(to, this.time.length) });
    this.show();
    if (this.selected >= 0) this.select(this.selected, true, false);
    this.save();
  }

  /** Writes what is shown into the address. */
  save(isStep = false) {
    const query = new URLSearchParams();
    const set = (name, value, isSet) => { if (isSet) query.set(name, value); };
    const node = this.trace.nodes[this.selected];
    set("view", this.view, this.view !== "spans");
    set("find", this.text, this.text);
    set("service", this.service, this.service);
    set("only", "1", this.only);
    set("calls", "apart", !this.joins);
    set("clock", "recorded", !this.adjusts);
    set("path", "off", !this.marksPath);
    set("time", `${Math.round(this.time.from)}-${Math.round(this.time.to)}`, !this.time.isWhole);
    const folded = [...this.folded].map((row) => this.trace.rows[row].node.toString(36));
    if (this.isFoldedDeep) query.set("fold", "all");
    else set("fold", folded.join("."), folded.length > 0 && folded.length <= 60);
    set("span", node?.span.id, node);
    set("side", node && side(node), node);
    this.page.setQuery(query, isStep);
  }

  show() {
    const { trace } = this;
    this.rows = el("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" });
    this.rows.addEventListener("click", (event) => this.click(event));
    this.details = el("aside", { class: "details", hidden: true, tabindex: "-1", "aria-label": "The selected span" });
    this.frame = el("div", { class: "frame" }, el("div", { class: "stick" }, this.map.node, this.ruler()), this.rows);
    this.tables = el("div", { class: "frame statistics" });
    this.page.main.replaceChildren(el("div", { class: "one-trace" }, this.header(), this.banners(), this.tools(),
      el("div", { class: "stage" }, this.frame, this.tables, this.details)));
    this.found = undefined;
    if (trace.pieces.length) this.frame.classList.add("with-pieces");
    this.find();
    this.choose(this.view);
  }

  choose(view) {
    this.view = view;
    this.frame.hidden = view !== "spans";
    this.tables.hidden = view === "spans";
    if (view !== "spans" && !this.tables.firstChild) {
      this.tables.append(statisticsTable(this.trace, (service) => {
        this.change({ service, view: "spans" });
      }));
    }
    for (const tab of this.tabs) tab.setAttribute("aria-selected", String(tab.dataset.view === view));
    this.redraw();
  }

  header() {
    const { answer, trace } = this;
    const depth = 1 + trace.nodes.reduce((deepest, { index }) =>
      Math.max(deepest, this.answer.nodes[index]?.depth ?? 0), 0);
    const fact = (name, value, extra) => el("div", { class: `fact ${extra ?? ""}` }, el("dt", { text: name }),
      el("dd", {}, value));
    const services = answer.services ?? [];
    return el("header", { class: "title" },
      el("p", { class: "crumbs" }, this.page.crumb(), el("code", { class: "trace-id", text: this.id }),
        copyButton(this.id, "Copy id"), this.page.actions?.(this.id, answer)),
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
          services.slice(0, 40).map((service) => {
            const node = chip(service, "button");
            node.setAttribute("aria-pressed", String(this.service !== "" && service.name === this.service));
            node.addEventListener("click", () =>
              this.change({ service: this.service === service.name ? "" : service.name }));
            return node;
          }), services.length > 40 ? el("span", { class: "more", text: `+${services.length - 40}` }) : null)));
  }

  /** What has to be known before the picture is believed. */
  banners() {
    const { trace } = this;
    const banners = el("div", { class: "banners" });
    const parent = this.answer.probableParent;
    if (parent) {
      banners.append(el("div", { class: "banner broken-off", role: "note" },
        el("p", {}, el("b", { text: "This trace was probably broken off another. " }), "It may belong below a request of that one; ",
          plain(parent.reason ?? "", 400), ".", " ", el("span", { class: "badge guess", text: confidence(parent) })),
        this.page.parentLink?.(parent)));
    }
    if (trace.pieces.length) {
      const services = [...new Set(trace.pieces.map((piece) => piece.service).filter(Boolean))];
      banners.append(el("div", { class: "banner broken", role: "note" },
        el("p", {}, el("b", {}, "The chain breaks at ", services.map((service, index) => [index ? ", " : "",
          el("span", { class: "name", text: service })]), services.length ? "." : "an unknown place."),
        ` ${count(trace.pieces.length, "piece")} that may belong here ${trace.pieces.length === 1 ? "is" : "are"} drawn `
          + "dashed. That is a guess from times and names, not something that was recorded."),
        el("ul", {}, trace.pieces.slice(0, 5).map((piece) => el("li", {},
          el("span", { class: "badge guess", text: confidence(piece) }),
          el("span", { text: ` ${plain(piece.reason ?? "", 400)} ` }),
          this.page.traceLink?.(piece.traceID))))));
    }
    if (trace.skews.length) {
      const worst = new Map();
      for (const skew of trace.skews) {
        // As against the trace's first span: a shift below a shifted caller may take it back.
        const { service, shift } = trace.nodes[skew.index];
        if (Math.abs(shift) > Math.max(1, Math.abs(worst.get(service) ?? 0))) worst.set(service, shift);
      }
      const before = trace.skews.length;
      banners.append(el("div", { class: "banner clocks", role: "note" },
        el("p", {}, el("b", { text: "The services' clocks differ. " }),
          `${count(before, "call")} would have been answered before ${before === 1 ? "it was" : "they were"} made. `,
          this.adjusts ? "Shifted: " : "As recorded; it would take a shift of ",
          [...worst].slice(0, 4).map(([service, shift], index) => [index ? ", " : "",
            el("span", { class: "name", text: service || unnamed }),
            ` by ${shift > 0 ? "+" : "−"}${duration(Math.abs(shift))}`]),
          worst.size > 4 ? ` and ${worst.size - 4} more.` : "."),
        el("button", { type: "button", class: "quiet", text: this.adjusts ? "Show as recorded" : "Shift them",
          onclick: () => this.change({ adjusts: !this.adjusts }) })));
    }
    return banners.firstChild ? banners : null;
  }

  tools() {
    const tab = (view, text) => el("button", { type: "button", role: "tab", "data-view": view, text,
      onclick: () => { this.choose(view); this.save(true); } });
    this.tabs = [tab("spans", "Waterfall"), tab("services", "Services")];
    this.field = el("input", { type: "search", id: "find", placeholder: "Find name, tag or event", value: this.text,
      "aria-label": "Find in this trace", spellcheck: "false", autocomplete: "off",
      oninput: () => { this.text = this.field.value; this.find(); this.save(); },
      onkeydown: (event) => {
        if (event.key === "Enter") this.next(event.shiftKey ? -1 : 1);
        else if (event.key === "Escape") this.rows.focus();
        else return;
        event.preventDefault();
        event.stopPropagation();
      } });
    this.matches = el("span", { class: "matches", role: "status" });
    const toggle = (label, title, isOn, turn) => {
      const box = el("input", { type: "checkbox", checked: isOn, onchange: () => turn(box.checked) });
      return el("label", { class: "switch", title }, box, el("span", { text: label }));
    };
    const only = toggle("Only these", "Hide the rows that do not match", this.only, (only) => {
      this.only = only;
      this.layOut();
      this.save();
    });
    this.onlyBox = only.firstChild;
    return el("div", { class: "tools" },
      el("div", { class: "tabs", role: "tablist", "aria-label": "View" }, this.tabs),
      el("div", { class: "finder" }, this.field, this.matches),
      only, el("span", { class: "spacer" }), this.legend(),
      toggle("Critical path", "Underline what the end of the trace waited for", this.marksPath, (marksPath) => {
        this.marksPath = marksPath;
        this.redraw();
        this.save();
      }),
      toggle("Join calls", "Show both sides of a call in one row", this.joins, (joins) => this.change({ joins })));
  }

  /** What marks in the picture mean that most traces do not have. */
  legend() {
    const { overruns } = this.trace;
    if (!overruns.length) return null;
    return el("span", { class: "legend", title: "The caller gave up (a timeout), or did not wait for the end (a streamed "
      + "answer). Its clock is not to blame: it is drawn where it was recorded." },
    el("i", { class: "overrun" }), `${count(overruns.length, "call")} went on after the caller's side had ended`);
  }

  ruler() {
    const button = (text, title, action) => el("button", { type: "button", class: "quiet", text, title,
      onclick: action });
    this.zoomOut = button("Whole trace", "Show all of the time again", () => this.time.show(0, this.time.length));
    return el("div", { class: "ruler" },
      el("div", { class: "ruler-left" }, el("span", { class: "ruler-name", text: "Service and operation" }),
        el("span", { class: "folds" }, this.zoomOut,
          button("Fold", "Fold everything below the first level", () => this.foldAll(true)),
          button("Unfold", "Unfold everything", () => this.foldAll(false)))),
      this.time.labels);
  }

  // Rows: only those in sight exist.

  redraw() {
    if (this.view !== "spans") return;
    this.rowHeight = this.rows.clientWidth < 640 ? 46 : 28;
    this.frame.classList.toggle("stacked", this.rowHeight > 28);
    this.frame.classList.toggle("marks-path", this.marksPath);
    this.zoomOut.hidden = this.time.isWhole;
    this.time.draw(this.frame);
    if (this.map.width !== this.map.node.clientWidth) {
      this.map.width = this.map.node.clientWidth;
      this.map.draw();
    } else this.map.mark();
    this.layOut();
  }

  find() {
    const isLooking = Boolean(this.text.trim() || this.service);
    this.found = isLooking ? findRows(this.trace, this.text, this.service) : undefined;
    this.matches.textContent = this.found ? `${this.found.size.toLocaleString("en")} of ${this.trace.rows.length.toLocaleString("en")}` : "";
    this.layOut();
  }

  layOut() {
    if (this.rowHeight === undefined) return;
    let shown;
    if (this.found && this.only) {
      shown = new Set();
      for (const row of this.found) {
        for (let above = row; above >= 0 && !shown.has(above); above = this.trace.rows[above].parent) shown.add(above);
      }
    }
    this.visible = [];
    for (let index = 0; index < this.trace.rows.length; index += 1) {
      if (shown && !shown.has(index)) continue;
      this.visible.push(index);
      if (!shown && this.folded.has(index)) index += this.trace.rows[index].descendants;
    }
    this.rows.style.height = `${this.visible.length * this.rowHeight}px`;
    this.built = new Map();
    this.draw();
  }

  draw() {
    if (this.view !== "spans" || !this.visible) return;
    const top = this.rows.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / this.rowHeight) - 12);
    const last = Math.min(this.visible.length, Math.ceil((window.innerHeight - top) / this.rowHeight) + 12);
    const chosen = this.trace.rowOf[this.selected] ?? -1;
    const built = new Map();
    for (let position = first; position < last; position += 1) {
      const index = this.visible[position];
      const key = `${index} ${index === chosen}`;
      built.set(key, this.built.get(key) ?? this.row(position, index === chosen));
    }
    const isSame = built.size === this.built.size && [...built.keys()].every((key) => this.built.has(key));
    this.built = built;
    if (!isSame || this.rows.childElementCount !== built.size) this.rows.replaceChildren(...built.values());
    if (chosen >= 0) this.rows.setAttribute("aria-activedescendant", `row-${chosen}`);
    else this.rows.removeAttribute("aria-activedescendant");
  }

  row(position, isChosen) {
    const { trace } = this;
    const index = this.visible[position];
    const row = trace.rows[index];
    const subject = trace.subject(row);
    const node = trace.nodes[row.node];
    const name = subject.span.name || node.span.name || "";
    const isFolded = this.folded.has(index) && !(this.found && this.only);
    const isFailed = trace.isFailed(row);
    const piece = trace.pieces[node.piece];
    const isPieceStart = piece && trace.nodes[node.parent]?.piece !== node.piece;
    const indent = el("span", { class: "indent" });
    indent.style.width = `${Math.min(row.depth, 24) * (this.rowHeight > 28 ? 8 : 14)}px`;
    const fold = row.descendants
      ? el("span", { class: "fold", "data-fold": index, text: isFolded ? "▸" : "▾" })
      : el("span", { class: "fold" });
    const remote = node.kind === "client" && row.answer < 0 && node.answer < 0 ? node.span.remoteEndpoint?.serviceName : "";
    const line = el("div", {
      class: ["row", colour(subject.service), isFailed && "failed", isChosen && "selected", piece && "piece",
        this.found && (this.found.has(index) ? "found" : "dimmed")].filter(Boolean).join(" "),
      id: `row-${index}`, role: "treeitem", "data-index": index, "aria-level": row.depth + 1,
      "aria-setsize": "-1", "aria-posinset": position + 1,
      "aria-selected": String(isChosen), "aria-expanded": row.descendants ? String(!isFolded) : undefined,
    },
    el("div", { class: "name" }, indent, fold, el("i", { class: "strip" }),
      el("span", { class: "label", title: this.title(row, name) },
        el("b", { text: subject.service || unnamed }),
        remote ? el("span", { class: "remote", text: `→ ${plain(remote, 80)} ` }) : null,
        el("span", { class: "operation", text: plain(name, 500) })),
      isFolded ? el("span", { class: "badge", text: `+${row.descendants}` }) : null,
      isPieceStart ? el("span", { class: "badge guess", text: confidence(piece), title: plain(piece.reason ?? "") }) : null,
      node.isDetached && !piece ? el("span", { class: "badge warning", text: "no parent",
        title: "The parent that this span names was not recorded" }) : null,
      isFailed ? el("span", { class: "alarm", role: "img", "aria-label": "error", text: "!" }) : null,
      row.answer < 0 && node.kind !== "local" ? el("span", { class: "kind", text: node.kind }) : null),
    this.time.lane(row));
    if (row.answer >= 0) line.style.setProperty("--caller", `var(--${colourVariable(node.service)})`);
    line.style.top = `${position * this.rowHeight}px`;
    return line;
  }

  title(row, name) {
    const [node, answer] = [this.trace.nodes[row.node], this.trace.nodes[row.answer]];
    if (!answer) return plain(`${node.service || unnamed} ${name}`);
    return plain(`${node.service || unnamed} calls ${answer.service || unnamed}: ${name}`);
  }

  click(event) {
    const line = event.target.closest(".row");
    if (!line) return;
    const index = Number(line.dataset.index);
    if (event.target.closest("[data-fold]")) this.fold(index, !this.folded.has(index));
    else this.select(this.trace.rowOf[this.selected] === index ? -1 : this.nodeAt(event, index));
    this.rows.focus({ preventScroll: true });
  }

  /** The side of a call that was meant: the answering one, except on the calling side's part of the bar. */
  nodeAt(event, index) {
    const row = this.trace.rows[index];
    if (row.answer < 0) return row.node;
    return event.target.classList.contains("outer") ? row.node : row.answer;
  }

  fold(index, isFolded) {
    if (!this.trace.rows[index].descendants) return;
    if (isFolded) this.folded.add(index);
    else this.folded.delete(index);
    this.isFoldedDeep = false;
    this.layOut();
    this.save();
  }

  foldDeep() {
    // The first level stays open: that a trace has more than its first span should be seen.
    for (const row of this.trace.rows) if (row.depth > 0 && row.descendants) this.folded.add(row.index);
  }

  foldAll(isFolded) {
    this.folded.clear();
    if (isFolded) this.foldDeep();
    this.isFoldedDeep = isFolded;
    this.layOut();
    this.save(true);
  }

  select(index, reveals = false, saves = true) {
    this.selected = index;
    const node = this.trace.nodes[index];
    const changesWidth = this.details.hidden === Boolean(node);
    this.details.hidden = !node;
    this.details.parentNode.classList.toggle("with-details", Boolean(node));
    if (node) {
      const row = this.trace.rows[this.trace.rowOf[index]];
      for (let above = row.parent; above >= 0; above = this.trace.rows[above].parent) {
        if (this.folded.delete(above)) this.isFoldedDeep = false;
      }
      if (this.only && this.found && !this.found.has(row.index)) this.only = this.onlyBox.checked = false;
      showDetails(this.details, this.trace, index, {
        close: () => this.select(-1), select: (other) => this.select(other, true), page: this.page,
        focus: (service) => this.change({ service }),
      });
    }
    if (saves) this.save();
    if (changesWidth) this.redraw();
    else if (reveals) this.layOut();
    if (reveals && node) this.scrollTo(this.trace.rowOf[index]);
    this.draw();
  }

  scrollTo(row) {
    const top = this.rows.getBoundingClientRect().top + this.visible.indexOf(row) * this.rowHeight;
    const high = this.map.node.getBoundingClientRect().height + 100;
    const sheet = getComputedStyle(this.details).position === "fixed" ? this.details.offsetHeight : 0;
    const low = window.innerHeight - sheet - 2 * this.rowHeight - 24;
    if (top < high) window.scrollBy(0, top - high);
    else if (top > low) window.scrollBy(0, top - low);
  }

  move(step) {
    const position = this.visible.indexOf(this.trace.rowOf[this.selected] ?? -1);
    const next = position < 0 ? 0 : Math.max(0, Math.min(this.visible.length - 1, position + step));
    this.selectRow(this.visible[next]);
  }

  selectRow(index) {
    const row = this.trace.rows[index];
    if (row) this.select(row.answer >= 0 ? row.answer : row.node, true);
  }

  /** The next row that is looked for, or else that failed. */
  next(step) {
    const wanted = this.trace.rows.filter((row) => this.found ? this.found.has(row.index) : this.trace.isFailed(row));
    if (!wanted.length) return;
    if (step < 0) wanted.reverse();
    const present = this.trace.rowOf[this.selected] ?? (step > 0 ? -1 : Infinity);
    this.selectRow((wanted.find((row) => step * (row.index - present) > 0) ?? wanted[0]).index);
  }

  /** The time of the selected row with a little around it, or all. */
  zoom() {
    const node = this.trace.nodes[this.selected];
    if (!this.time.isWhole || !node?.isTimed) {
      this.time.show(0, this.time.length);
      return;
    }
    const row = this.trace.rows[this.trace.rowOf[this.selected]];
    const outer = this.trace.nodes[row.node];
    const around = Math.max(5, outer.length * 0.05);
    this.time.show(outer.start - around, outer.end + around);
  }

  key(event) {
    if (isTyping(event)) return;
    const row = this.trace.rows[this.trace.rowOf[this.selected] ?? -1];
    if (this.view !== "spans" && !["s", "/", "Escape"].includes(event.key)) return;
    if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      this.time.shift(event.key === "ArrowLeft" ? -0.25 : 0.25);
      event.preventDefault();
      return;
    }
    switch (event.key) {
      case "j": case "ArrowDown": this.move(1); break;
      case "k": case "ArrowUp": this.move(-1); break;
      case "PageDown": this.move(15); break;
      case "PageUp": this.move(-15); break;
      case "Home": this.selectRow(this.visible[0]); break;
      case "End": this.selectRow(this.visible[this.visible.length - 1]); break;
      case "ArrowLeft":
        if (!row) return;
        if (row.descendants && !this.folded.has(row.index)) this.fold(row.index, true);
        else if (row.parent >= 0) this.selectRow(row.parent);
        break;
      case "ArrowRight":
        if (!row) return;
        if (this.folded.has(row.index)) this.fold(row.index, false);
        else if (row.descendants) this.selectRow(row.index + 1);
        break;
      case "Enter":
        if (!row || event.target.closest?.("button, a, summary, input, [role=tab]")) return;
        this.details.focus();
        break;
      case "/": this.field.focus(); this.field.select(); break;
      case "n": this.next(1); break;
      case "N": this.next(-1); break;
      case "z": this.zoom(); break;
      case "+": case "=": this.time.scale(0.5); break;
      case "-": this.time.scale(2); break;
      case "c": this.change({ marksPath: !this.marksPath }); break;
      case "s": this.choose(this.view === "spans" ? "services" : "spans"); this.save(true); break;
      case "Escape":
        if (this.details.contains(document.activeElement)) this.rows.focus({ preventScroll: true });
        else if (row) this.select(-1);
        else if (this.view !== "spans") { this.choose("spans"); this.save(true); }
        else if (this.service || this.text) this.change({ service: "", text: "", only: false });
        else if (!this.time.isWhole) this.time.show(0, this.time.length);
        else this.page.back?.();
        break;
      default: return;
    }
    event.preventDefault();
  }
}

function confidence(piece) { return `guess, ${Math.round(100 * (piece.confidence ?? 0))} % sure`; }

function colourVariable(service) {
  const name = colour(service);
  return name === "colour-none" ? "ink-faint" : `c${name.slice(7)}`;
}
