extension PageFiles {
  /// What one span says.
  static let detailsScript = ##"""
    import { clock, colour, copyButton, duration, el, moment, unnamed } from "./dom.js";

    /** Shows everything that a span says. */
    export function showDetails(panel, node, trace, close) {
      const { span } = node;
      const service = span.localEndpoint?.serviceName ?? "";
      const link = location.href;
      const tags = Object.entries(span.tags ?? {});
      panel.className = `details ${colour(service)}${node.isError ? " failed" : ""}`;
      const parts = [
        el("header", {}, el("div", {}, el("h2", { text: service || unnamed }),
          el("p", { class: "operation", text: span.name ?? "" })),
          el("button", { type: "button", class: "close", "aria-label": "Close", text: "×", onclick: close })),
        el("div", { class: "quick" },
          el("div", {}, el("b", { text: duration(span.duration ?? 0) }), el("span", { text: "duration" })),
          el("div", {}, el("b", { text: span.timestamp ? `+${duration(span.timestamp - trace.timestamp)}` : "–" }),
            el("span", { text: "after the start" })),
          el("div", {}, el("b", { text: (span.kind ?? "local").toLowerCase() }),
            el("span", { text: span.shared ? "side, id shared" : "side" }))),
        node.isDetached ? el("p", { class: "note", text: span.parentId
          ? `The span's parent ${span.parentId} was not recorded, so it stands by itself.`
          : "The other side of this span's id was not recorded, so it stands by itself." }) : null,
        tags.length ? section("Tags", table(tags, isAlarming)) : null,
        span.annotations?.length ? section("Events", el("ol", { class: "events" }, [...span.annotations]
          .sort((a, b) => a.timestamp - b.timestamp).map((annotation) => el("li", {},
            el("span", { class: "mono", text: `+${duration(annotation.timestamp - trace.timestamp)}`,
              title: clock(annotation.timestamp) }), el("span", { text: annotation.value }))))) : null,
        section("Endpoints", table([
          ["local", endpoint(span.localEndpoint)], ["remote", endpoint(span.remoteEndpoint)],
        ])),
        section("Span", table([["id", span.id], ["parent", span.parentId ?? "none"], ["start", moment(span.timestamp)],
          ...(span.debug ? [["debug", "yes"]] : [])])),
        el("p", { class: "actions" }, copyButton(link, "Copy link"),
          copyButton(JSON.stringify(span, null, 2), "Copy JSON")),
      ];
      panel.replaceChildren(...parts.filter(Boolean));
      panel.scrollTop = 0;
    }

    function isAlarming(key, value) {
      return (key === "error" && value !== "false") || (key === "http.status_code" && /^5/.test(value));
    }

    function section(title, content) {
      return el("section", {}, el("h3", { text: title }), content);
    }

    function table(entries, marks = () => false) {
      return el("table", {}, el("tbody", {}, entries.map(([key, value]) =>
        el("tr", { class: marks(key, value) ? "errors" : null }, el("th", { scope: "row", text: key }),
          el("td", { text: value === "" ? "–" : value })))));
    }

    function endpoint(endpoint) {
      if (!endpoint) return "–";
      const address = endpoint.ipv4 ?? (endpoint.ipv6 ? `[${endpoint.ipv6}]` : "");
      const port = endpoint.port ? `:${endpoint.port}` : "";
      return [endpoint.serviceName, address + port].filter(Boolean).join("  ") || "–";
    }
    """##
}
