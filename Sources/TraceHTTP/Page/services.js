import { colour, el, failed, fetchJSON, notice, setOptions, skeleton, unnamed } from "./dom.js";
import { confidence, count, duration, inTime, lookbackLength, lookbacks, moment, percent, plain, rate } from "./format.js";

const usual = "1h";

/**
 * A view of a period that can be chosen: a head, and below it what the collector answers. `read` gets the milliseconds of the
 * period and a function that asks; `draw` gets the result and the name of the period.
 */
export function showPeriod(page, { title, keys, head, what, read, draw }) {
  document.title = `${title} · kuma-trace`;
  page.keys(title, keys);
  let request = new AbortController();

  async function load() {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const lookback = period();
    const field = el("select", { id: "lookback", onchange: () => {
      const query = new URLSearchParams(location.search);
      for (const key of ["lookback", "from", "to"]) query.delete(key);
      if (field.value !== usual) query.set("lookback", field.value);
      page.setQuery(query, true);
      load();
    } });
    const range = lookback in lookbacks ? [] : [[lookback, lookback.split("-").map((end) => moment(end * 1000)).join(" – ")]];
    setOptions(field, [...range, ...Object.entries(lookbacks).map(([key, name]) => [key, `Last ${name}`])], lookback);
    const content = el("div", {}, skeleton(6, `Reading: ${title}`));
    page.main.replaceChildren(el("div", { class: "view" }, el("header", { class: "head" }, el("div", {}, head(lookback)),
      el("label", { class: "field" }, el("span", { text: "Time" }), field)), content));
    try {
      const end = range.length ? `&endTs=${lookback.split("-")[1]}` : "";
      const answer = await read(lookbackLength(lookback), (path) => fetchJSON(path + end, signal));
      draw(content, answer, lookback);
    } catch (error) {
      if (error.name !== "AbortError") content.replaceChildren(failed(error, what, load));
    }
  }

  load();
  return { leave: () => request.abort(), restore: load };
}

function period() {
  const query = new URLSearchParams(location.search);
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
  if (from > 0 && to > from) return `${Math.floor(from)}-${Math.ceil(to)}`;
  const name = query.get("lookback");
  return name in lookbacks ? name : usual;
}

/** An address with a period and other parameters. */
export function inPeriod(path, lookback, others = {}) {
  const query = new URLSearchParams(Object.entries(others).filter(([, value]) => value));
  const [from, to] = lookback.split("-");
  if (to) {
    query.set("from", from);
    query.set("to", to);
  } else if (lookback !== usual) query.set("lookback", lookback);
  return query.size ? `${path}?${query}` : path;
}

export function tracesOf(service, lookback, { span, hasErrors } = {}) {
  return inPeriod("/", lookback, { service, span, errors: hasErrors ? "1" : "" });
}

export function operationsOf(service, lookback) {
  return service ? inPeriod(`/services/${encodeURIComponent(service)}`, lookback) : tracesOf("", lookback);
}

/** Says which time rates are divided by, where it is not the chosen period. */
export function ratesOver(seconds, lookback) {
  if (!(seconds < 0.99 * lookbackLength(lookback) / 1000)) return null;
  return el("p", { class: "faint rates", text: `Rates are over ${duration(seconds * 1e6)}: there is nothing earlier in this time.` });
}

export function longer(path) {
  return el("a", { class: "button", href: `${path}?lookback=7d`, text: "Look at 7 days" });
}

// Operations

const columns = [
  ["name", "Operation"], ["calls", "Calls"], ["perSecond", "Rate"], ["errors", "Errors"], ["p50", "p50"], ["p90", "p90"],
  ["p99", "p99"], ["max", "max"],
];

