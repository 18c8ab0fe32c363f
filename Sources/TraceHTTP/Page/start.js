import { access, copyButton, el } from "./dom.js";

/** What is shown while nothing has been recorded: how to send spans here. */
export function emptyCollector() {
  const url = `${location.origin}/api/v2/spans`;
  const now = Date.now() * 1000;
  const curl = [
    `curl ${url} -H 'Content-Type: application/json'${access.forgeryGuard ? ' -H "Authorization: Bearer $TOKEN"' : ""} -d '[{`,
    `  "traceId": "${random(32)}", "id": "${random(16)}",`,
    `  "kind": "SERVER", "name": "get /hello",`,
    `  "timestamp": ${now}, "duration": 42000,`,
    `  "localEndpoint": {"serviceName": "hello"}`,
    "}]'",
  ].join("\n");
  const yaml = [
    "type: Mesh",
    "name: default",
    "tracing:",
    "  defaultBackend: collector",
    "  backends:",
    "  - name: collector",
    "    type: zipkin",
    "    sampling: 100.0",
    "    conf:",
    `      url: ${url}`,
    "      apiVersion: auto",
    "---",
    "type: TrafficTrace",
    "name: trace-all-traffic",
    "mesh: default",
    "selectors:",
    "- match:",
    "    kuma.io/service: '*'",
    "conf:",
    "  backend: collector",
  ].join("\n");
  return el("div", { class: "start" },
    el("div", { class: "lead" }, el("h2", { text: "No traces yet" }),
      el("p", { text: "The collector is up and waits for spans. They show up here as they arrive." })),
    el("div", { class: "ways" },
      way("From a mesh", "Every proxy reports to this collector after kumactl apply -f tracing.yaml. (Kuma's control plane "
        + "refuses apiVersion auto: leave it out there.)", yaml),
      way("From a terminal", `Anything that speaks Zipkin's v2 JSON can send spans${access.forgeryGuard
        ? ", with a token that may do so" : ""}:`, curl)));
}

function way(title, text, code) {
  return el("section", {}, el("header", {}, el("h3", { text: title }), copyButton(code)), el("p", { text }),
    el("pre", {}, el("code", { text: code })));
}

function random(length) {
  const bytes = crypto.getRandomValues(new Uint8Array(length / 2));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
