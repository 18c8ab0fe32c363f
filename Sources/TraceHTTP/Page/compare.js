import { colour, el, failed, fetchJSON, isTyping, skeleton, unnamed } from "./dom.js";
import { count, duration, moment, plain } from "./format.js";
import { compareTraces, Trace } from "./model.js";

const most = 2000;

export function showCompare(page, first, second) {
  document.title = "Compare · kuma-trace";
  page.keys("Comparing", [[["x"], "exchange the two"], [["d"], "differences only, or all"], [["Esc"], "back to the list"]]);
  let request = new AbortController();

  async function load() {
    request.abort();
    request = new AbortController();
    const content = el("div", { class: "view" }, skeleton(8, "Reading the traces"));
    page.main.replaceChildren(content);
    try {
      const answers = await Promise.all([first, second].map((id) => fetchJSON(`/api/trees/${id}`, request.signal)));
      const onlyDifferences = new URLSearchParams(location.search).get("show") === "differences";
      content.replaceChildren(...compareView(answers, onlyDifferences, {
        address: page.searchAddress, exchange: `/compare/${second}/${first}`,
        toggle: (isOn) => {
          page.setQuery(new URLSearchParams(isOn ? { show: "differences" } : {}), true);
          load();
        },
      }));
    } catch (error) {
      if (error.name === "AbortError") return;
      content.replaceChildren(failed(error.status === 404 ? new Error("One of the two is not here (any more).") : error,
        "The comparison", load));
    }
  }

  function key(event) {
    if (isTyping(event)) return;
    if (event.key === "x") page.open(`/compare/${second}/${first}`);
    else if (event.key === "d") document.getElementById("differences")?.click();
    else if (event.key === "Escape") page.open(page.searchAddress);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", key);
  load();
  return {
    restore: load,
    leave() {
      request.abort();
      document.removeEventListener("keydown", key);
    },
  };
}

/** Shown until both traces are known: how to choose them. */
export function showChoice(page, first) {
  document.title = "Compare · kuma-trace";
  page.keys("Comparing", []);
  const field = (label, value) => el("label", { class: "field" }, el("span", { text: label }),
    el("input", { type: "text", value, required: true, spellcheck: "false", autocomplete: "off",
      pattern: "\\s*[0-9a-fA-F]{1,32}\\s*", title: "A trace id has 1 to 32 hexadecimal digits." }));
  const [a, b] = [field("Trace A", first), field("Trace B")];
  const id = (label) => label.lastChild.value.trim().toLowerCase();
  page.main.replaceChildren(el("div", { class: "view" }, el("header", { class: "head" }, el("div", {}, el("h1", { text: "Compare" }),
    el("p", { class: "lead", text: "Two traces side by side: which operations are in one only, and which took longer. Choose them "
      + "by the boxes in the list of traces, or give their ids." }))),
  el("form", { class: "choice", onsubmit: (event) => {
    event.preventDefault();
    page.open(`/compare/${id(a)}/${id(b)}`);
  } }, a, b, el("button", { class: "primary", text: "Compare" }),
  el("a", { class: "button", href: page.searchAddress, text: "All traces" }))));
  (first ? b : a).lastChild.focus();
  return { leave() {}, restore() {} };
}

export function compareView(answers, onlyDifferences, { address, exchange, toggle }) {
  const traces = answers.map((answer) => new Trace(answer));
  const lines = compareTraces(...traces);
  const scale = Math.max(1, ...lines.flatMap((line) => [line.a.length, line.b.length]));
  // A difference of a tenth is noise.
  const isDifferent = (line) => line.only || line.a.count !== line.b.count || line.a.errors !== line.b.errors
    || Math.abs(line.difference) > Math.max(0.1 * line.a.length, 0.001 * scale);
  const number = (only) => lines.filter((line) => line.only === only).length;
  const changes = lines.filter((line) => !line.only && isDifferent(line)).length;
  const box = el("input", { type: "checkbox", id: "differences", checked: onlyDifferences, onchange: () => toggle(box.checked) });
  const shown = onlyDifferences ? withAncestors(lines, isDifferent) : lines;
  return [
    el("p", { class: "crumbs" }, el("a", { href: address, text: "Traces" }), el("span", { text: "/" }), el("span", { text: "Compare" })),
    el("div", { class: "versus" }, answers.map((answer, index) => head(answer, index ? "B" : "A"))),
    el("div", { class: "tools" }, el("p", { class: "summary" },
      total(answers), ` ${count(number("a"), "operation")} only in A, ${number("b")} only in B, ${changes} changed.`),
    el("span", { class: "spacer" }),
    el("label", { class: "switch" }, box, el("span", { text: "Differences only" })),
    el("a", { class: "button", href: exchange, text: "Exchange" })),
    lines.length ? el("div", { class: "frame" }, el("div", { class: "scrolls" }, el("table", { class: "data compare" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "Service and operation" }), el("th", { scope: "col", text: "A" }),
        el("th", { scope: "col", text: "B" }), el("th", { scope: "col", class: "number", text: "Difference" }))),
      el("tbody", {}, shown.slice(0, most).map((line) => row(line, scale, isDifferent(line)))))),
    shown.length > most ? el("p", { class: "faint", text: `${shown.length - most} more rows are not shown.` }) : null) : null,
  ];
}

