import { isTyping } from "./dom.js";

/** The keys of the list, as the help shows them. */
export const searchKeys = [
  [["/"], "search"], [["j", "k"], "next, previous trace"], [["Enter"], "open it"], [["x"], "choose it for comparing"],
  [["c"], "compare the two that are chosen"], [["n"], "show the new ones"], [["l"], "live or not"],
  [["e"], "errors only, or all"],
];

/** Does what a key says to a ``Search``. */
export function pressKey(search, event) {
  if (isTyping(event)) return;
  const { state, view, page } = search;
  const rows = [...view.list.node.querySelectorAll(".trace")];
  const present = rows.indexOf(document.activeElement?.closest?.(".trace"));
  const focus = (index) => rows[index]?.querySelector("a").focus();
  const field = (name) => document.getElementById(`filter-${name}`);
  const { key } = event;
  if (key === "/") field("q").focus();
  else if (key === "j" || key === "ArrowDown") focus(Math.min(rows.length - 1, present + 1));
  else if (key === "k" || key === "ArrowUp") focus(Math.max(0, present - 1));
  else if (key === "x" && present >= 0) {
    const id = rows[present].dataset.trace;
    search.pick(id, !state.picked.includes(id));
  } else if (key === "c" && state.picked.length === 2) page.open(`/compare/${state.picked.join("/")}`);
  else if (key === "n" && state.waiting) search.showNewer();
  else if (key === "l") field("live").click();
  else if (key === "e") field("errors").click();
  else return;
  event.preventDefault();
}
