// The proxies of a mesh: whether the requests to each leave traces, and if not, why. Only a control plane knows.
import { colour, el, failed, fetchJSON, notice, setOptions, skeleton, unnamed } from "./dom.js";
import { ago, clock, moment, plain } from "./format.js";
import { Hands } from "./hands.js";

/** How many proxies are asked for at first, and at most: a page of the control plane's API has no more. */
const [usual, most] = [100, 1000];
/** The shortest and the longest pause between two questions, in milliseconds. */
const pauses = [5_000, 60_000];
/** What the pause is at least, as a multiple of the time that the last answer took. */
const rest = 20;

const tones = { fine: "good", waiting: "calm", unknown: "warn", fault: "bad" };
const ranks = ["fault", "unknown", "waiting", "fine"];
const statuses = { online: "online", offline: "offline", neverConnected: "never connected" };

/** The causes are names for programs: "name-not-resolved". */
function inWords(cause) { return plain(cause.replaceAll("-", " "), 80); }

export function showMesh(page) {
  document.title = "Mesh · kuma-trace";
  page.keys("Mesh", []);
  const view = new MeshPage(page);
  view.restore();
  return { restore: () => view.restore(), leave: () => view.leave() };
}

class MeshPage {
  constructor(page) {
    this.page = page;
    this.request = new AbortController();
    /** Whether the evidence of a proxy is shown, by its name, where that was chosen. */
    this.opened = new Map();
    this.limit = usual;
    this.content = el("div", {});
    this.hands = new Hands([this.content], () => this.settle());
    this.trouble = el("p", { class: "banner", role: "status", hidden: true });
    const change = (name, value) => {
      const query = new URLSearchParams(location.search);
      if (value) query.set(name, value);
      else query.delete(name);
      page.setQuery(query, true);
      this.restore();
    };
    this.mesh = el("select", { onchange: () => {
      this.limit = usual;
      page.setQuery(new URLSearchParams({ mesh: this.mesh.value }), true);
      this.restore();
    } });
    this.show = el("select", { onchange: () => change("show", this.show.value) });
    this.name = el("input", { type: "search", placeholder: "Part of a name", spellcheck: "false", autocomplete: "off",
      onchange: () => change("name", this.name.value.trim()) });
    this.fields = [["Mesh", this.mesh], ["Show", this.show], ["Proxy", this.name]].map(([title, field]) =>
      el("label", { class: "field", hidden: true }, el("span", { text: title }), field));
    page.main.replaceChildren(el("div", { class: "view" }, el("header", { class: "head mesh-head" },
      el("div", {}, el("h1", { text: "Mesh" }), el("p", { class: "lead",
        text: "Whether the requests to each proxy leave traces, and if not, why." })), this.fields), this.trouble, this.content));
    const { signal } = (this.end = new AbortController());
    // Nobody is asked for a page that nobody sees.
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.pause(); else this.load(); }, { signal });
  }

  leave() {
    this.end.abort();
    this.hands.leave();
    this.pause();
  }

  pause() {
    clearTimeout(this.timer);
    this.request.abort();
  }

  /** Shows what the address says. */
  restore() {
    const query = new URLSearchParams(location.search);
    this.question = { mesh: query.get("mesh"), show: query.get("show") ?? "", name: query.get("name") ?? "" };
    this.name.value = this.question.name;
    this.shown = undefined;
    this.waiting = undefined;
    this.rows = new Map();
    this.trouble.hidden = true;
    this.content.replaceChildren(skeleton(6, "Reading: Mesh"));
    this.load();
  }

  async load() {
    this.pause();
    const { signal } = (this.request = new AbortController());
    const began = performance.now();
    let isFinal = false;
    try {
      const answer = await this.ask(signal);
      this.trouble.hidden = true;
      this.take(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      isFinal = this.fail(error);
    }
    const [shortest, longest] = pauses;
    const pause = Math.min(longest, Math.max(shortest, rest * (performance.now() - began)));
    if (!isFinal && !document.hidden && !this.end.signal.aborted) this.timer = setTimeout(() => this.load(), pause);
  }

  async ask(signal) {
    if (!this.meshes || !this.shown) this.meshes = (await fetchJSON("/api/meshes", signal)).meshes;
    const { meshes, question, limit } = this;
    const mesh = question.mesh ?? (meshes.includes("default") ? "default" : meshes[0]);
    if (mesh === undefined) return { meshes, items: [], policies: [], causes: {}, proxies: 0, total: 0 };
    const query = new URLSearchParams({ mesh, size: limit });
    if (question.name) query.set("name", question.name);
    if (question.show === "not-fine") query.set("notTraced", "true");
    else if (question.show) query.set("cause", question.show);
    return { mesh, meshes, ...await fetchJSON(`/api/mesh?${query}`, signal) };
  }

  /** Shows an answer, unless the user is about to use something in it. */
  take(answer) {
    this.waiting = answer;
    if (!this.hands.isPressed && !this.hands.hasSelection) this.settle();
  }

  settle() {
    const answer = this.waiting;
    if (!answer) return;
    this.waiting = undefined;
    this.shown = { answer, at: Date.now() * 1000 };
    this.setFields(answer);
    this.draw(answer);
    this.page.say(said(answer));
  }

  setFields({ mesh, meshes, causes, proxies }) {
    for (const field of this.fields) field.hidden = !mesh;
    if (!mesh) return;
    setOptions(this.mesh, meshes.map((name) => [name, plain(name, 80)]), mesh);
    const rest = proxies - (causes.fine ?? 0);
    setOptions(this.show, [["", `All proxies (${proxies.toLocaleString("en")})`],
      ["not-fine", `Not fine (${rest.toLocaleString("en")})`],
      ...Object.entries(causes).map(([cause, number]) => [cause, `${inWords(cause)} (${number.toLocaleString("en")})`])],
    this.question.show);
  }

  draw(answer) {
    const focused = this.content.contains(document.activeElement) ? document.activeElement : undefined;
    const [row, key] = [focused?.closest("[data-proxy]")?.dataset.proxy, focused?.dataset.key];
    const { items, total, mesh } = answer;
    const rows = new Map();
    for (const item of sorted(items)) {
      const { ageMs, time, ...evidence } = item.evidence ?? {};
      const text = JSON.stringify({ ...item, evidence });
      const known = this.rows.get(item.name);
      rows.set(item.name, known?.text === text ? known : { text, node: this.row(item) });
    }
    this.rows = rows;
    const list = items.length ? el("ul", { class: "frame verdicts" }, [...rows.values()].map(({ node }) => node)) : null;
    this.content.replaceChildren(...[mesh && answer.proxies ? banner(answer) : null, list ?? this.nothing(answer),
      total > items.length ? this.further(answer) : null, policies(answer)].filter(Boolean));
    if (!focused || this.content.contains(document.activeElement)) return;
    const place = rows.get(row)?.node.querySelector(`[data-key="${key}"]`) ?? this.page.main;
    place.focus({ preventScroll: true });
  }

  row(item) {
    const { name, services, status, policy, backend, listeners, receipt, evidence, verdict } = item;
    const tone = tones[verdict.level] ?? "warn";
    const facts = verdict.evidence ?? [];
    const silence = evidence && !evidence.source ? evidence.reason : undefined;
    return el("li", { class: `verdict-line mesh-line ${tone}`, "data-proxy": name },
      el("div", { class: "who" }, el("b", { class: "name", text: plain(name, 120) }),
        el("span", { class: `verdict ${tone}`, title: verdict.title, text: inWords(verdict.cause) }),
        el("span", { class: "chips" }, services.map((service, index) => el("a", { class: `chip ${colour(service)}`,
          "data-key": `service-${index}`, href: `/services/${encodeURIComponent(service)}` }, el("i", { class: "dot" }),
        el("span", { class: "chip-name", text: plain(service || unnamed, 80) }))))),
      el("div", { class: "said" }, el("p", { text: plain(verdict.summary, 1000) }),
        verdict.remedy && verdict.level !== "fine" ? el("p", { class: "remedy" }, el("b", { text: "What to do: " }),
          plain(verdict.remedy, 1000)) : null,
        facts.length || silence ? el("details", {
          open: this.opened.get(name) ?? ["fault", "unknown"].includes(verdict.level) },
        el("summary", { "data-key": "evidence", text: "Evidence",
          onclick: (event) => this.opened.set(name, !event.target.closest("details").open) }), el("dl", {}, facts.map(({ source, text }) =>
          el("div", {}, el("dt", { text: source }), el("dd", { text: plain(text, 1000) }))),
        silence ? el("div", {}, el("dt", { text: "Envoy" }), el("dd", { text: `No counters: ${plain(silence, 400)}` })) : null)) : null),
      el("dl", { class: "of-proxy" },
        fact("Receipt", receipt ? plain(receipt.text.replace(/^receipt: /, ""), 200) : "–"),
        fact("Listeners", `${listeners.traced} of ${listeners.total} traced`),
        fact("Backend", backend ? backendText(backend) : "none"),
        fact("Policy", policy ? plain(policy, 120) : "none"),
        fact("Connection", statuses[status] ?? plain(status, 40)),
        verdict.since ? fact("Since", el("time", { datetime: verdict.since, title: moment(Date.parse(verdict.since) * 1000),
          text: ago(Date.parse(verdict.since) * 1000) })) : null,
        verdict.trace ? fact(verdict.level === "fine" ? "Newest trace" : "Trace", el("a", { class: "link mono", "data-key": "trace",
          href: `/traces/${encodeURIComponent(verdict.trace)}`, text: verdict.trace.replace(/^0+(?=.)/, "").slice(-8) })) : null));
  }

  /** What stands in the place of the list. */
  nothing({ mesh, meshes, proxies }) {
    if (!meshes.length) {
      return notice({ title: "No mesh yet", text: "The control plane has no mesh, so there are no proxies. Make one with",
        detail: "echo \"type: Mesh\nname: default\" | kumactl apply -f -" });
    }
    if (!proxies) {
      return notice({ title: "No proxies yet", text: `The mesh ${plain(mesh, 80)} has no Dataplane: no kuma-dp has connected, and none `
        + "was applied. Proxies show up here as they come." });
    }
    return notice({ title: "No proxy is like that", text: `${proxiesText(proxies)} of the mesh `
      + `${plain(mesh, 80)} ${proxies === 1 ? "is" : "are"} left out by what is chosen above.` },
    el("a", { class: "button", href: `/mesh?${new URLSearchParams({ mesh })}`, text: "All proxies" }));
  }

  further({ items, total }) {
    const text = `${items.length.toLocaleString("en")} of ${total.toLocaleString("en")} proxies, in the order of their names.`;
    const isAll = this.limit >= most;
    return el("p", { class: "further" }, text, isAll ? " Choose above which to show. "
      : [" ", el("button", { type: "button", text: `Show ${Math.min(most, total).toLocaleString("en")}`, onclick: () => {
        this.limit = most;
        this.load();
      } })]);
  }

  /** Says why there is nothing new, or nothing at all. Returns whether it would be the same the next time. */
  fail(error) {
    if (this.shown && error.status !== 403 && error.status !== 404) {
      this.trouble.hidden = false;
      this.trouble.replaceChildren(el("span", {}, el("b", { text: `As of ${clock(this.shown.at)}: ` }),
        `what is new cannot be read: ${plain(error.message, 400)}`));
      return false;
    }
    this.shown = undefined;
    this.rows = new Map();
    for (const field of this.fields) field.hidden = true;
    this.content.replaceChildren(this.obstacle(error));
    return Boolean(error.status) && error.status < 500;
  }

  obstacle(error) {
    const all = el("a", { class: "button", href: "/", text: "All traces" });
    if (error.status === 403) {
      return notice({ title: "The mesh is not shown to you", text: plain(error.message, 400), failed: true }, all);
    }
    if (error.status !== 404) return failed(error, "The mesh", () => this.load());
    // Without a list of meshes there is no control plane; otherwise the mesh of the address is the one that is not there.
    if (!this.meshes) return notice({ title: "No mesh is known here", text: plain(error.message, 400) }, all);
    return notice({ title: "There is no such mesh", text: plain(error.message, 400) },
      el("a", { class: "button", href: "/mesh", text: "The mesh" }), all);
  }
}

