import AsyncHTTPClient
import Foundation
import Glibc
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// Automatic reports of real Envoys under load, while their collector does not take them. Spans are counted in the collector.
@Suite(
  "No span is lost while the collector is away", .heavy, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct CollectorAwayTests {
  /// How the collector, with its control plane, goes and comes back.
  private enum Outage: String, CaseIterable {
    case stopped, ended, killed

    func begin(_ controlPlane: ControlPlaneProcess) async throws {
      switch self {
      case .stopped: #expect(Glibc.kill(try #require(controlPlane.pid), SIGSTOP) == 0)
      case .ended: await controlPlane.stop()
      case .killed: await controlPlane.kill()
      }
    }

    func end(_ controlPlane: ControlPlaneProcess) async throws {
      switch self {
      case .stopped: #expect(Glibc.kill(try #require(controlPlane.pid), SIGCONT) == 0)
      case .ended, .killed: try await controlPlane.start()
      }
    }
  }

  private static let length = Duration.seconds(3)

  private static func startProxies(_ system: TracingSystem, collector url: String) async throws {
    try await system.controlPlane.apply(
      TracingSystem.mesh(backends: [("main", url)], apiVersion: "auto") + "---\n"
        + TracingSystem.policy(backend: "main"))
    for (name, calls) in [("web", "api"), ("api", "web")] { try await system.start(name, calls: calls) }
    for proxy in system.proxies { try await proxy.waitUntilServing(isTraced: false) }
    for proxy in system.proxies {
      try await proxy.waitForTracers("HTTP_PROTO")
      // A report is sent again for 15 seconds. A program for debugging may take longer to start on a busy machine.
      try await proxy.waitForSlowCollector()
    }
  }

  /// What became of a proxy's reports.
  private static func reports(_ proxy: ProxyProcess) async throws -> (failed: Int, retried: Int) {
    let counters = try await proxy.counters("tracing")
    let failed = ["dropped", "failed", "skipped_no_cluster"].reduce(0) {
      $0 + (counters["tracing.zipkin.reports_\($1)"] ?? 0)
    }
    return (failed, counters["cluster.tracing-auto_main.upstream_rq_retry"] ?? 0)
  }

  /// Waits until no report of a proxy is under way, nor waits to be sent again.
  private static func waitForReports(of proxy: ProxyProcess) async throws {
    let cluster = "cluster.tracing-auto_main."
    try await eventually("the reports of \(proxy.name)") {
      let counters = try await proxy.counters("tracing-auto_main")
      return counters[cluster + "circuit_breakers.default.remaining_retries"] == 1_024
        && counters[cluster + "upstream_rq_active"] == 0 && counters[cluster + "upstream_rq_pending_active"] == 0
    }
  }

  @Test("for three seconds: stopped, ended in order, or killed")
  func away() async throws {
    try await TracingSystem.run(proxies: false) { system in
      try await Self.startProxies(system, collector: system.embeddedURL)
      let load = RequestLoad(ports: [try system.proxy("web").outboundPort], clients: [20, 20, 40, 100])
      func waitForAnswers(during time: Duration) async throws {
        let (before, end) = (load.answers, ContinuousClock.now + time)
        try await eventually("answers") { load.answers >= before + 200 && .now >= end }
      }
      do {
        for outage in Outage.allCases {
          try await waitForAnswers(during: .zero)
          try await outage.begin(system.controlPlane)
          try await waitForAnswers(during: Self.length)
          try await outage.end(system.controlPlane)
          // The next outage begins when this one is over for the reports, too: their time would not suffice for both.
          for proxy in system.proxies { try await Self.waitForReports(of: proxy) }
        }
        try await waitForAnswers(during: .zero)
      } catch {
        // Stopped, it could not be ended.
        _ = try? await Outage.stopped.end(system.controlPlane)
        _ = await load.stop()
        throw error
      }
      let outcome = await load.stop()
      for proxy in system.proxies {
        print("outages: \(proxy.name): \(try await proxy.counters("tracing").filter { $1 > 0 })")
      }
      #expect(outcome.unanswered.count == 0, "\(outcome.unansweredWords)")
      for (status, traces) in outcome.answered {
        // Requests for which the proxy had no endpoint after the restart have a span of the caller alone.
        try await system.controlPlane.expectSpans(status == 200 ? 2...2 : 1...2, ofEach: traces, "outages")
      }
      #expect(outcome.answered[200]?.count ?? 0 > 600)
      for proxy in system.proxies {
        // Otherwise the collector was not away for the reports. How many failed says nothing: the collector may have stored a report
        // before it was killed, and its second delivery may have been late.
        #expect(try await Self.reports(proxy).retried > 0, "\(proxy.name)")
      }
    }
  }

  /// Stands before the collector. The first answer to each report is lost, so Envoy sends the report again.
  private final class Forgetful: Sendable {
    private let reports = Mutex<[[UInt8]: Int]>([:])

    /// How often each report came.
    var deliveries: [Int] { reports.withLock { Array($0.values) } }

    func forward(_ request: HTTPRequest, _ body: [UInt8], to port: Int) async -> (HTTPResponse, [UInt8]) {
      var forwarded = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(request.path ?? "/")")
      forwarded.method = HTTPMethod(rawValue: request.method.rawValue)
      if let authority = request.authority { forwarded.headers.add(name: "host", value: authority) }
      if let type = request.headerFields[.contentType] { forwarded.headers.add(name: "content-type", value: type) }
      if !body.isEmpty { forwarded.body = .bytes(ByteBuffer(bytes: body)) }
      guard let response = try? await HTTPClient.shared.execute(forwarded, timeout: .seconds(20)),
        let answer = try? await response.body.collect(upTo: 1 << 20)
      else { return (HTTPResponse(status: .badGateway), []) }
      if request.path == "/api/v2/spans", response.status == .accepted {
        let count = reports.withLock { reports in
          reports[body, default: 0] += 1
          return reports[body] ?? 0
        }
        if count == 1 { return (HTTPResponse(status: .gatewayTimeout), []) }
      }
      return (HTTPResponse(status: .init(code: Int(response.status.code))), Array(answer.readableBytesView))
    }
  }

  @Test("and spans of a report that comes twice, because its first answer was lost, count once")
  func duplicates() async throws {
    try await TracingSystem.run(proxies: false) { system in
      let relay = Forgetful()
      let collector = system.controlPlane.ports.collector
      try await LoopbackServer.run {
        await relay.forward($0, $1, to: collector)
      } _: { base in
        try await Self.startProxies(system, collector: "\(base)/api/v2/spans")
        let requests = 60
        try await system.call("/twice", times: requests)
        try await eventually("the second delivery of every report") {
          let spans = try await system.controlPlane.spans(path: "/twice")
          return spans.count >= 2 * requests && relay.deliveries.allSatisfy { $0 >= 2 }
        }
        #expect(relay.deliveries.count >= 2)
        #expect(try await system.controlPlane.spans(path: "/twice").count == 2 * requests)
        // An answer that an Envoy waits for too long is a failure too; then it sends the report a third time.
        if relay.deliveries.allSatisfy({ $0 == 2 }) {
          for proxy in system.proxies { #expect(try await Self.reports(proxy).failed == 0) }
        }
        // The calls between services are counted once, too.
        let now = Int(Date().timeIntervalSince1970 * 1_000)
        let answer = try await HTTPProbe.get(
          port: collector, "/api/v2/dependencies?endTs=\(now)&lookback=3600000")
        let calls = try DocumentValue(json: answer?.body ?? []).array ?? []
        let call = calls.first { $0["parent"]?.string == "web" && $0["child"]?.string == "api" }
        #expect(call?["callCount"]?.number == Double(requests), "\(calls)")
      }
    }
  }
}
