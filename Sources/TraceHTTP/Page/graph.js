import { colour, el, notice, svg, unnamed } from "./dom.js";
import { count, duration, inTime, lookbackLength, percent, plain, rate } from "./format.js";
import { layOut } from "./layout.js";
import { longer, operationsOf, ratesOver, showPeriod, tracesOf } from "./services.js";
import { emptyCollector } from "./start.js";

const size = { width: 184, height: 54 };
const margin = { x: 16, top: 34, bottom: 22 };

/** Which service calls which, how often, how long and how well. */
export function showGraph(page) {
  return showPeriod(page, {
    title: "Services", what: "The service graph",
    keys: [[["Tab"], "next service or call"], [["Enter"], "its operations, or its traces"], [["Esc"], "let go"]],
    head: () => [el("h1", { text: "Services" }), el("p", { class: "lead", text: "Who calls whom, as the stored traces have it." })],
    read: (length, ask) => ask(`/api/graph?lookback=${length}`),
    draw: (content, answer, lookback) => {
      content.replaceChildren(...graphView(answer, lookback));
      page.say(count(answer.services.length, "service"));
    },
  });
}

export function graphView(answer, lookback) {
  const { services, edges } = answer;
  // Less than the time that was asked for, if the first call came later.
  const seconds = answer.seconds ?? lookbackLength(lookback) / 1000;
  if (!services.length) {
    return [lookback === "7d" ? el("div", { class: "frame" }, emptyCollector()) : notice({ title: "No calls in this time",
      text: `Nothing was recorded ${inTime(lookback)}.` }, longer("/graph"))];
  }
  return [picture(answer, lookback, seconds), ratesOver(seconds, lookback), el("div", { class: "tables" }, serviceTable(services, edges, lookback, seconds),
    edgeTable(edges, lookback, seconds))].filter(Boolean);
}

