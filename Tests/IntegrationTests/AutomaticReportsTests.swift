import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

/// Which form the reports of real Envoys have, while receivers come, go and pretend.
@Suite("Automatic reports", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct AutomaticReportsTests {
  /// A receiver of another kind, which can pretend to be a collector of ours.
  private final class Stranger: Sendable {
    private struct State {
      var pretends = false
      /// The proxies whose reports it says have arrived.
      var known: [String] = []
      var types: [String: Int] = [:]
    }

    private let state = Mutex(State())

    func pretend(knowing proxies: [String] = []) {
      state.withLock { state in (state.pretends, state.known) = (true, proxies) }
    }

    /// How many reports of a type have come.
    func reports(_ type: String) -> Int { state.withLock { $0.types[type] ?? 0 } }

    /// Serves at a port while a body runs.
    func serve(at port: Int, _ body: @escaping @Sendable () async throws -> Void) async throws {
      try await LoopbackServer.run(port: port) { [self] request, _ in
        let (pretends, known) = state.withLock { ($0.pretends, $0.known) }
        switch (request.method, request.path) {
        case (.get, "/receiver") where pretends:
          let identity = #"{"product":"kuma-trace","instance":"x","formats":["zipkin-protobuf-envoy"]}"#
          return (HTTPResponse(status: .ok), Array(identity.utf8))
        case (.post, "/receiver/senders") where pretends:
          let senders = known.map { #"{"node":"\#($0)","age":0}"# }.joined(separator: ",")
          return (HTTPResponse(status: .ok), Array(#"{"senders":[\#(senders)]}"#.utf8))
        case (.post, "/api/v2/spans"):
          state.withLock { $0.types[request.headerFields[.contentType] ?? "", default: 0] += 1 }
          return (HTTPResponse(status: .accepted), [])
        default: return (HTTPResponse(status: .notFound), [])
        }
      } _: { _ in
        try await body()
      }
    }
  }

  private static let protobuf = "application/x-protobuf"
  private static let json = "application/json"

  private static func trace(_ system: TracingSystem, to url: String, apiVersion: String = "auto") async throws {
    try await system.controlPlane.apply(
      TracingSystem.mesh(backends: [("b", url)], apiVersion: apiVersion) + "---\n" + TracingSystem.policy(backend: "b"))
  }

  /// Sends requests from web to api. While listeners of both change, a connection between them may end under a request.
  private static func request(_ path: String, times: Int = 2, in system: TracingSystem) async throws {
    let port = try system.proxy("web").outboundPort
    for _ in 0..<times { _ = try await HTTPProbe.get(port: port, path) }
  }

  /// Sends requests until a proxy's reports have a form for a reason.
  private static func expect(
    _ format: String, because reason: String, of proxy: String = "web", in system: TracingSystem
  ) async throws {
    try await eventually(deadline: .seconds(90), "\(format) because \(reason)") {
      try await Self.request("/form", times: 2, in: system)
      let reports = try await system.controlPlane.explanation(of: proxy)["reports"]
      return reports?["format"]?.string == format && reports?["reason"]?.string?.contains(reason) == true
    }
  }

  /// What an Envoy itself says about the form of its reports.
  private static func endpointVersions(of proxy: String, in system: TracingSystem) async throws -> Set<String> {
    let dump = try await system.controlPlane.get("/meshes/default/dataplanes/\(proxy)/xds").json()
    return Set(["HTTP_JSON", "HTTP_PROTO"].filter { dump.contains(#""\#($0)""#) })
  }

  @Test("The control plane's own collector gets protobuf in large reports, and what users choose stays")
  func own() async throws {
    try await TracingSystem.run { system in
      try await Self.trace(system, to: system.embeddedURL)
      for proxy in ["web", "api"] {
        try await Self.expect("protobuf", because: "is this control plane's collector", of: proxy, in: system)
      }
      let reports = try await system.controlPlane.explanation(of: "web")["reports"]
      #expect(reports?["spans"]?.number == 50 && reports?["intervalMs"]?.number == 1000)
      // The listeners follow when the runtime is ready for them.
      for proxy in ["web", "api"] {
        try await eventually("protobuf at the Envoy of \(proxy)") {
          try await Self.endpointVersions(of: proxy, in: system) == ["HTTP_PROTO"]
        }
      }
      try await eventually("spans from both") {
        try await Self.request("/first", in: system)
        return Set(try await system.controlPlane.spans(path: "/first").map(\.service)) == ["web", "api"]
      }
      try await system.call("/own", times: 20)
      try await eventually("the spans of 20 requests at both proxies") {
        try await system.controlPlane.spans(path: "/own").count == 40
      }
      let metrics = try await HTTPProbe.get(port: system.controlPlane.ports.diagnostics, "/metrics")?.text ?? ""
      #expect(metrics.contains(#"kuma_tracing_proxies{format="protobuf",chosen_by="auto"} 2"#))

      try await Self.trace(system, to: system.embeddedURL, apiVersion: "httpJson")
      try await Self.expect(
        "json", because: "the backend fixes the form; apiVersion auto lets the control plane choose", in: system)
      try await eventually("JSON at the Envoy") {
        try await Self.endpointVersions(of: "web", in: system) == ["HTTP_JSON"]
      }

      // The control plane's own port for proxies speaks TLS with a certificate that nobody has signed.
      try await Self.trace(system, to: "https://127.0.0.1:\(system.controlPlane.ports.dataplane)/api/v2/spans")
      try await Self.expect(
        "json", because: "is another kind of collector: it answers GET /receiver with status", in: system)
    }
  }

  @Test("A collector that runs alone gets protobuf; another kind that takes its address over, or pretends, gets JSON")
  func takeover() async throws {
    let port = try FreePort.take(1)[0]
    try await TracingSystem.run { system in
      let url = "http://127.0.0.1:\(port)/api/v2/spans"
      let log = Lines()
      let store = system.controlPlane.home.appending(path: "other.db").path(percentEncoded: false)
      let collector = try ChildProcess.start(
        ChildProcess.Command(
          Programs.path("kuma-cp"), ["collector", "--zipkin-port", "\(port)", "--no-otlp", "--store-file", store],
          environment: Programs.environment, output: .lines(log.append), errors: .lines(log.append)))
      do {
        try await Self.trace(system, to: url)
        try await Self.expect(
          "protobuf", because: "a kuma-trace collector answers at http://127.0.0.1:\(port)", in: system)
        try await eventually("spans at the collector: \(log.tail())") {
          try await Self.request("/alone", times: 2, in: system)
          let answer = try await HTTPProbe.get(port: port, "/api/v2/traces?limit=1000&lookback=3600000")
          return answer?.text.contains("/alone") == true
        }
      } catch {
        collector.signal(.kill)
        _ = await collector.exitStatus()
        throw error
      }
      _ = await collector.terminate(grace: .seconds(15))

      let stranger = Stranger()
      try await stranger.serve(at: port) {
        try await Self.expect("json", because: "answers GET /receiver with status 404", in: system)
        var reports = stranger.reports(Self.json)
        try await eventually("reports in JSON") {
          try await Self.request("/stranger", times: 5, in: system)
          return stranger.reports(Self.json) > reports + 1
        }

        // It says that it is a collector of ours. The reports that its Envoys count as answered never arrive.
        stranger.pretend()
        try await eventually(deadline: .seconds(90), "reports in protobuf") {
          try await Self.request("/pretends", times: 2, in: system)
          return stranger.reports(Self.protobuf) > 0
        }
        try await Self.expect("json", because: "does not get them", in: system)
        reports = stranger.reports(Self.json)
        try await eventually("reports in JSON again") {
          try await Self.request("/json-again", times: 5, in: system)
          return stranger.reports(Self.json) > reports + 1
        }

        stranger.pretend(knowing: ["default.web"])
        try await Self.expect("protobuf", because: "a kuma-trace collector answers", in: system)
        try await Self.expect("json", because: "does not get them", of: "api", in: system)
      }
    }
  }
}
