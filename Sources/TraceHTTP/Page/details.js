import { colour, copyButton, el, unnamed } from "./dom.js";
import { clock, confidence, duration, moment, percent, plain } from "./format.js";

/** How many tags are shown at first; the rest comes on demand. */
const tagsAtFirst = 200;

export function showDetails(panel, trace, index, { close, select, page }) {
  const node = trace.nodes[index];
  const { span, service } = node;
  const caller = trace.nodes[node.caller];
  const answer = trace.nodes[node.answer];
  const piece = trace.pieces[node.piece];
  const tags = Object.entries(span.tags ?? {});
  panel.className = `details ${colour(service)}${node.isError ? " failed" : ""}`;
  const parts = [
    el("header", {}, el("div", {}, el("h2", { text: service || unnamed }),
      el("p", { class: "operation", text: span.name ?? "" })),
      el("button", { type: "button", class: "close", "aria-label": "Close", text: "×", onclick: close })),
    caller || answer ? sides(trace, caller ?? node, answer ?? node, node, select) : null,
    el("div", { class: "quick" },
      fact(duration(node.length), "duration"),
      fact(node.isTimed ? duration(node.own) : "–", "of its own", "The time in which nothing below it ran"),
      fact(node.isTimed ? `+${duration(node.start)}` : "–", "after the start"),
      fact(node.kind, "kind")),
    node.isError ? el("p", { class: "note failed", text: failure(span) }) : null,
    piece ? el("p", { class: "note" }, `A guess, ${confidence(piece)}: `,
      plain(piece.reason ?? "", 400), " ", page.traceLink?.(piece.traceID)) : null,
    node.overrun ? el("p", { class: "note", text: `It went on for ${duration(node.overrun)} after its caller's side had ended: `
      + "the caller gave up, or did not wait for the end." }) : null,
    node.shift ? el("p", { class: "note", text: `The clock of ${service || unnamed} differs from its callers'. It recorded `
      + `${clock(span.timestamp)}; with a shift of ${node.shift > 0 ? "+" : "−"}${duration(Math.abs(node.shift))} it fits.` })
      : null,
    node.isDetached ? el("p", { class: "note", text: span.parentId
      ? `The span's parent ${span.parentId} was not recorded, so it stands by itself.`
      : "The other side of this span's id was not recorded, so it stands by itself." }) : null,
    node.probable ? el("p", { class: "note probable" }, `Probably made for this request (${plain(node.probable.reason ?? "", 400)}): `,
      jump(trace, node.probable.index, select)) : null,
    node.probables ? el("p", { class: "note probable" }, "Probably made for this request too, by calls whose parent was not recorded: ",
      node.probables.slice(0, 10).map((index, number) => [number ? ", " : "", jump(trace, index, select)]),
      node.probables.length > 10 ? ` and ${node.probables.length - 10} more` : "") : null,
    tags.length ? tagSection(tags, page) : null,
    span.annotations?.length ? section("Events", events(span.annotations, trace, node)) : null,
    section("Endpoints", table([
      ["local", endpoint(span.localEndpoint)], ["remote", endpoint(span.remoteEndpoint)],
    ])),
    section("Span", table([["trace", span.traceId], ["id", span.id + (span.shared ? " (shared by both sides)" : "")],
      ["parent", span.parentId ?? "none"], ["start", moment(span.timestamp)],
      ...(span.debug ? [["debug", "yes"]] : [])])),
    el("p", { class: "actions" }, copyButton(() => location.href, "Copy link"),
      copyButton(() => JSON.stringify(span, null, 2), "Copy JSON")),
  ];
  panel.replaceChildren(...parts.filter(Boolean));
  panel.scrollTop = 0;
}

/** A button that shows another span. */
function jump(trace, index, select) {
  const { service, span } = trace.nodes[index];
  return el("button", { type: "button", class: "quiet", onclick: () => select(index),
    text: plain(`${service || unnamed} ${span.name ?? ""}`, 120) });
}

function sides(trace, caller, answer, present, select) {
  const tab = (node, role) => el("button", { type: "button", class: colour(node.service),
    "aria-pressed": String(node === present), onclick: () => select(node.index) },
  el("i", { class: "dot" }), el("span", { class: "chip-name", text: node.service || unnamed }),
  el("small", { text: role }));
  const there = answer.start - caller.start;
  const back = caller.end - answer.end;
  const isKnown = caller.isTimed && answer.isTimed && there >= 0 && back >= 0;
  return el("div", { class: "sides" },
    el("div", { class: "pair", role: "group", "aria-label": "Sides of the call" }, tab(caller, "calls"), tab(answer, "answers")),
    isKnown ? el("p", {}, el("b", { text: duration(there + back) }), " between them: ",
      `${duration(there)} there, ${duration(back)} back`) : null);
}