export function showOperations(page, name) {
  return showPeriod(page, {
    title: plain(name, 80), what: "The table of operations",
    keys: [[["Tab"], "next column or operation"], [["Enter"], "sort by it, or its traces"]],
    head: (lookback) => [el("p", { class: "crumbs" }, el("a", { href: inPeriod("/graph", lookback), text: "Services" }),
      el("span", { text: "/" })), el("h1", { class: colour(name) }, el("i", { class: "dot" }), el("span", { text: plain(name) }))],
    read: (length, ask) => Promise.all([
      ask(`/api/operations?serviceName=${encodeURIComponent(name)}&lookback=${length}`),
      ask(`/api/graph?lookback=${length}`).catch((error) => {
        if (error.name === "AbortError") throw error;
        return { edges: [], seconds: undefined };
      }),
    ]),
    draw: (content, [{ operations }, { edges, seconds }], lookback) => {
      const query = new URLSearchParams(location.search);
      const order = { sort: query.get("sort"), isUpward: query.get("order") === "up" };
      if (!columns.some(([key]) => key === order.sort)) order.sort = "calls";
      const draw = () => content.replaceChildren(...operationsView(name, operations, edges, { lookback, seconds, ...order }, (sort) => {
        order.isUpward = order.sort === sort ? !order.isUpward : sort === "name";
        order.sort = sort;
        const address = inPeriod("", lookback, { sort: sort === "calls" ? "" : sort, order: order.isUpward ? "up" : "" });
        page.setQuery(new URLSearchParams(address), true);
        draw();
        content.querySelector(`[data-sort="${sort}"]`)?.focus();
      }));
      draw();
      page.say(count(operations.length, "operation"));
    },
  });
}

export function operationsView(name, operations, edges, { lookback, seconds, sort, isUpward }, choose) {
  const neighbours = (title, names) => names.length ? el("p", { class: "neighbours" }, el("span", { class: "faint", text: title }),
    names.map((other) => el("a", { class: `chip ${colour(other)}`, href: operationsOf(other, lookback) },
      el("i", { class: "dot" }), el("span", { class: "chip-name", text: plain(other, 80) })))) : null;
  const around = el("div", { class: "around" },
    neighbours("Called by", edges.filter((edge) => edge.child === name && edge.parent !== name).map((edge) => edge.parent)),
    neighbours("Calls", edges.filter((edge) => edge.parent === name && edge.child !== name).map((edge) => edge.child)),
    el("a", { class: "button", href: tracesOf(name, lookback), text: "Its traces" }));
  if (!operations.length) {
    return [around, notice({ title: "No operations in this time",
      text: `${plain(name, 80)} recorded nothing ${inTime(lookback)}.` },
    longer(`/services/${encodeURIComponent(name)}`))];
  }
  const sorted = [...operations].sort((a, b) => (isUpward ? 1 : -1)
    * (sort === "name" ? a.name.localeCompare(b.name) : a[sort] - b[sort]) || b.calls - a.calls
    || a.name.localeCompare(b.name));
  const longest = Math.max(1, ...operations.map((operation) => operation.p99));
  const header = columns.map(([key, title]) => el("th", { scope: "col", class: key === "name" ? null : "number",
    "aria-sort": key === sort ? (isUpward ? "ascending" : "descending") : null },
  el("button", { type: "button", class: "bare", "data-sort": key, onclick: () => choose(key) }, title,
    key === sort ? el("span", { class: "arrow", "aria-hidden": "true", text: isUpward ? " ↑" : " ↓" }) : null)));
  return [around, el("div", { class: "frame" }, el("div", { class: "scrolls" }, el("table", { class: "data operations" },
    el("thead", {}, el("tr", {}, header, el("th", { scope: "col", class: "spread" }, "p50 – p99"))),
    el("tbody", {}, sorted.map((operation) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: tracesOf(name, lookback, { span: operation.name }), text: plain(operation.name) || "(no name)" })),
      number(operation.calls.toLocaleString("en")), number(rate(operation.perSecond)),
      el("td", { class: "number" }, operation.errors ? el("a", { class: "errors", href: tracesOf(name, lookback, { span: operation.name, hasErrors: true }),
        text: `${operation.errors.toLocaleString("en")} · ${percent(operation.errors, operation.calls)}` }) : "–"),
      number(duration(operation.p50)), number(duration(operation.p90)), number(duration(operation.p99)), number(duration(operation.max)),
      el("td", { class: "spread" }, spread(operation, longest)))))))), ratesOver(seconds, lookback)].filter(Boolean);
}

