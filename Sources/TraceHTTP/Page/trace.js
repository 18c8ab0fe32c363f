import { el, failed, fetchJSON, notice, skeleton } from "./dom.js";
import { Waterfall } from "./waterfall.js";
import { traceKeys } from "./waterfall-keys.js";

export function showTrace(page, id) {
  document.title = `${id} · kuma-trace`;
  page.keys("A trace", traceKeys);
  const request = new AbortController();
  let view;
  const around = {
    ...surroundings(page, page.main, page.searchAddress, "Traces"),
    traceLink: (id) => el("a", { class: "link", href: `/traces/${encodeURIComponent(id)}`, text: "Open it" }),
    parentLink: ({ traceID, spanID }) => el("a", { class: "button", text: "Open that trace",
      href: `/traces/${encodeURIComponent(traceID)}?${new URLSearchParams({ span: spanID, side: "server" })}` }),
    searchLink: (key, value) => `/?${new URLSearchParams({ q: `${key}=${value}` })}`,
    actions: exports,
  };

  async function load() {
    page.main.replaceChildren(el("div", { class: "one-trace" }, skeleton(8, "Reading the trace")));
    try {
      view = new Waterfall(around, await fetchJSON(`/api/trees/${id}`, request.signal), id);
    } catch (error) {
      if (error.name === "AbortError") return;
      page.main.replaceChildren(error.status === 404 ? notice({
        title: "This trace is not here",
        text: "Its spans may be on their way (Envoy sends them every few seconds), or it is older than what is kept.",
        detail: id,
      }, el("button", { type: "button", text: "Try again", onclick: load }),
      el("a", { class: "button", href: page.searchAddress, text: "All traces" })) : failed(error, "The trace", load));
    }
  }

  load();
  return {
    leave() {
      request.abort();
      view?.leave();
    },
    restore() { view?.restore(); },
  };
}

/** What a waterfall on the page needs: where to draw, the address, and the way back. */
export function surroundings(page, main, back, name) {
  return {
    main, say: page.say, setQuery: page.setQuery,
    query: () => new URLSearchParams(location.search),
    back: () => page.open(back),
    crumb: () => [el("a", { href: back, text: name }), el("span", { text: "/" })],
  };
}

function exports(id) {
  const way = (href, name, text, what) => el("a", { role: "menuitem", href, download: name }, el("b", { text }),
    el("span", { text: what }));
  const menu = el("details", { class: "menu" }, el("summary", { class: "quiet", text: "Export" }),
    el("div", { role: "menu" },
      way(`/api/v2/trace/${id}`, `trace-${id}.zipkin.json`, "Zipkin JSON", "for Zipkin and everything that reads its v2"),
      way(`/api/export/jaeger/${id}`, `trace-${id}.jaeger.json`, "Jaeger JSON", "for Jaeger's page: Upload"),
      way(`/api/export/html/${id}`, `trace-${id}.html`, "One HTML file", "this view, opens without a collector"),
      el("a", { role: "menuitem", href: `/api/v2/trace/${id}`, target: "_blank", rel: "noopener" },
        el("b", { text: "Look at the JSON" }), el("span", { text: "in a new tab" }))));
  menu.addEventListener("focusout", (event) => { if (!menu.contains(event.relatedTarget)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstChild.focus();
    event.stopPropagation();
  });
  return menu;
}
