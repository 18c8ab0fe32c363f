import { chip, copyButton, el, unnamed } from "./dom.js";
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

function guess(piece) { return el("span", { class: "badge guess", text: `guess, ${confidence(piece)}` }); }

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
