import { colour, el, failed, fetchJSON, notice, skeleton, unnamed } from "./dom.js";
import { ago, count, moment, plain, rate } from "./format.js";

const kinds = { proxy: "Proxy", program: "Program", unknown: "Unknown" };
const formats = {
  "zipkin-json": "Zipkin JSON", "zipkin-protobuf": "Zipkin protobuf", "zipkin-v1-json": "Zipkin v1", "otlp-protobuf": "OTLP protobuf",
  "otlp-json": "OTLP JSON",
};
const period = 5_000;

/** Who sends spans, and what is wrong with them. */
export function showSenders(page) {
  document.title = "Senders · kuma-trace";
  page.keys("Senders", []);
  let request = new AbortController();
  let timer;
  const content = el("div", {}, skeleton(6, "Reading: Senders"));
  page.main.replaceChildren(el("div", { class: "view" }, el("header", { class: "head" }, el("div", {}, el("h1", { text: "Senders" }),
    el("p", { class: "lead", text: "Everyone that has sent spans since the collector started: proxies, and programs with a tracer of "
      + "their own." }))), content));

  async function load() {
    request.abort();
    clearTimeout(timer);
    request = new AbortController();
    const { signal } = request;
    try {
      const answer = await fetchJSON("/api/senders", signal);
      content.replaceChildren(sendersView(answer));
      page.say(count(answer.found, "sender"));
      timer = setTimeout(load, period);
    } catch (error) {
      if (error.name !== "AbortError") content.replaceChildren(failed(error, "The list of senders", load));
    }
  }

  load();
  return { leave: () => { request.abort(); clearTimeout(timer); }, restore: load };
}

/** A line for each sender, those with advice first. */
export function sendersView({ found, senders }) {
  if (!found) {
    return notice({ title: "Nobody has sent spans", text: "Since the collector started, no request with spans has come." },
      el("a", { class: "button", href: "/", text: "All traces" }));
  }
  const troubled = senders.filter((sender) => sender.advice.length);
  const sorted = [...troubled, ...senders.filter((sender) => !sender.advice.length)];
  return el("div", {}, banner(troubled.length, found),
    el("div", { class: "frame" }, el("div", { class: "scrolls" }, el("table", { class: "data senders" },
      el("thead", {}, el("tr", {}, ["Sender", "Services", "Format"].map((name) => el("th", { scope: "col", text: name })),
        ["Spans", "Rate", "Refused"].map((name) => el("th", { scope: "col", class: "number", text: name })),
        ["Last stored", "Clock"].map((name) => el("th", { scope: "col", text: name })))),
      sorted.map(body)))),
    found > senders.length ? el("p", { class: "lead", text: `${count(found - senders.length, "further sender")} are not shown.` }) : null);
}

function banner(troubled, found) {
  if (!troubled) return el("p", { class: "banner fine", role: "status" }, el("b", { text: `${count(found, "sender")}, nothing to mend.` }));
  return el("p", { class: "banner broken", role: "status" },
    el("b", { text: `${troubled} of ${count(found, "sender")} ${troubled === 1 ? "needs" : "need"} attention.` }));
}

/** A sender, and below it what to do. */
function body(sender) {
  const number = (text) => el("td", { class: "number", text });
  const last = sender.lastStored;
  return el("tbody", { class: sender.advice.length ? "troubled" : null },
    el("tr", {},
      el("th", { scope: "row", title: sender.userAgent || null }, plain(sender.id, 160),
        el("small", { text: ` ${kinds[sender.kind] ?? sender.kind}` })),
      el("td", {}, sender.services.flatMap((name, index) => [index ? ", " : null, service(name)])),
      el("td", { text: sender.formats.map((name) => formats[name] ?? name).join(", ") || "–" }),
      number(sender.spans.toLocaleString("en")), number(sender.spans ? rate(sender.rate) : "–"),
      number(sender.refusedSpans ? sender.refusedSpans.toLocaleString("en") : sender.refused.length ? "yes" : "–"),
      el("td", last ? { title: moment(last * 1000) } : {}, last && sender.newestTrace
        ? el("a", { href: `/traces/${sender.newestTrace}`, text: ago(last * 1000) }) : "never"),
      el("td", { text: clockText(sender.clockOffset) })),
    sender.advice.length ? el("tr", { class: "advice" }, el("td", { colspan: 8 },
      el("ul", {}, sender.advice.map((text) => el("li", { text: plain(text, 600) }))))) : null);
}

function service(name) {
  return el("a", { class: colour(name), href: `/services/${encodeURIComponent(name)}` }, el("i", { class: "dot" }), plain(name || unnamed, 120));
}

/** How far a clock is off. What is behind by less than a minute may be the way of the reports. */
function clockText(offset) {
  if (offset === null) return "–";
  if (offset < -2_000) return `${length(-offset)} ahead`;
  return offset > 60_000 ? `${length(offset)} behind` : "right";
}

function length(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
