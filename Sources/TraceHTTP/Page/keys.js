import { el } from "./dom.js";

const everywhere = [
  [["g", "t"], "traces"], [["g", "s"], "services"], [["g", "p"], "propagation"], [["o"], "open a trace by its id"],
  [["f"], "open a file of traces"],
  [["?"], "these keys"],
];

let help;
let present = { title: "", keys: [] };

export function setKeys(title, keys) { present = { title, keys }; }

/** Adds a key that works everywhere. */
export function addKey(key) { everywhere.splice(3, 0, key); }

export function showKeys() {
  if (help?.open) return;
  const list = (title, keys) => el("section", {}, el("h3", { text: title }), el("dl", {}, keys.map(([names, what]) =>
    el("div", {}, el("dt", {}, names.map((name) => el("kbd", { text: name }))), el("dd", { text: what })))));
  help?.remove();
  help = el("dialog", { class: "keys", "aria-label": "Keys" }, el("form", { method: "dialog" },
    el("header", {}, el("h2", { text: "Keys" }), el("button", { class: "quiet", text: "Close", autofocus: true })),
    el("div", { class: "lists" }, present.keys.length ? list(present.title, present.keys) : null,
      everywhereShown ? list("Everywhere", everywhere) : null)));
  help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
  document.body.append(help);
  help.showModal();
}

let everywhereShown = true;

/** Leaves out the keys that need a collector. */
export function withoutViews() { everywhereShown = false; }
