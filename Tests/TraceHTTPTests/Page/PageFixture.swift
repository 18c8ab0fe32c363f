import BrowserTestSupport
import Foundation
import HTTPService
import HTTPTypes
import LoopbackTestSupport
import TestSupport
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The page in a real browser, served over HTTP. Its pictures go to the folder `artifacts` at the repository's root.
@Suite(.heavy, .serialized, .enabled(if: Browser.executable != nil, "a Chromium in PATH is needed"))
enum PageInBrowser {
  static let now = WallClock.system.milliseconds()

  /// Serves a collector with spans while a body runs.
  static func serve(
    _ spans: [Span], missing: @escaping @Sendable (String, CollectorAPI) async -> [UInt8]? = { _, _ in nil },
    _ body: @escaping @Sendable (_ base: String, _ collector: SegmentStore) async throws -> Void
  ) async throws {
    let collector = try TestCollector { $0.clock = .system }
    try await collector.store.add(spans)
    let (api, store) = (collector.api, collector.store)
    try await LoopbackServer.run({ request, content in
      // The server around the collector knows who is signed in: nobody.
      if request.path == "/session" { return Answer(type: MediaType.json, body: Array("{}".utf8)).message(to: request) }
      let answer = await api.respond(to: request, body: content).message(to: request)
      // Until a collector has an answer of its own, one that was written down.
      guard answer.0.status == .notFound, let body = await missing(request.path ?? "", api) else { return answer }
      return (HTTPResponse(status: .ok, headerFields: [.contentType: "application/json"]), body)
    }) { base in
      try await body(base, store)
      // The server waits for what is open.
      api.stopWaiting()
    }
    withExtendedLifetime(collector) {}
  }

  /// The folder for pictures.
  static func artifacts() throws -> URL {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appending(path: "artifacts")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// A checkout in a shop, through eight services, as Envoys report it: both sides of each call share an id.
  struct Checkout {
    var trace: UInt64 = 0xC0FFEE
    var fails = true
    /// How long ago it began, in milliseconds.
    var age: Int64 = 5_000
    /// How long everything takes, in percent.
    var percent: Int64 = 100
    /// How far the clocks of services are off, in microseconds.
    var clocks: [String: Int64] = [:]

    var spans: [Span] {
      var spans: [Span] = []
      let start = (PageInBrowser.now - age) * 1_000
      let hosts = ["gateway", "frontend", "sessions", "catalog", "recommend", "orders", "payments", "fraud"]
      func add(
        _ id: UInt64, _ parent: UInt64?, _ kind: Span.Kind?, _ service: String, _ name: String, _ from: Int64,
        _ length: Int64, failed: Bool = false, remote: String = "", events: [(Int64, String)] = [],
        cluster: String = "localhost:8080", more: [Span.Tag] = []
      ) {
        var tags = more
        if kind != nil {
          tags += [
            .init("component", "proxy"), .init("node_id", "default.\(service)-1"),
            .init("http.method", name.hasPrefix("post") ? "POST" : "GET"),
            .init("http.url", "http://\(service).mesh/\(name.split(separator: "/").last ?? "")"),
            .init("http.protocol", "HTTP/1.1"), .init("http.status_code", failed ? "503" : "200"),
            .init("upstream_cluster", cluster), .init("user_agent", "curl/8.5.0"),
            .init("guid:x-request-id", "8d0cbd4c-5a5d-9b1c-\(Hexadecimal.text(trace).suffix(12))"),
          ]
          if failed { tags.append(.init("error", "true")) }
        }
        let clock = clocks[service] ?? 0
        func moment(_ time: Int64) -> Int64 { start + time * percent / 100 + clock }
        let host = (hosts.firstIndex(of: service) ?? 0) + 7
        spans.append(
          Span(
            traceID: TraceID(high: 0x6B75_6D61, low: trace), id: id, parentID: parent, kind: kind, name: name,
            timestamp: moment(from), duration: max(1, length * percent / 100),
            localEndpoint: Endpoint(serviceName: service, ipv4: "10.42.0.\(host)", port: 8_080),
            remoteEndpoint: remote.isEmpty ? nil : Endpoint(serviceName: remote),
            annotations: events.map { .init(timestamp: moment($0.0), value: $0.1) }, tags: tags,
            isShared: kind == .server && parent != nil))
      }
      /// Both sides of a call; `net` is the way to and the way back.
      func call(
        _ id: UInt64, _ parent: UInt64, _ from: String, _ to: String, _ name: String, _ at: Int64, _ length: Int64,
        net: Int64, failed: Bool = false, events: [(Int64, String)] = []
      ) {
        add(id, parent, .client, from, name, at, length, failed: failed, cluster: to)
        add(id, parent, .server, to, name, at + net, length - 2 * net, failed: failed, events: events)
      }
      let query: [Span.Tag] = [
        .init("db.system", "postgresql"), .init("db.statement", "SELECT id, name, price FROM items WHERE id = ANY($1)"),
      ]
      add(1, nil, .server, "gateway", "post /checkout", 0, 84_000, failed: fails)
      call(2, 1, "gateway", "frontend", "post /checkout", 1_800, 80_000, net: 1_600, failed: fails)
      call(3, 2, "frontend", "sessions", "get /session", 4_200, 5_200, net: 900)
      call(4, 2, "frontend", "catalog", "get /items", 10_400, 14_000, net: 1_500)
      add(5, 4, nil, "catalog", "select items", 13_400, 6_000, more: query)
      call(6, 2, "frontend", "recommend", "get /also-bought", 11_000, 9_000, net: 1_100)
      call(
        7, 2, "frontend", "orders", "post /orders", 25_900, 52_000, net: 1_400, failed: fails,
        events: [(27_600, "cart loaded")])
      add(8, 7, nil, "orders", "reserve items", 28_200, 6_500)
      if fails { call(9, 7, "orders", "payments", "post /charge", 35_500, 6_000, net: 900, failed: true) }
      let charge: Int64 = fails ? 42_300 : 35_900
      call(
        10, 7, "orders", "payments", "post /charge", charge, 74_000 - charge, net: 1_300, failed: fails,
        events: [(charge + 3_300, "lock taken"), (charge + 7_800, "idempotency key stored")])
      call(11, 10, "payments", "fraud", "post /score", charge + 2_500, 7_000, net: 1_000)
      add(
        12, 10, .client, "payments", "post /v1/charges", charge + 10_300, 70_700 - charge - 10_300, failed: fails,
        remote: "acquirer.example.com")
      return spans
    }
  }

  /// Some dozens of traces, for pictures.
  static let shop: [Span] = (0..<48).flatMap { (number: Int64) -> [Span] in
    Checkout(
      trace: 0xC0FFEE + UInt64(number), fails: number % 6 == 0, age: 5_000 + number * number * 1_300,
      percent: 80 + number * 37 % 61 + (number % 13 == 5 ? 500 : 0)
    ).spans
  }
}

extension Browser {
  /// The rows of a waterfall in sight: their depth and what they say, `!` where they are marked as failed.
  func rows() async throws -> [String] {
    try await texts(
      """
      [...document.querySelectorAll(".row")].map((row) => "  ".repeat(row.getAttribute("aria-level") - 1)
        + [...row.querySelectorAll(".label > *, .kind, .badge")].map((part) => part.textContent.trim()).join(" ")
        + (row.classList.contains("failed") ? " !" : ""))
      """)
  }

  /// The end of the ids of the traces in the list.
  func traces() async throws -> [String] {
    try await texts(
      #"[...document.querySelectorAll(".trace")].map((line) => line.dataset.trace.replace(/^.{17}0*/, ""))"#)
  }
}