/** What needs work comes first; otherwise the names decide. */
function sorted(items) {
  const rank = ({ verdict }) => (ranks.indexOf(verdict.level) + ranks.length) % ranks.length;
  return [...items].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function said({ mesh, proxies, causes }) {
  return mesh ? `${proxiesText(proxies)} of the mesh ${plain(mesh, 80)}, ${(causes.fine ?? 0).toLocaleString("en")} fine` : "No mesh";
}

function proxiesText(number) { return `${number.toLocaleString("en")} ${number === 1 ? "proxy" : "proxies"}`; }

function banner({ mesh, proxies, causes, items }) {
  const others = Object.entries(causes).filter(([cause]) => cause !== "fine");
  if (!others.length) {
    return el("p", { class: "banner fine", role: "status" }, el("b", { text: `${proxiesText(proxies)}: everything is fine.` }));
  }
  const bad = others.reduce((sum, [, number]) => sum + number, 0);
  // Of those that are not listed nobody knows how bad it is.
  const isBad = items.length < proxies || items.some(({ verdict }) => verdict.level === "fault");
  return el("p", { class: `banner ${isBad ? "broken" : "partly"}`, role: "status" }, el("span", {},
    el("b", { text: `${bad.toLocaleString("en")} of ${proxiesText(proxies)} ${bad === 1 ? "is" : "are"} not fine: ` }),
    others.map(([cause, number], index) => [index ? ", " : "", el("a", { class: "cause",
      href: `/mesh?${new URLSearchParams({ mesh, show: cause })}`, text: `${inWords(cause)} (${number.toLocaleString("en")})` })]), "."));
}

function policies({ mesh, policies, proxies }) {
  if (!mesh) return null;
  return el("section", { class: "frame policies" }, el("h2", { text: "Policies" }), policies.length
    ? el("div", { class: "scrolls" }, el("table", { class: "data" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "TrafficTrace" }),
        el("th", { scope: "col", class: "number", text: "Applies to" }))),
      el("tbody", {}, policies.map((policy) => el("tr", {}, el("th", { scope: "row", text: plain(policy.name, 120) }),
        el("td", { class: policy.proxies ? "number" : "number absent",
          text: policy.proxies ? proxiesText(policy.proxies) : "no proxy" }))))))
    : el("p", { class: "lead", text: `The mesh ${plain(mesh, 80)} has no TrafficTrace${proxies ? ", so no proxy is traced" : ""}.` }));
}

function backendText({ name, type, sampling, status }) {
  const parts = [type, Number.isFinite(sampling) ? `${sampling.toLocaleString("en")} %` : undefined,
    status && status !== "found" ? status : undefined].filter(Boolean);
  return `${plain(name ?? "", 120)}${parts.length ? ` (${plain(parts.join(", "), 80)})` : ""}`;
}

function fact(title, value) { return el("div", {}, el("dt", { text: title }), el("dd", {}, value)); }