/** The lines that differ, and their ancestors. */
function withAncestors(lines, isDifferent) {
  const kept = [];
  let depth = -1;
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const line = lines[index];
    if (!isDifferent(line) && line.depth >= depth) continue;
    depth = line.depth;
    kept.push(line);
  }
  return kept.reverse();
}

function head(answer, letter) {
  return el("a", { class: `frame side ${letter.toLowerCase()}`, href: `/traces/${answer.traceId}` }, el("span", { class: "letter", text: letter }),
    el("span", { class: "what" }, el("span", { class: "root" }, el("b", { text: plain(answer.rootService || unnamed) }),
      el("span", { class: "operation", text: plain(answer.rootName) })),
    el("span", { class: "faint", text: `${moment(answer.timestamp)} · ${count(answer.spanCount, "span")}` })),
    el("span", { class: "figures" }, el("b", { text: duration(answer.duration) }),
      answer.errorCount ? el("span", { class: "errors", text: count(answer.errorCount, "error") }) : null));
}

function total([a, b]) {
  const difference = b.duration - a.duration;
  if (!difference) return el("b", { text: "Both took the same time." });
  return el("b", { text: `B took ${duration(Math.abs(difference))} ${difference > 0 ? "longer" : "less"}.` });
}

function row(line, scale, isDifferent) {
  const name = el("th", { scope: "row" }, el("span", { class: "tree" }, el("i", { class: `strip ${colour(line.service)}` }),
    el("b", { text: plain(line.service || unnamed, 80) }), el("span", { class: "operation", text: plain(line.name, 200) })));
  name.firstChild.style.setProperty("--depth", Math.min(line.depth, 24));
  const tone = line.only ? `only-${line.only}` : !isDifferent ? "same" : line.difference > 0 ? "slower" : "faster";
  return el("tr", { class: tone }, name, side(line.a, scale, "a"), side(line.b, scale, "b"),
    el("td", { class: "number difference", text: line.only ? `only in ${line.only.toUpperCase()}` : difference(line) }));
}

function side(sum, scale, letter) {
  if (!sum.count) return el("td", { class: "with-bar absent" }, el("span", { text: "–" }), el("span", { class: "track" }));
  const bar = el("i", { class: `amount ${letter}` });
  bar.style.width = `${(100 * sum.length) / scale}%`;
  return el("td", { class: "with-bar" }, el("span", {}, duration(sum.length),
    sum.count > 1 ? el("small", { text: ` ×${sum.count}` }) : null,
    sum.errors ? el("span", { class: "alarm", role: "img", "aria-label": count(sum.errors, "error"), text: "!" }) : null),
  el("span", { class: "track" }, bar));
}

function difference(line) {
  if (!line.difference) return "=";
  const share = line.a.length ? Math.round((100 * line.difference) / line.a.length) : 0;
  const sign = line.difference > 0 ? "+" : "−";
  return `${sign}${duration(Math.abs(line.difference))}${line.a.length ? ` · ${sign}${Math.abs(share)} %` : ""}`;
}
