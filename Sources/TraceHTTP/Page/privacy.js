import { colour, el, failed, fetchJSON, notice, skeleton, unnamed } from "./dom.js";
import { ago, count, moment, plain } from "./format.js";

const kinds = {
  user_info: "user and password", parameter: "value of a key", tag: "whole tag", token: "token", private_key: "private key",
  path: "part of a path", argument: "argument of a command",
};

/** What was hidden in spans before they were stored. */
export function showPrivacy(page) {
  document.title = "Privacy · kuma-trace";
  page.keys("Privacy", []);
  let request = new AbortController();

  async function load() {
    request.abort();
    request = new AbortController();
    const content = el("div", {}, skeleton(6, "Reading: Privacy"));
    page.main.replaceChildren(el("div", { class: "view" }, el("header", { class: "head" }, el("div", {}, el("h1", { text: "Privacy" }),
      el("p", { class: "lead", text: "Passwords, tokens and keys that spans carry by accident are replaced by REDACTED before "
        + "the spans are stored. These are the numbers since the collector started." }))), content));
    try {
      const answer = await fetchJSON("/api/hidden", request.signal);
      content.replaceChildren(privacyView(answer));
      page.say(count(answer.values, "secret"));
    } catch (error) {
      if (error.name !== "AbortError") content.replaceChildren(failed(error, "The report", load));
    }
  }

  load();
  return { leave: () => request.abort(), restore: load };
}

/** A line for each service, place and key. */
export function privacyView({ enabled, values, spans, others, forgotten, places }) {
  if (!enabled) {
    return notice({ title: "Nothing is hidden", text: "The setting collector.privacy.enabled is false: spans are stored as they come." });
  }
  if (!values) {
    return notice({ title: "No secrets so far", text: "No span since the start held a password, a token or a key that is known as one." });
  }
  const number = (text) => el("td", { class: "number", text });
  return el("div", {}, el("p", { class: "banner partly", role: "status" },
    el("b", { text: `${count(values, "secret")} in ${count(spans, "span")} ${values === 1 ? "was" : "were"} hidden.` }),
    " The services below should not put them there."),
  el("div", { class: "frame" }, el("div", { class: "scrolls" }, el("table", { class: "data hidden-values" },
    el("thead", {}, el("tr", {}, ["Service", "Where", "Key", "What"].map((name) => el("th", { scope: "col", text: name })),
      el("th", { scope: "col", class: "number", text: "Secrets" }), el("th", { scope: "col", text: "Last" }))),
    el("tbody", {}, places.map((place) => el("tr", {},
      el("th", { scope: "row", class: colour(place.service) }, el("i", { class: "dot" }), ` ${plain(place.service || unnamed, 120)}`),
      el("td", { class: "mono", text: plain(place.place, 120) }), el("td", { class: "mono", text: plain(place.key, 120) || "–" }),
      el("td", { text: kinds[place.kind] ?? place.kind }), number(place.count.toLocaleString("en")),
      el("td", { title: moment(place.last * 1000), text: ago(place.last * 1000) })))),
    others ? el("tfoot", {}, el("tr", {}, el("th", { scope: "row", colspan: 4, text: "Further places"
      + (forgotten ? `; ${count(forgotten, "place")} with small numbers made room for new ones` : "") }),
      number(others.toLocaleString("en")), el("td", {}))) : null))));
}
