// A trace in a file of its own: the same view, the data beside it, no collector.
import { el, isTyping } from "./dom.js";
import { setKeys, showKeys, withoutViews } from "./keys.js";
import { Waterfall } from "./waterfall.js";
import { traceKeys } from "./waterfall-keys.js";

const answer = JSON.parse(document.getElementById("trace").textContent);
withoutViews();
setKeys("A trace", traceKeys);

const view = new Waterfall({
  main: document.getElementById("main"),
  say: (text) => { document.getElementById("status").textContent = text; },
  query: () => new URLSearchParams(location.hash.slice(1)),
  // A file's address may change behind the # only.
  setQuery: (query) => history.replaceState(null, "", `#${query}`),
  crumb: () => el("span", { text: "Trace" }),
}, answer, answer.traceId);

window.addEventListener("hashchange", () => view.restore());
document.getElementById("help").addEventListener("click", showKeys);
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || isTyping(event)) return;
  event.preventDefault();
  showKeys();
});