function picture({ services, edges }, lookback, seconds) {
  const known = new Map(services.map((service) => [service.name, service]));
  for (const { parent, child } of edges) {
    for (const name of [parent, child]) if (!known.has(name)) known.set(name, { name, spans: 0, calls: 0, errors: 0 });
  }
  const { places, lines, width, height } = layOut([...known.keys()], edges, size);
  const whole = { width: width + 2 * margin.x, height: height + margin.top + margin.bottom };
  const most = Math.max(1, ...edges.map((edge) => edge.calls));
  const info = el("div", { class: "info", role: "status" });
  const parts = [];
  const rest = () => {
    info.replaceChildren(el("span", { class: "faint", text: "Point at a service or a call for its numbers; press it for its operations or traces." }));
    board.classList.remove("focused");
    for (const part of parts) part.node.classList.remove("near");
  };
  const focus = (isNear, content) => {
    board.classList.add("focused");
    for (const part of parts) part.node.classList.toggle("near", isNear(part));
    info.replaceChildren(...content);
  };
  const on = (shows) => ({ onpointerenter: shows, onfocus: shows, onpointerleave: rest, onblur: rest });
  const board = svg("svg", { viewBox: `0 0 ${whole.width} ${whole.height}`, width: whole.width, height: whole.height,
    role: "group", "aria-label": "Services and their calls; the tables below have the same" },
  svg("defs", {}, ["", "bad"].map((kind) => svg("marker", { id: `tip${kind}`, class: `tip ${kind}`, viewBox: "0 0 8 8",
    refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" },
  svg("path", { d: "M0 0.5L8 4L0 7.5z" })))));
  const labels = [];
  for (const { edge, points, isLoop, end } of lines) {
    const at = points.map(([x, y]) => [x + margin.x, y + margin.top]);
    const isBad = edge.errors > 0;
    const path = isLoop ? loop(at) : curve(at);
    const numbers = `${rate(edge.calls / seconds)}, ${percent(edge.errors, edge.calls)} errors, p50 ${duration(edge.p50)}, p99 ${duration(edge.p99)}`;
    const node = svg("a", { class: `edge${isBad ? " bad" : ""}`, href: tracesOf(edge.child, lookback, { hasErrors: isBad }),
      "aria-label": plain(`${edge.parent} calls ${edge.child}: ${numbers}`),
      ...on(() => focus((part) => part.edge === edge || part.name === edge.parent || part.name === edge.child, edgeFacts(edge, seconds))) },
    svg("path", { class: "reach", d: path }), svg("path", { class: "line", d: path, "marker-end": `url(#tip${isBad ? "bad" : ""})` }));
    node.lastChild.style.strokeWidth = `${1 + 2.5 * Math.sqrt(edge.calls / most)}px`;
    parts.push({ node, edge });
    board.append(node);
    // The label stands at the end of the line, on the free side if there is room.
    if (lines.length > 60 || isLoop || (end.count > 1 && end.index > 0 && end.index < end.count - 1)) continue;
    const [x, y] = at[at.length - 1];
    const isBelow = end.count > 1 ? end.index > 0 : at[at.length - 2][1] < y - 4;
    const isBack = x > at[at.length - 2][0] ? 0 : 1;
    const label = svg("text", { class: `edge-label${isBad ? " bad" : ""}`, x: isBack ? x + 12 : x - 12, y: isBelow ? y + 14 : y - 5,
      "text-anchor": isBack ? "start" : "end",
      text: `${rate(edge.calls / seconds)} · ${duration(edge.p50)}` });
    parts.push({ node: label, edge });
    labels.push(label);
  }
  for (const [name, { x, y }] of places) {
    const service = known.get(name);
    const error = service.errors > 0 ? ` · ${percent(service.errors, service.calls || service.spans)} errors` : "";
    const node = svg("a", { class: `service ${colour(name)}${service.errors ? " bad" : ""}`, href: operationsOf(name, lookback),
      transform: `translate(${x + margin.x} ${y + margin.top})`, "aria-label": plain(`${name || unnamed}, ${count(service.calls, "call")}${error}`),
      ...on(() => focus((part) => part.name === name || part.edge?.parent === name || part.edge?.child === name
        || edges.some((edge) => (edge.parent === name && edge.child === part.name) || (edge.child === name && edge.parent === part.name)),
      serviceFacts(service, seconds))) },
    svg("rect", { class: "box", width: size.width, height: size.height, rx: 9 }),
    svg("rect", { class: "side", width: 4, height: size.height - 18, x: 8, y: 9, rx: 2 }),
    svg("text", { class: "service-name", x: 20, y: 23, text: plain(name || unnamed, 17) }),
    svg("text", { class: "service-rate", x: 20, y: 41 }, svg("tspan", { text: service.spans ? rate(service.calls / seconds) : "not traced" }),
      error ? svg("tspan", { class: "errors", text: error }) : null));
    parts.push({ node, name });
    board.append(node);
  }
  board.append(...labels);
  board.addEventListener("keydown", (event) => { if (event.key === "Escape") document.activeElement.blur(); });
  rest();
  return el("div", { class: "frame graph" }, el("div", { class: "board" }, board), info);
}

function curve(points) {
  let path = `M${points[0].join(" ")}`;
  for (let index = 1; index < points.length; index += 1) {
    const [[fromX, fromY], [toX, toY]] = [points[index - 1], points[index]];
    const half = (toX - fromX) / 2;
    path += fromY === toY ? `L${toX} ${toY}` : `C${fromX + half} ${fromY} ${toX - half} ${toY} ${toX} ${toY}`;
  }
  return path;
}

function loop([[fromX, y], [toX]]) { return `M${fromX} ${y}C${fromX - 8} ${y - 30} ${toX + 8} ${y - 30} ${toX} ${y}`; }

function edgeFacts(edge, seconds) {
  return [el("b", {}, plain(edge.parent || unnamed, 80), " → ", plain(edge.child || unnamed, 80)), ...facts([
    ["calls", edge.calls.toLocaleString("en")], ["rate", rate(edge.calls / seconds)],
    ["errors", `${edge.errors.toLocaleString("en")} · ${percent(edge.errors, edge.calls)}`, edge.errors],
    ["p50", duration(edge.p50)], ["p90", duration(edge.p90)], ["p99", duration(edge.p99)], ["max", duration(edge.max)]])];
}

function serviceFacts(service, seconds) {
  return [el("b", { text: plain(service.name || unnamed, 80) }), ...facts([
    ["calls", service.calls.toLocaleString("en")], ["rate", rate(service.calls / seconds)],
    ["errors", `${service.errors.toLocaleString("en")} · ${percent(service.errors, service.calls || service.spans)}`, service.errors],
    ["spans", service.spans.toLocaleString("en")]])];
}

function facts(pairs) {
  return pairs.map(([name, value, isBad]) => el("span", { class: isBad ? "errors" : null }, el("small", { text: name }), ` ${value}`));
}

function serviceTable(services, edges, lookback, seconds) {
  const sum = (name, end) => edges.filter((edge) => edge[end] === name).length;
  return dataTable("Services", ["Service", "Spans", "Rate", "Errors", "Callers", "Calls"],
    [...services].sort((a, b) => b.calls - a.calls || a.name.localeCompare(b.name)).map((service) => [
      el("a", { href: operationsOf(service.name, lookback), class: colour(service.name) }, el("i", { class: "dot" }), plain(service.name || unnamed)),
      service.spans.toLocaleString("en"), rate(service.calls / seconds),
      errors(service.errors, service.calls || service.spans), sum(service.name, "child") || "–", sum(service.name, "parent") || "–",
    ]));
}

function edgeTable(edges, lookback, seconds) {
  return dataTable("Calls", ["Caller → called", "Rate", "Errors", "p50", "p90", "p99", "max"],
    [...edges].sort((a, b) => b.calls - a.calls || a.parent.localeCompare(b.parent) || a.child.localeCompare(b.child)).map((edge) => [
      el("a", { href: tracesOf(edge.child, lookback, { hasErrors: edge.errors > 0 }) }, plain(edge.parent || unnamed), " → ", plain(edge.child || unnamed)),
      rate(edge.calls / seconds), errors(edge.errors, edge.calls),
      duration(edge.p50), duration(edge.p90), duration(edge.p99), duration(edge.max),
    ]));
}

function errors(number, whole) {
  return number ? el("span", { class: "errors", text: percent(number, whole) }) : "–";
}

/** A table of numbers whose first column names the rows. */
function dataTable(caption, columns, rows) {
  return el("section", { class: "frame" }, el("h2", { text: caption }), el("div", { class: "scrolls" }, el("table", { class: "data" },
    el("thead", {}, el("tr", {}, columns.map((name, index) => el("th", { scope: "col", class: index ? "number" : null, text: name })))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, index) => index
      ? el("td", { class: "number" }, cell) : el("th", { scope: "row" }, cell))))))));
}
