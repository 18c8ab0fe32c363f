extension PageFiles {
  /// What one span says.
  static let detailsScript = ##"""
    import { clock, colour, copyButton, duration, el, moment, plain, unnamed } from "./dom.js";

    /** Shows everything that a span says. */
    export function showDetails(panel, nodes, index, trace, close) {
      const node = nodes[index];
      const { span } = node;
      const service = span.localEndpoint?.serviceName ?? "";
      const tags = Object.entries(span.tags ?? {});
      panel.className = `details ${colour(service)}${node.isError ? " failed" : ""}`;
      const own = ownTime(nodes, index);
      const parts = [
        el("header", {}, el("div", {}, el("h2", { text: service || unnamed }),
          el("p", { class: "operation", text: span.name ?? "" })),
          el("button", { type: "button", class: "close", "aria-label": "Close", text: "×", onclick: close })),
        el("div", { class: "quick" },
          fact(duration(span.duration ?? 0), "duration"),
          fact(own === undefined ? "–" : duration(own), "of its own", "The time in which nothing below it ran"),
          fact(span.timestamp ? `+${duration(span.timestamp - trace.timestamp)}` : "–", "after the start"),
          fact((span.kind ?? "local").toLowerCase(), "kind")),
        node.isError ? el("p", { class: "note failed", text: failure(span) }) : null,
        node.isDetached ? el("p", { class: "note", text: span.parentId
          ? `The span's parent ${span.parentId} was not recorded, so it stands by itself.`
          : "The other side of this span's id was not recorded, so it stands by itself." }) : null,
        tags.length ? section(`Tags (${tags.length})`, table(tags, { marks: isAlarming, link: tagLink })) : null,
        span.annotations?.length ? section("Events", el("ol", { class: "events" }, [...span.annotations]
          .sort((a, b) => a.timestamp - b.timestamp).map((annotation) => el("li", {},
            el("span", { class: "mono", text: `+${duration(annotation.timestamp - trace.timestamp)}`,
              title: clock(annotation.timestamp) }), el("span", { text: annotation.value }))))) : null,
        section("Endpoints", table([
          ["local", endpoint(span.localEndpoint)], ["remote", endpoint(span.remoteEndpoint)],
        ])),
        section("Span", table([["trace", span.traceId], ["id", span.id + (span.shared ? " (shared by both sides)" : "")],
          ["parent", span.parentId ?? "none"], ["start", moment(span.timestamp)],
          ...(span.debug ? [["debug", "yes"]] : [])])),
        el("p", { class: "actions" }, copyButton(location.href, "Copy link"),
          copyButton(JSON.stringify(span, null, 2), "Copy JSON")),
      ];
      panel.replaceChildren(...parts.filter(Boolean));
      panel.scrollTop = 0;
    }

    /** The time of a span in which none of the spans right below it ran. */
    function ownTime(nodes, index) {
      const { span } = nodes[index];
      if (!(span.timestamp > 0)) return undefined;
      const end = span.timestamp + (span.duration ?? 0);
      let covered = 0;
      let reached = span.timestamp;
      const below = nodes.slice(index + 1, index + 1 + nodes[index].descendants)
        .filter((other) => other.parent === index && other.span.timestamp > 0)
        .sort((a, b) => a.span.timestamp - b.span.timestamp);
      for (const { span: child } of below) {
        const from = Math.max(reached, child.timestamp);
        const to = Math.min(end, child.timestamp + (child.duration ?? 0));
        if (to > from) covered += to - from;
        reached = Math.max(reached, to);
      }
      return (span.duration ?? 0) - covered;
    }

    function failure(span) {
      const text = span.tags?.error ?? "";
      const status = span.tags?.["http.status_code"] ?? span.tags?.["grpc.status_code"];
      return (text && text !== "true" ? plain(text) : "This span failed") + (status ? ` (status ${plain(status, 20)})` : "");
    }

    function isAlarming(key, value) {
      return (key === "error" && value !== "false") || (key === "http.status_code" && /^5/.test(value));
    }

    /** A search for the traces with a tag; none where the language of searches cannot say the tag. */
    function tagLink(key, value) {
      if (!value || value.length > 200 || /=| and |^\s|\s$/.test(key) || / and |^\s|\s$/.test(value)) return null;
      return el("a", { class: "find", href: `/?${new URLSearchParams({ q: `${key}=${value}` })}`, text: "find",
        "aria-label": `Find traces with ${key}=${value}`, title: "Find traces with this tag" });
    }

    function fact(value, name, title) {
      return el("div", { title }, el("b", { text: value }), el("span", { text: name }));
    }

    function section(title, content) {
      return el("section", {}, el("h3", { text: title }), content);
    }

    function table(entries, { marks = () => false, link = () => null } = {}) {
      return el("table", {}, el("tbody", {}, entries.map(([key, value]) =>
        el("tr", { class: marks(key, value) ? "errors" : null }, el("th", { scope: "row", text: key }),
          el("td", {}, el("span", { class: "value", text: value === "" ? "–" : value }), link(key, value))))));
    }

    function endpoint(endpoint) {
      if (!endpoint) return "–";
      const address = endpoint.ipv4 ?? (endpoint.ipv6 ? `[${endpoint.ipv6}]` : "");
      const port = endpoint.port ? `:${endpoint.port}` : "";
      return [endpoint.serviceName, address + port].filter(Boolean).join("  ") || "–";
    }
    """##
}