function tagSection(tags, page) {
  const rows = (part) => part.map(([key, value]) => tagRow(key, value, page));
  const body = el("tbody", {}, rows(tags.slice(0, tagsAtFirst)));
  const rest = tags.length - tagsAtFirst;
  const more = rest > 0 ? el("button", { type: "button", class: "quiet", text: `Show ${rest.toLocaleString("en")} more`,
    onclick: () => {
      body.append(...rows(tags.slice(tagsAtFirst)));
      more.remove();
    } }) : null;
  return section(`Tags (${tags.length.toLocaleString("en")})`, el("table", {}, body), more);
}

function tagRow(key, value, page) {
  const link = isSearchable(key, value) ? page.searchLink?.(key, value) : undefined;
  return el("tr", { class: isAlarming(key, value) ? "errors" : null }, el("th", { scope: "row", text: key }),
    el("td", {}, el("span", { class: "value", text: value === "" ? "–" : value }),
      el("span", { class: "tag-actions" },
        copyButton(value, "copy", `Copy the value of ${plain(key, 80)}`),
        link ? el("a", { class: "find", href: link, text: "find",
          "aria-label": plain(`Find traces with ${key}=${value}`), title: "Find traces with this tag" }) : null)));
}

function events(annotations, trace, node) {
  const shift = node.start - (node.recorded - trace.start);
  return el("ol", { class: "events" }, [...annotations].sort((a, b) => a.timestamp - b.timestamp).map((annotation) =>
    el("li", {}, el("span", { class: "mono", text: `+${duration(annotation.timestamp - trace.start + shift)}`,
      title: clock(annotation.timestamp) }), el("span", { text: annotation.value }))));
}

function failure(span) {
  const text = span.tags?.error ?? "";
  const status = span.tags?.["http.status_code"] ?? span.tags?.["grpc.status_code"];
  return (text && text !== "true" ? plain(text) : "This span failed") + (status ? ` (status ${plain(status, 20)})` : "");
}

function isAlarming(key, value) {
  return (key === "error" && value !== "false") || (key === "http.status_code" && /^5/.test(value));
}

/** Whether a search can express the tag. */
function isSearchable(key, value) {
  return value && value.length <= 200 && !/=| and |^\s|\s$/.test(key) && !/ and |^\s|\s$/.test(value);
}

function fact(value, name, title) {
  return el("div", { title }, el("b", { text: value }), el("span", { text: name }));
}

function section(title, ...content) {
  return el("section", {}, el("h3", { text: title }), ...content);
}

function table(entries) {
  return el("table", {}, el("tbody", {}, entries.map(([key, value]) =>
    el("tr", {}, el("th", { scope: "row", text: key }), el("td", {}, el("span", { class: "value", text: value }))))));
}

function endpoint(endpoint) {
  if (!endpoint) return "–";
  const address = endpoint.ipv4 ?? (endpoint.ipv6 ? `[${endpoint.ipv6}]` : "");
  const port = endpoint.port ? `:${endpoint.port}` : "";
  return [endpoint.serviceName, address + port].filter(Boolean).join("  ") || "–";
}

export function statisticsTable(trace, choose) {
  const lines = trace.statistics();
  const most = Math.max(1, ...lines.map((line) => Math.max(line.own, line.calls)));
  const path = lines.reduce((sum, line) => sum + line.critical, 0);
  const bar = (value, name) => {
    const mark = el("i", { class: `amount ${name}` });
    mark.style.width = `${(100 * value) / most}%`;
    if (!value) return el("td", { class: "with-bar absent", text: "–" });
    return el("td", { class: "with-bar" }, el("span", { text: duration(value) }), el("span", { class: "track" }, mark));
  };
  return el("div", { class: "scrolls" }, el("table", { class: "data" },
    el("caption", { text: "Own is work of the service itself, in calls is waiting in which the other side did not run: the "
      + "network, or a service without a proxy. Parallel work counts each time." }),
    el("thead", {}, el("tr", {}, ["Service", "Spans", "Errors", "Own", "In calls", "Critical path"].map((name, index) =>
      el("th", { scope: "col", class: index && !["Own", "In calls"].includes(name) ? "number" : null, text: name })))),
    el("tbody", {}, lines.map((line) => el("tr", { class: colour(line.service) },
      el("th", { scope: "row" }, el("button", { type: "button", class: "bare", onclick: () => choose(line.service) },
        el("i", { class: "dot" }), plain(line.service || unnamed))),
      el("td", { class: "number", text: line.spans.toLocaleString("en") }),
      el("td", { class: `number ${line.errors ? "errors" : "none"}`, text: line.errors || "–" }),
      bar(line.own, "own"), bar(line.calls, "calls"),
      el("td", { class: "number", text: line.critical ? `${duration(line.critical)} · ${percent(line.critical, path)}` : "–" }))))));
}
