import { showCanary } from "./canary.js";
import { showChoice, showCompare } from "./compare.js";
import { access, el, fetchJSON, isTyping, notice } from "./dom.js";
import { showFile, takeFiles } from "./file.js";
import { showGraph } from "./graph.js";
import { addKey, setKeys, showKeys } from "./keys.js";
import { showMesh } from "./mesh.js";
import { showPrivacy } from "./privacy.js";
import { showSearch } from "./search.js";
import { showSenders } from "./senders.js";
import { brokenIn, showOperations, showPropagation } from "./services.js";
import { loadSession, showsUser } from "./session.js";
import { showSignIn } from "./sign-in.js";
import { showTrace } from "./trace.js";

const main = document.getElementById("main");
/** What every view gets: where it draws, how it opens others, and the last state of the list. */
const page = { main, open, setQuery, keys: setKeys, say, searchAddress: "/", lastTrace: undefined, listed: undefined };

const views = [
  [/^(\/traces)?$/, "traces", () => showSearch(page)],
  [/^\/traces\/([0-9a-f]{1,32})$/i, "traces", (id) => showTrace(page, id.toLowerCase())],
  [/^\/compare\/([0-9a-f]{1,32})\/([0-9a-f]{1,32})$/i, "traces",
    (a, b) => showCompare(page, a.toLowerCase(), b.toLowerCase())],
  [/^\/compare(?:\/([0-9a-f]{1,32}))?$/i, "traces", (id) => showChoice(page, id?.toLowerCase())],
  [/^\/file(?:\/([0-9a-f]{1,32}))?$/i, "traces", (id) => showFile(page, id?.toLowerCase())],
  [/^\/(?:graph|services)$/, "graph", () => showGraph(page)],
  [/^\/services\/([^/]+)$/, "graph", (name) => showOperations(page, decoded(name))],
  [/^\/propagation$/, "propagation", () => showPropagation(page)],
  [/^\/mesh$/, "mesh", () => showMesh(page)],
  [/^\/privacy$/, "privacy", () => showPrivacy(page)],
  [/^\/senders$/, "senders", () => showSenders(page)],
];

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The view of addresses that do not exist. */
function showNothing() {
  document.title = "Nothing here · kuma-trace";
  page.keys("", []);
  const { pathname } = location;
  const isTrace = /^\/(traces|compare)\//.test(pathname);
  main.replaceChildren(notice({ title: "There is nothing at this address",
    text: isTrace ? "A trace id has 1 to 32 hexadecimal digits." : "Views are linked above; traces stand below /traces/ by their ids.",
    detail: pathname.slice(0, 200) },
  el("a", { class: "button", href: "/", text: "All traces" }), el("a", { class: "button", href: "/graph", text: "Services" })));
}

/** The view that is shown: how to leave it, and how it follows a change of its own address. */
let present = {};
let shownPath;
/** Whether the form to sign in is shown, whatever the address. */
let isAsking = false;

function route() {
  if (isAsking) return;
  if (shownPath === location.pathname && present.restore) {
    present.restore();
    return;
  }
  present.leave?.();
  shownPath = location.pathname;
  let name = "";
  present = {};
  for (const [pattern, view, show] of views) {
    const match = pattern.exec(location.pathname.replace(/\/$/, ""));
    if (!match) continue;
    name = view;
    present = show(...match.slice(1)) ?? {};
    break;
  }
  if (!name) showNothing();
  for (const link of document.querySelectorAll(".views a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Asks who is there, in place of the view; afterwards the view of the address is shown. */
function ask() {
  if (isAsking) return;
  present.leave?.();
  present = {};
  shownPath = undefined;
  isAsking = true;
  page.listed = undefined;
  document.querySelector("dialog[open]")?.close();
  // It may have been another one's until now.
  loadSession();
  showSignIn(page, () => {
    isAsking = false;
    route();
    main.focus({ preventScroll: true });
    watchPropagation();
    findMesh();
  });
}

access.denied = ask;
showsUser(() => {
  loadSession();
  // What was shown is gone, also where nobody has to sign in to see it again.
  present.leave?.();
  shownPath = undefined;
  page.listed = undefined;
  route();
});

function open(address) {
  history.pushState(null, "", address);
  route();
  window.scrollTo(0, 0);
}

/** Writes what a view shows into its address; a step becomes an entry of the history. */
function setQuery(query, isStep) {
  const address = location.pathname + (query.size ? `?${query}` : "");
  if (address === location.pathname + location.search) return;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

function say(text) {
  document.getElementById("status").textContent = text;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.hasAttribute("download") || link.target || link.getAttribute("href").startsWith("/api/")) return;
  event.preventDefault();
  open(link.getAttribute("href"));
});

const idField = document.getElementById("jump-id");
document.getElementById("jump").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = idField.value.trim().toLowerCase();
  const isID = /^[0-9a-f]{1,32}$/.test(id);
  idField.setCustomValidity(isID || !id ? "" : "A trace id has 1 to 32 hexadecimal digits.");
  idField.reportValidity();
  if (!isID) return;
  idField.value = "";
  idField.blur();
  open(`/traces/${id}`);
});
idField.addEventListener("input", () => idField.setCustomValidity(""));
idField.addEventListener("keydown", (event) => { if (event.key === "Escape") idField.blur(); });

document.getElementById("help").addEventListener("click", showKeys);

// The keys that work everywhere: for a view, "g" and its letter within a second.
const never = -Infinity;
let goes = never;
document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  const address = event.timeStamp - goes < 1000 && { t: page.searchAddress, s: "/graph", p: "/propagation",
    m: meshLink.hidden ? undefined : "/mesh" }[event.key];
  goes = never;
  if (event.key === "?") showKeys();
  else if (event.key === "o") idField.focus();
  else if (event.key === "f") page.chooseFile();
  else if (event.key === "g") goes = event.timeStamp;
  else if (address) open(address);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

window.addEventListener("popstate", route);

const meshLink = document.getElementById("mesh-link");

/** Shows the link to the mesh where there is one: a collector alone knows of none. */
async function findMesh() {
  const { meshEnabled } = await fetchJSON("/config.json").catch(() => ({}));
  if (!meshEnabled || !meshLink.hidden) return;
  meshLink.hidden = false;
  addKey([["g", "m"], "mesh"]);
}

let watching;

/** Shows at the top how many services break traces, and how the canary is. */
async function watchPropagation() {
  clearTimeout(watching);
  if (!document.hidden && !isAsking) {
    showCanary();
    const answer = await fetchJSON("/api/propagation").catch((error) => error);
    if (answer.status === 404) return;
    const names = brokenIn(answer).map((service) => service.service);
    const badge = document.getElementById("breaks");
    badge.hidden = !names.length;
    badge.textContent = names.length;
    badge.title = `${names.join(", ")} ${names.length === 1 ? "breaks" : "break"} traces`;
    badge.setAttribute("aria-label", badge.title);
  }
  watching = setTimeout(watchPropagation, 20_000);
}

takeFiles(page);
await loadSession();
route();
watchPropagation();
findMesh();
