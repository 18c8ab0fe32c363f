// Files of traces that are dropped on the page or chosen. The collector parses them and stores nothing. The page keeps only a
// reference to the file.
import { el, fetchJSON, notice, skeleton } from "./dom.js";
import { count, plain } from "./format.js";
import { TraceList } from "./list.js";
import { surroundings } from "./trace.js";
import { Waterfall } from "./waterfall.js";
import { traceKeys } from "./waterfall-keys.js";

const formats = "What can be opened: Jaeger's JSON, Zipkin's JSON, OpenTelemetry's JSON (OTLP), one document or one a line.";
const keys = [[["f"], "open another file"], [["Esc"], "back to the list"]];

/** The file that is open, until the page is reloaded. */
let opened;

/** Lets files be dropped anywhere, and chosen by the button at the top. */
export function takeFiles(page) {
  const input = el("input", { type: "file", hidden: true, "aria-label": "A file of traces",
    accept: ".json,.jsonl,.ndjson,.gz,.pb,application/json", onchange: () => { if (input.files[0]) openFile(page, input.files[0]); } });
  document.body.append(input);
  page.chooseFile = () => {
    input.value = "";
    input.click();
  };
  document.getElementById("open-file").addEventListener("click", page.chooseFile);
  const target = el("div", { class: "drop", hidden: true }, el("b", { text: "Drop it to see its traces" }));
  document.body.append(target);
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    target.hidden = false;
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) target.hidden = true; });
  document.addEventListener("drop", (event) => {
    target.hidden = true;
    if (!isFile(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) openFile(page, file);
  });
}

function openFile(page, file) {
  opened = { file };
  if (location.pathname === "/file") showAgain?.();
  else page.open("/file");
}

/** Loads the open file again if its view is shown already. */
let showAgain;

/** Shows the only trace of the file, the one with an id, or the list of all. */
export function showFile(page, id) {
  document.title = "A file · kuma-trace";
  page.keys("A file", keys);
  let request = new AbortController();
  let view;
  async function load() {
    view?.leave();
    view = undefined;
    request.abort();
    request = new AbortController();
    if (!opened) {
      page.main.replaceChildren(notice({ title: "No file is open",
        text: "Drop one anywhere on this page, or choose it. A file is closed when the page is reloaded.", detail: formats },
      ...actions(page)));
      return;
    }
    const { file } = opened;
    page.main.replaceChildren(el("div", { class: "one-trace" }, skeleton(8, `Reading ${plain(file.name, 120)}`)));
    try {
      const answer = await read(file, id, request.signal);
      document.title = `${plain(file.name, 80)} · kuma-trace`;
      view = draw(page, file, answer);
    } catch (error) {
      if (error.name !== "AbortError") page.main.replaceChildren(refusal(page, file, error));
    }
  }

  const onKey = (event) => { if (event.key === "Escape" && !view) page.open(page.searchAddress); };
  document.addEventListener("keydown", onKey);
  showAgain = load;
  load();
  return {
    restore() { if (view) view.restore(); else load(); },
    leave() {
      request.abort();
      view?.leave();
      showAgain = undefined;
      document.removeEventListener("keydown", onKey);
    },
  };
}

/** Sends the file to the collector; the browser streams it from the disk. */
async function read(file, id, signal, path = "/api/trees") {
  const { bodyLimit } = await fetchJSON("/config.json", signal).catch(() => ({}));
  if (bodyLimit && file.size > bodyLimit) {
    throw new Error(`It has ${mebibytes(file.size)}; this collector reads ${mebibytes(bodyLimit)} at once.`);
  }
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const headers = { "Content-Type": /\.(pb|protobuf)$/i.test(file.name) ? "application/x-protobuf" : "application/json" };
  if (start[0] === 0x1f && start[1] === 0x8b) headers["Content-Encoding"] = "gzip";
  return fetchJSON(id ? `${path}?id=${id}` : path, signal, { method: "POST", body: file, headers });
}

function mebibytes(bytes) { return `${(bytes / 1048576).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`; }

function actions(page) {
  return [el("button", { type: "button", text: "Choose a file", onclick: page.chooseFile }),
    el("a", { class: "button", href: page.searchAddress, text: "All traces" })];
}

function refusal(page, file, error) {
  return notice({ title: error.isDown ? "The file could not be read" : `${plain(file.name, 80)} cannot be opened`,
    text: error.isDown ? "The collector does not answer, or the file is not there any more." : plain(error.message, 600),
    detail: formats, failed: true }, ...actions(page));
}

/** Shows an answer; returns the view of a trace, if it is one. */
function draw(page, file, answer) {
  const content = el("div");
  page.main.replaceChildren(el("div", { class: "of-file" }, told(page, file, answer)), content);
  page.say(said(file, answer));
  if (answer.tree) {
    page.keys("A trace", traceKeys);
    const back = answer.traces.length > 1 ? ["/file", plain(file.name, 80)] : [page.searchAddress, "Traces"];
    return new Waterfall(surroundings(page, content, ...back), answer.tree, answer.tree.traceId);
  }
  const list = new TraceList({ address: (id) => `/file/${id}` });
  content.className = "search";
  content.append(list.node);
  list.show(answer.traces, [], false);
  return undefined;
}

function said(file, { spanCount, traceCount, traces }) {
  return `${plain(file.name, 120)}: ${count(traceCount, "trace")}, ${count(spanCount, "span")}`
    + (traces.length < traceCount ? `; the newest ${traces.length.toLocaleString("en")} are listed` : "");
}

/** Says what was in the file, what was left out, and that it is not stored. */
function told(page, file, answer) {
  const { rejectedCount, rejected } = answer;
  const keep = el("button", { type: "button", text: "Store it", title: "Store the spans in this collector" });
  keep.addEventListener("click", async () => {
    keep.disabled = true;
    try {
      await read(file, undefined, undefined, "/api/import");
      const id = answer.traceCount === 1 ? answer.traces[0].traceId : undefined;
      keep.replaceWith(el("a", { class: "button", href: id ? `/traces/${id}` : "/?lookback=7d", text: "Stored: open it there" }));
    } catch (error) {
      keep.replaceWith(el("span", { class: "errors", text: plain(error.message, 300) }));
    }
  });
  return el("div", { class: "banner opened", role: "note" }, el("div", {},
    el("p", {}, el("b", { text: `${said(file, answer)}.` }), " It is shown from the file and not stored."),
    rejectedCount ? el("p", { class: "errors", text: `${count(rejectedCount, "span")} could not be read: `
      + plain(rejected.slice(0, 3).map(({ index, reason }) => `number ${index + 1}: ${reason}`).join("; "), 400)
      + (rejectedCount > 3 ? "; …" : ".") }) : null), keep);
}
