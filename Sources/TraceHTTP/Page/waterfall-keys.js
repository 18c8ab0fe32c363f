import { isTyping } from "./dom.js";

/** The keys of a trace, as the help shows them. */
export const traceKeys = [
  [["j", "k"], "next, previous row"], [["←", "→"], "fold, unfold, to the parent"], [["Enter"], "into the details"],
  [["/"], "find in the trace"], [["n", "N"], "next, previous error or match"], [["z"], "zoom to the row, and back"],
  [["+", "-"], "look closer, from further away"], [["Shift", "← →"], "move along the time"],
  [["c"], "critical path"], [["s"], "services or waterfall"], [["Esc"], "close, whole trace, back"],
];

/** What each key does to a ``Waterfall``. An action that returns false leaves the key to the browser. */
const actions = new Map(Object.entries({
  j: (view) => view.move(1), ArrowDown: (view) => view.move(1),
  k: (view) => view.move(-1), ArrowUp: (view) => view.move(-1),
  PageDown: (view) => view.move(15), PageUp: (view) => view.move(-15),
  Home: (view) => view.selectRow(view.state.visible[0]), End: (view) => view.selectRow(view.state.visible.at(-1)),
  ArrowLeft: foldOrGoUp, ArrowRight: unfoldOrGoDown, Enter: goToDetails,
  n: (view) => view.next(1), N: (view) => view.next(-1),
  z: (view) => view.state.zoom(),
  "+": (view) => view.state.time.scale(0.5), "=": (view) => view.state.time.scale(0.5),
  "-": (view) => view.state.time.scale(2),
  c: (view) => view.change({ marksPath: !view.state.marksPath }),
}));

/** The keys that also work where the rows are not shown. */
const everywhere = new Map(Object.entries({
  "/": (view) => view.tools.focus(),
  s: (view) => view.choose(view.state.view === "spans" ? "services" : "spans", true),
  Escape: goBack,
}));

export function pressKey(view, event) {
  if (isTyping(event)) return;
  const isArrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
  const action = everywhere.get(event.key) ?? (view.state.view === "spans" ? actions.get(event.key) : undefined);
  if (!action) return;
  if (event.shiftKey && isArrow) view.state.time.shift(event.key === "ArrowLeft" ? -0.25 : 0.25);
  else if (action(view, event) === false) return;
  event.preventDefault();
}

function foldOrGoUp(view) {
  const row = view.state.selectedRow;
  if (!row) return false;
  if (row.descendants && !view.state.folded.has(row.index)) view.fold(row.index, true);
  else if (row.parent >= 0) view.selectRow(row.parent);
}

function unfoldOrGoDown(view) {
  const row = view.state.selectedRow;
  if (!row) return false;
  if (view.state.folded.has(row.index)) view.fold(row.index, false);
  else if (row.descendants) view.selectRow(row.index + 1);
}

function goToDetails(view, event) {
  if (!view.state.selectedRow || event.target.closest?.("button, a, summary, input, [role=tab]")) return false;
  view.details.focus();
}

/** Undoes the last thing that is still in effect, and leaves the trace when nothing is. */
function goBack(view) {
  const { state } = view;
  if (view.details.contains(document.activeElement)) view.rows.focus();
  else if (state.selectedRow) view.select(-1);
  else if (state.view !== "spans") view.choose("spans", true);
  else if (state.service || state.text) view.change({ service: "", text: "", only: false });
  else if (!state.time.isWhole) state.time.showAll();
  else view.page.back?.();
}
