import { showDetails, statisticsTable } from "./details.js";
import { el, unnamed } from "./dom.js";
import { count, plain } from "./format.js";
import { Minimap, Timeline } from "./timeline.js";
import { pressKey } from "./waterfall-keys.js";
import { WaterfallState } from "./waterfall-state.js";
import { banners, header, quietButton, RowList, ruler, Tools } from "./waterfall-view.js";

/** One trace: keys and clicks change the state, and the parts of the view follow it. It needs no collector. */
export class Waterfall {
  /** `page` gives where to draw, how the address is read and written, and what can be done beyond the trace. */
  constructor(page, answer, id) {
    this.page = page;
    this.answer = answer;
    this.id = answer.traceId || id;
    const { signal } = (this.end = new AbortController());
    window.addEventListener("scroll", () => this.rows.draw(), { passive: true, signal });
    window.addEventListener("resize", () => this.redraw(), { signal });
    document.addEventListener("keydown", (event) => pressKey(this, event), { signal });
    document.title = `${answer.rootService || unnamed} ${plain(answer.rootName, 80)} · kuma-trace`;
    this.restore();
    const { trace } = this.state;
    page.say(`${count(trace.nodes.length, "span")} in ${count(trace.rows.length, "row")}`);
  }

  leave() { this.end.abort(); }

  /** Shows what the address says. */
  restore() {
    this.state = new WaterfallState(this.answer, this.page.query(), (isDone) => {
      this.redraw();
      if (isDone) this.save(true);
    });
    this.show();
  }

  /** Writes what is shown into the address. */
  save(isStep = false) { this.page.setQuery(this.state.query(), isStep); }

  /** Builds the whole view. */
  show() {
    const { trace, time, view, selected } = this.state;
    this.timeline = new Timeline(trace, time);
    this.map = new Minimap(trace, time);
    this.rows = new RowList(this);
    this.tools = new Tools(this);
    this.wholeTrace = quietButton("Whole trace", "Show all of the time again", () => time.showAll());
    this.details = el("aside", { class: "details", hidden: true, tabindex: "-1", "aria-label": "The selected span" });
    this.frame = el("div", { class: "frame" },
      el("div", { class: "stick" }, this.map.node, ruler(this, this.wholeTrace)), this.rows.node);
    this.frame.classList.toggle("with-pieces", trace.pieces.length > 0);
    this.tables = el("div", { class: "frame statistics" });
    this.stage = el("div", { class: "stage" }, this.frame, this.tables, this.details);
    this.page.main.replaceChildren(el("div", { class: "one-trace" }, header(this), banners(this), this.tools.node, this.stage));
    this.state.find();
    this.choose(view);
    if (selected >= 0) this.select(selected, true, false);
  }

  choose(view, saves = false) {
    this.state.view = view;
    this.frame.hidden = view !== "spans";
    this.tables.hidden = view === "spans";
    if (view !== "spans" && !this.tables.firstChild) {
      this.tables.append(statisticsTable(this.state.trace, (service) => this.change({ service, view: "spans" })));
    }
    this.tools.follow();
    this.redraw();
    if (saves) this.save(true);
  }

  /** Draws what depends on the time in sight and on the size of the window. */
  redraw() {
    const { state, frame, map } = this;
    if (state.view !== "spans") return;
    this.rows.measure();
    frame.classList.toggle("stacked", this.rows.isStacked);
    frame.classList.toggle("marks-path", state.marksPath);
    this.wholeTrace.hidden = state.time.isWhole;
    this.timeline.draw(frame);
    if (map.width !== map.node.clientWidth) {
      map.width = map.node.clientWidth;
      map.draw();
    } else map.mark();
    this.rows.layOut();
  }

  /** Takes changes of the state that change the whole view. */
  change(changes) {
    this.state.change(changes);
    this.show();
    this.save();
  }

  find(text) {
    this.state.text = text;
    this.state.find();
    this.tools.follow();
    this.rows.layOut();
    this.save();
  }

  filter(only) {
    this.state.only = only;
    this.rows.layOut();
    this.save();
  }

  markPath(isMarked) {
    this.state.marksPath = isMarked;
    this.redraw();
    this.save();
  }

  fold(index, isFolded) {
    if (!this.state.fold(index, isFolded)) return;
    this.rows.layOut();
    this.save();
  }

  foldAll(isFolded) {
    this.state.foldAll(isFolded);
    this.rows.layOut();
    this.save(true);
  }

  /** Selects a node, or none with -1; `reveals` scrolls to its row. */
  select(index, reveals = false, saves = true) {
    const { state, details } = this;
    state.select(index);
    const row = state.selectedRow;
    const changesWidth = details.hidden === Boolean(row);
    details.hidden = !row;
    this.stage.classList.toggle("with-details", Boolean(row));
    this.tools.follow();
    if (row) {
      showDetails(details, state.trace, index, {
        close: () => this.select(-1), select: (other) => this.select(other, true), page: this.page,
      });
    }
    if (saves) this.save();
    if (changesWidth) this.redraw();
    else if (reveals) this.rows.layOut();
    if (reveals && row) {
      const sheet = getComputedStyle(details).position === "fixed" ? details.offsetHeight : 0;
      this.rows.scrollTo(row.index, this.map.node.getBoundingClientRect().height + 100, window.innerHeight - sheet);
    }
    this.rows.draw();
  }

  selectRow(index) {
    const node = this.state.nodeOfRow(index);
    if (node !== undefined) this.select(node, true);
  }

  move(step) { this.selectRow(this.state.rowAfter(step)); }

  next(step) { this.selectRow(this.state.nextMatch(step)); }
}