/** The durations from p50 to p99 as a bar; the line is p90. */
function spread({ p50, p90, p99 }, longest) {
  const part = (name, from, to) => {
    const mark = el("i", { class: name });
    mark.style.left = `${(100 * from) / longest}%`;
    if (to > from) mark.style.width = `${(100 * (to - from)) / longest}%`;
    return mark;
  };
  return el("span", { class: "track", "aria-hidden": "true" }, part("amount", p50, p99), part("tick90", p90, p90));
}

function number(text) { return el("td", { class: "number", text }); }

// Propagation

const verdicts = {
  breaks: ["breaks traces", "bad"], partly: ["passes some on", "warn"], silent: ["its proxy is silent", "bad"], forwards: ["passes on", "good"],
  "receives only": ["calls nobody", "calm"], unknown: ["not known yet", "calm"],
};
const ranks = Object.keys(verdicts);

export function showPropagation(page) {
  return showPeriod(page, {
    title: "Propagation", what: "The check of propagation", keys: [],
    head: () => [el("h1", { text: "Propagation" }), el("p", { class: "lead", text: "A service has to copy the headers of a "
      + "request to the requests that it makes for it. One that does not breaks the traces that pass through it." })],
    read: (length, ask) => ask(`/api/propagation?lookback=${length}`),
    draw: (content, answer, lookback) => {
      content.replaceChildren(propagationView(answer, lookback));
      page.say(count(answer.services.length, "service"));
    },
  });
}

/** The services at which all or some traces break now. */
export function brokenIn({ services = [] }) {
  return services.filter(({ verdict }) => ["breaks", "partly", "silent"].includes(verdict));
}

function noteOf({ verdict, findings = [] }) {
  const notes = [verdict === "partly" && "some of them", verdict === "silent" && "its proxy is silent",
    findings[0] && findings[0].kind !== "proxy-silent" && findings[0].title].filter(Boolean);
  return notes.length ? ` (${notes.join(", ")})` : "";
}

/** What began last. */
function newest(broken) {
  const latest = broken.flatMap(({ service, findings = [] }) => findings.filter(({ isBreak, since }) => isBreak && since)
    .map((finding) => ({ service, ...finding }))).sort((a, b) => b.since - a.since)[0];
  return latest ? `The latest: ${plain(latest.service || unnamed, 120)}, since ${moment(latest.since)}.`
    : "What a request causes behind it is in other traces, or without a parent.";
}

/** A line for each service; those that need work come first. */
export function propagationView({ services }, lookback) {
  if (!services.length) {
    return notice({ title: "Nothing to judge yet", text: `No calls were recorded ${inTime(lookback)}.` },
      longer("/propagation"));
  }
  const rank = (service) => (ranks.indexOf(service.verdict) + ranks.length) % ranks.length;
  const sorted = [...services].sort((a, b) => rank(a) - rank(b) || (a.rate ?? 1) - (b.rate ?? 1)
    || a.service.localeCompare(b.service));
  const broken = brokenIn({ services: sorted });
  const tone = !broken.length ? "fine" : broken.some((service) => service.verdict !== "partly") ? "broken" : "partly";
  return el("div", {}, el("p", { class: `banner ${tone}`, role: "status" },
    broken.length ? el("span", {}, el("b", { text: `${count(broken.length, "service")} ${broken.length === 1 ? "breaks" : "break"} traces: ` }),
      broken.map((service) => plain(service.service || unnamed, 120) + noteOf(service)).join(", "), ". ", newest(broken))
      : el("b", { text: "No service is known to break traces." })),
  el("ul", { class: "frame verdicts" }, sorted.map((service) => line(service, lookback))));
}

function line(service, lookback) {
  const [word, tone] = verdicts[service.verdict] ?? [service.verdict, "calm"];
  return el("li", { class: `verdict-line ${tone}` },
    el("div", { class: "who" }, el("a", { class: `name ${colour(service.service)}`, href: operationsOf(service.service, lookback) },
      el("i", { class: "dot" }), plain(service.service || unnamed, 120)), el("span", { class: `verdict ${tone}`, text: word })),
    el("div", { class: "said" }, said(service), findings(service), callees(service), examples(service)),
    el("div", { class: "share" }, flawed(service) ?? carried(service)));
}

