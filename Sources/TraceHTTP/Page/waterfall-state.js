import { findRows, Trace } from "./model.js";

/** The part of a trace's time that is in sight, in microseconds after the trace's start. */
export class TimeRange {
  /** `changed` is called after each change, with whether it is finished. */
  constructor(length, changed) {
    this.length = length;
    this.from = 0;
    this.to = length;
    this.changed = changed;
  }

  get isWhole() { return this.from === 0 && this.to === this.length; }

  show(from, to, isDone = true) {
    const least = Math.min(this.length, 5);
    this.from = Math.max(0, Math.min(from, this.length - least));
    this.to = Math.min(this.length, Math.max(to, this.from + least));
    this.changed(isDone);
  }

  showAll() { this.show(0, this.length); }

  restore(from, to) {
    this.from = Math.min(from, this.length);
    this.to = Math.min(to, this.length);
  }

  /** Zooms in (a factor below 1) or out. */
  scale(factor) {
    const [middle, half] = [(this.from + this.to) / 2, ((this.to - this.from) / 2) * factor];
    this.show(middle - half, middle + half);
  }

  shift(part) {
    const span = this.to - this.from;
    const from = Math.max(0, Math.min(this.length - span, this.from + span * part));
    this.show(from, from + span);
  }

  /** Where a moment lies, in percent of the width. */
  place(time) { return (100 * (time - this.from)) / (this.to - this.from); }
}

/** What the view of one trace shows. It draws nothing; an address holds all of it. */
export class WaterfallState {
  constructor(answer, query, timeChanged) {
    this.answer = answer;
    this.timeChanged = timeChanged;
    this.adjusts = query.get("clock") !== "recorded";
    this.joins = query.get("calls") !== "apart";
    this.marksPath = query.get("path") !== "off";
    this.text = query.get("find") ?? "";
    this.service = query.get("service") ?? "";
    this.only = query.get("only") === "1";
    this.view = query.get("view") === "services" ? "services" : "spans";
    this.build();
    this.restoreFolds(query.get("fold") ?? "");
    const [from, to] = (query.get("time") ?? "").split("-").map(Number);
    if (to > from) this.time.restore(from, to);
    this.selected = this.nodeNamed(query.get("span"), query.get("side"))?.index ?? -1;
  }

  /** Interprets the spans again. */
  build() {
    this.trace = new Trace(this.answer, { adjusts: this.adjusts, joins: this.joins });
    this.time = new TimeRange(this.trace.length, this.timeChanged);
    this.folded = new Set();
  }

  /** Changes switches or the search; what is folded and the part of the time stay. */
  change(changes) {
    const folded = this.foldedNodes;
    const { from, to, isWhole } = this.time;
    Object.assign(this, changes);
    this.build();
    for (const node of folded) this.foldNode(node);
    if (!isWhole) this.time.restore(from, to);
  }

  /** The state for the address. */
  query() {
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
    const folded = this.foldedNodes.map((node) => node.toString(36));
    if (this.isFoldedDeep) query.set("fold", "all");
    else set("fold", folded.join("."), folded.length > 0 && folded.length <= 60);
    set("span", node?.span.id, node);
    set("side", node?.kind, node);
    return query;
  }

  /** Finds the rows that match; `found` is undefined when nothing is searched for. */
  find() {
    const isSearching = Boolean(this.text.trim() || this.service);
    this.found = isSearching ? findRows(this.trace, this.text, this.service) : undefined;
  }

  /** Whether rows that do not match are hidden. */
  get isFiltered() { return Boolean(this.found && this.only); }

  /** Computes `visible`, the rows that are neither folded away nor hidden by the search. */
  listRows() {
    const { rows } = this.trace;
    let shown;
    if (this.isFiltered) {
      shown = new Set();
      for (const row of this.found) {
        for (let above = row; above >= 0 && !shown.has(above); above = rows[above].parent) shown.add(above);
      }
    }
    this.visible = [];
    for (let index = 0; index < rows.length; index += 1) {
      if (shown && !shown.has(index)) continue;
      this.visible.push(index);
      if (!shown && this.folded.has(index)) index += rows[index].descendants;
    }
  }

  get selectedRow() { return this.trace.rows[this.trace.rowOf[this.selected] ?? -1]; }

  /** The node that selecting a row selects: the answering side of a call. */
  nodeOfRow(index) {
    const row = this.trace.rows[index];
    return row && (row.answer >= 0 ? row.answer : row.node);
  }

  nodeNamed(id, side) {
    const named = this.trace.nodes.filter((node) => node.span.id === id);
    return named.find((node) => node.kind === side) ?? named[0];
  }

  /** Selects a node, or none with -1, and makes its row visible. */
  select(index) {
    this.selected = index;
    const row = this.selectedRow;
    if (!row) return;
    for (let above = row.parent; above >= 0; above = this.trace.rows[above].parent) {
      if (this.folded.delete(above)) this.isFoldedDeep = false;
    }
    if (this.isFiltered && !this.found.has(row.index)) this.only = false;
  }

  rowAfter(step) {
    const position = this.visible.indexOf(this.selectedRow?.index ?? -1);
    return this.visible[position < 0 ? 0 : Math.max(0, Math.min(this.visible.length - 1, position + step))];
  }

  /** The next row that matches the search or, without a search, the next one that failed. */
  nextMatch(step) {
    const wanted = this.trace.rows.filter((row) => this.found ? this.found.has(row.index) : this.trace.isFailed(row));
    if (step < 0) wanted.reverse();
    const present = this.selectedRow?.index ?? (step > 0 ? -1 : Infinity);
    return (wanted.find((row) => step * (row.index - present) > 0) ?? wanted[0])?.index;
  }

  /** Zooms to the selected row with a little time around it, or back to the whole trace. */
  zoom() {
    const node = this.trace.nodes[this.selected];
    if (!this.time.isWhole || !node?.isTimed) {
      this.time.showAll();
      return;
    }
    const outer = this.trace.nodes[this.selectedRow.node];
    const around = Math.max(5, outer.length * 0.05);
    this.time.show(outer.start - around, outer.end + around);
  }

  get foldedNodes() { return [...this.folded].map((row) => this.trace.rows[row].node); }

  restoreFolds(text) {
    this.isFoldedDeep = text === "all";
    if (this.isFoldedDeep) this.foldDeep();
    else for (const part of text.split(".").filter(Boolean)) this.foldNode(Number.parseInt(part, 36));
  }

  foldNode(index) {
    const row = this.trace.rows[this.trace.rowOf[index]];
    if (row?.descendants) this.folded.add(row.index);
  }

  /** Folds or unfolds a row; false if there is nothing below it. */
  fold(index, isFolded) {
    if (!this.trace.rows[index].descendants) return false;
    if (isFolded) this.folded.add(index);
    else this.folded.delete(index);
    this.isFoldedDeep = false;
    return true;
  }

  foldAll(isFolded) {
    this.folded.clear();
    if (isFolded) this.foldDeep();
    this.isFoldedDeep = isFolded;
  }

  foldDeep() {
    // The first level stays open: a trace should show that it has more than its first span.
    for (const row of this.trace.rows) if (row.depth > 0 && row.descendants) this.folded.add(row.index);
  }
}
