import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Traces in which several kinds of senders take part, with real Envoys and real tracers, in the embedded collector.
@Suite(
  "Tracers of proxies and applications", .serialized, .timeLimit(.minutes(5)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct TracerTests {
  /// A mesh with a backend for each of Envoy's formats, and the policies that choose one per service.
  private static func mesh(_ url: String, bits128: Bool, _ choices: [(service: String, backend: String)]) -> String {
    let backends = ["json": "httpJson", "proto": "httpProto"].sorted { $0.key < $1.key }.map { name, version in
      """
        - name: \(name)
          type: zipkin
          conf: {url: "\(url)", apiVersion: \(version), traceId128bit: \(bits128)}

      """
    }
    return "type: Mesh\nname: default\ntracing:\n  defaultBackend: json\n  backends:\n" + backends.joined()
      + choices.map { choice in
        "---\n"
          + TracingSystem.policy(
            "of-\(choice.service)", match: ["kuma.io/service": choice.service], backend: choice.backend)
      }.joined()
  }

  private struct Node {
    var service: String
    var kind: String
    var parent: Int
    var isDetached: Bool
  }

  /// The spans of the traces of requests with a path, each trace as a tree.
  private static func trees(_ system: TracingSystem, path: String) async throws -> [[Node]] {
    let ids = Set(try await system.controlPlane.spans(path: path).map(\.traceID))
    var trees: [[Node]] = []
    for id in ids.sorted() {
      guard let answer = try await HTTPProbe.get(port: system.controlPlane.ports.collector, "/api/trees/\(id)") else {
        continue
      }
      let nodes = try DocumentValue(json: answer.body)["nodes"]?.array ?? []
      trees.append(
        nodes.map { node in
          Node(
            service: node["span"]?["localEndpoint"]?["serviceName"]?.string ?? "",
            kind: node["span"]?["kind"]?.string ?? "", parent: Int(node["parent"]?.number ?? -1),
            isDetached: node["isDetached"]?.bool ?? false)
        })
    }
    return trees
  }

  @Test("proxies that send protobuf and proxies that send JSON share whole traces, and so do their calls")
  func mixedFormats() async throws {
    try await TracingSystem.run { system in
      let rounds: [(web: String, api: String, bits128: Bool)] = [
        ("json", "proto", false), ("proto", "json", true), ("proto", "proto", false),
      ]
      for (number, round) in rounds.enumerated() {
        try await system.controlPlane.apply(
          Self.mesh(system.embeddedURL, bits128: round.bits128, [("web", round.web), ("api", round.api)]))
        for (proxy, backend) in [("web", round.web), ("api", round.api)] {
          try await system.proxy(proxy).waitForTracing("\(backend), round \(number)") { tracing in
            let provider = tracing["provider"]?["typed_config"]
            return provider?["collector_cluster"]?.string == "tracing:\(backend)"
              && (provider?["trace_id_128bit"]?.bool ?? false) == round.bits128
          }
        }
        let path = "/round-\(number)"
        try await system.call(path, times: 25)
        try await eventually(deadline: .seconds(60), "25 whole traces of \(path)") {
          let trees = try await Self.trees(system, path: path)
          return trees.count == 25 && trees.allSatisfy { $0.count == 2 }
        }
        for tree in try await Self.trees(system, path: path) {
          #expect(tree.map(\.service) == ["web", "api"], "\(round)")
          #expect(tree.map(\.parent) == [-1, 0], "\(round)")
          #expect(tree.allSatisfy { !$0.isDetached }, "\(round)")
        }
      }
    }
  }

  /// An application that answers with what it got from the port in its `next` parameter, and reports both with a tracer.
  private static let applications: [(name: String, script: String)] = [
    (
      "OpenTelemetry",
      """
      from opentelemetry import trace
      from opentelemetry.sdk.resources import Resource
      from opentelemetry.sdk.trace import TracerProvider
      from opentelemetry.sdk.trace.export import SimpleSpanProcessor
      from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
      from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
      provider = TracerProvider(resource=Resource.create({"service.name": name}))
      provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=collector + "/v1/traces")))
      tracer = provider.get_tracer("test")
      def serve(headers, call):
          there = SpanContext(int(headers["x-b3-traceid"], 16), int(headers["x-b3-spanid"], 16), True, TraceFlags(1))
          with tracer.start_as_current_span("GET /route", set_span_in_context(NonRecordingSpan(there)), SpanKind.SERVER):
              def request(port):
                  return tracer.start_as_current_span("GET", kind=SpanKind.CLIENT,
                      attributes={"server.address": "127.0.0.1", "server.port": port})
              def b3():
                  here = trace.get_current_span().get_span_context()
                  return {"x-b3-traceid": format(here.trace_id, "032x"), "x-b3-spanid": format(here.span_id, "016x"),
                          "x-b3-sampled": "1", "x-request-id": headers["x-request-id"]}
              return call(request, b3)
      """
    ),
    (
      "py_zipkin",
      """
      from py_zipkin import Encoding, Kind
      from py_zipkin.request_helpers import create_http_headers, extract_zipkin_attrs_from_headers
      from py_zipkin.transport import SimpleHTTPTransport
      from py_zipkin.zipkin import zipkin_span
      transport = SimpleHTTPTransport("127.0.0.1", int(collector.rsplit(":", 1)[1]))
      def serve(headers, call):
          with zipkin_span(service_name=name, span_name="route", kind=Kind.SERVER, transport_handler=transport,
                           encoding=Encoding.V2_PROTO3, zipkin_attrs=extract_zipkin_attrs_from_headers(headers)):
              def request(port):
                  return zipkin_span(service_name=name, span_name="call", kind=Kind.CLIENT)
              return call(request, lambda: create_http_headers())
      """
    ),
  ]

  private static let server = """
    import sys, http.server, socketserver, urllib.parse, urllib.request
    name, collector = sys.argv[1], sys.argv[2]
    SCRIPT
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *rest): pass
        def do_GET(self):
            after = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query).get("next")
            def call(request, b3):
                if after:
                    with request(int(after[0])):
                        url = "http://127.0.0.1:" + after[0] + self.path.split("?")[0]
                        urllib.request.urlopen(urllib.request.Request(url, headers=b3())).read()
            if "x-b3-traceid" in self.headers: serve(self.headers, call)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """

  @Test(
    "applications with tracers behind real proxies: every call counts once, and no service calls itself",
    .enabled(
      if: TestPrograms.python(with: ["opentelemetry/exporter/otlp/proto/http", "py_zipkin"]) != nil,
      "needs the Python packages that Scripts/setup installs"), arguments: applications.indices, ["json", "proto"])
  func behindProxies(number: Int, backend: String) async throws {
    let application = Self.applications[number]
    let python = try #require(TestPrograms.python(with: []))
    let code = Self.server.replacingOccurrences(of: "SCRIPT", with: application.script)
    try await TracingSystem.run(proxies: false) { system in
      let collector = "http://127.0.0.1:\(system.controlPlane.ports.collector)"
      var processes: [ChildProcess] = []
      let errors = Lines()
      var failure: (any Error)?
      do {
        for name in ["shop", "stock"] {
          let lines = Lines()
          processes.append(
            try ChildProcess.start(
              ChildProcess.Command(
                python, ["-c", code, name, collector], output: .lines(lines.append), errors: .lines(errors.append))))
          let port = try await eventually(deadline: .seconds(60), "the application \(name)") {
            lines.all.first.flatMap { Int($0) }
          }
          system.note(name, port)
        }
        try await Self.check(system, backend)
      } catch { failure = error }
      for process in processes { await process.terminate(grace: .seconds(2)) }
      if let failure { throw failure }
      #expect(errors.all.isEmpty, "\(errors.tail())")
    }
  }

  private static func check(_ system: TracingSystem, _ backend: String) async throws {
    let controlPlane = system.controlPlane
    try await controlPlane.apply(
      mesh(system.embeddedURL, bits128: false, [("shop", backend), ("stock", backend)]))
    let shop = try await system.start("shop", calls: "stock")
    let stock = try await system.start("stock", calls: "shop")
    for proxy in [shop, stock] {
      try await proxy.waitUntilServing(isTraced: false)
      try await proxy.waitForTracing(backend) { $0["provider"] != nil }
    }
    let path = "/bought"
    for _ in 0..<20 {
      let answer = try await HTTPProbe.get(port: shop.inboundPort, "\(path)?next=\(shop.outboundPort)")
      #expect(answer?.status == 200)
    }
    // Two proxies and two applications: a request comes to the first proxy, and six more sides follow.
    try await eventually(deadline: .seconds(60), "whole traces of applications behind proxies") {
      let trees = try await trees(system, path: path)
      return trees.count == 20 && trees.allSatisfy { $0.count == 6 }
    }
    for tree in try await trees(system, path: path) {
      #expect(tree.map(\.service) == ["shop", "shop", "shop", "shop", "stock", "stock"])
      #expect(tree.map(\.kind) == ["SERVER", "SERVER", "CLIENT", "CLIENT", "SERVER", "SERVER"])
      #expect(tree.map(\.parent) == [-1, 0, 1, 2, 3, 4])
      #expect(tree.allSatisfy { !$0.isDetached })
    }
    let now = Int(Date().timeIntervalSince1970 * 1_000) + 60_000
    let links = try await HTTPProbe.get(
      port: controlPlane.ports.collector, "/api/v2/dependencies?endTs=\(now)&lookback=3600000")
    let found = try DocumentValue(json: links?.body ?? []).array ?? []
    for link in found { #expect(link["parent"] != link["child"], "\(link)") }
    let calls = found.first { $0["parent"]?.string == "shop" && $0["child"]?.string == "stock" }?["callCount"]?.number
    #expect(calls == 20, "\(found)")
    let called = Set(found.compactMap { $0["child"]?.string })
    #expect(called.isSubset(of: ["shop", "stock"]), "\(found)")
    let report = try await HTTPProbe.get(port: controlPlane.ports.collector, "/api/propagation")
    for service in try DocumentValue(json: report?.body ?? [])["services"]?.array ?? [] {
      let callees = Set((service["callees"]?.array ?? []).compactMap { $0["service"]?.string })
      #expect(callees.isSubset(of: ["shop", "stock"]), "\(service)")
    }
  }
}