/** Calls that continue their traces and yet break them have a share of their own. */
function flawed({ findings = [] }) {
  const finding = findings.find(({ kind }) => ["span-id-replaced", "b3-flattened", "sampled-flag-turned"].includes(kind));
  if (!finding || findings[0] !== finding) return null;
  const whole = Math.max(0, finding.judged - finding.calls);
  return [el("b", { text: percent(whole / Math.max(1, finding.judged), 1) }),
    el("span", { class: "faint", text: ` of ${count(finding.judged, "examined call")} in place` })];
}

function carried(service) {
  const total = service.continued + service.started;
  const recent = (service.recentContinued ?? 0) + (service.recentStarted ?? 0);
  // What counts is the recent rate; that of the whole period stands beside it where it differs.
  const rate = recent ? service.recentContinued / recent : service.rate ?? 0;
  const isOther = recent && Math.abs(rate - service.rate) > 0.005;
  const bar = el("i", { class: "amount" });
  bar.style.width = `${100 * rate}%`;
  return service.rate === null || service.rate === undefined ? el("span", { class: "faint", text: "no calls to judge by" })
    : [el("b", { text: percent(rate, 1) }),
      el("span", { class: "faint", text: ` of ${recent && recent < total ? `the last ${count(recent, "call")}` : count(total, "call")} carried on` }),
      el("span", { class: "track" }, bar),
      isOther ? el("span", { class: "faint", text: `${percent(service.rate, 1)} of ${total.toLocaleString("en")} in this time` }) : null];
}

/** What a service's card says in addition to its callees' rows: what to do, if there is something. */
function said({ verdict, message, advice, callees = [] }) {
  const text = verdict === "silent" ? message : advice ?? (callees.some((callee) => callee.message && message?.includes(callee.message)) ? "" : message);
  return text ? el("p", { text: plain(text, 1000) }) : null;
}

/** The kinds of what is wrong: since when, in which version or proxies, and traces to look at. */
function findings({ findings = [] }) {
  if (!findings.length) return null;
  return el("ul", { class: "findings" }, findings.map((finding) => el("li", { class: finding.isBreak ? "bad" : "warn", "data-kind": finding.kind },
    el("b", { text: finding.title }), finding.callee ? ` → ${plain(finding.callee, 120)}` : "",
    finding.since ? el("span", { text: `, since ${moment(finding.since)}` }) : null, where(finding),
    finding.traces.length ? el("span", {}, ", seen in ", finding.traces.map((id, index) => [index ? ", " : "", traceLink(id)])) : null)));
}

function where({ tag, nodes = [], otherNodes = [] }) {
  if (!nodes.length) return null;
  const text = tag ? `only with ${plain(tag.key, 80)}: ${plain(tag.value, 80)}` : `only in ${nodes.slice(0, 5).map((node) => plain(node, 80)).join(", ")}`
    + (nodes.length > 5 ? ` and ${nodes.length - 5} more` : "");
  return el("span", { text: `, ${text}`, title: `${nodes.join(", ")}. Not in ${otherNodes.join(", ")}.` });
}

function traceLink(id) {
  return el("a", { class: "link mono", href: `/traces/${encodeURIComponent(id)}`, text: short(id) });
}

function callees({ callees = [] }) {
  if (!callees.length) return null;
  return el("table", { class: "callees" }, el("thead", { class: "hidden-text" }, el("tr", {}, ["Called service", "Carried on", "Says"]
    .map((name) => el("th", { scope: "col", text: name })))),
  el("tbody", {}, callees.map((callee) => el("tr", { class: callee.isBroken ?? callee.started ? "bad" : null },
    el("th", { scope: "row" }, "→ ", plain(callee.service || unnamed, 120)),
    el("td", { class: "number", text: `${callee.continued.toLocaleString("en")} of ${(callee.continued + callee.started).toLocaleString("en")}` }),
    el("td", { text: plain(callee.message ?? "", 500) })))));
}

function examples({ examples = [] }) {
  if (!examples.length) return null;
  return el("p", { class: "examples" }, el("span", { class: "faint", text: "For example " }), examples.slice(0, 5).map((example, index) =>
    [index ? ", " : "", traceLink(example.traceID), " went on as ", traceLink(example.brokenTraceID),
      example.callee ? ` in ${plain(example.callee, 80)}` : "", ` (${confidence(example)})`]));
}

function short(id) { return id.replace(/^0+(?=.)/, "").slice(-8); }
