import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshTestSupport
import Testing

@testable import TraceCollector

/// The page in a real browser, served over HTTP. Pictures go to the folder `artifacts` at the repository's root.
@Suite(.serialized, .enabled(if: Browser.executable != nil, "a Chromium in PATH is needed"))
struct BrowserTests {
  private static let now = WallClock.system.milliseconds()

  /// Serves a collector with spans while a body runs.
  private func serve(
    _ spans: [Span], _ body: @escaping @Sendable (_ base: String) async throws -> Void
  ) async throws {
    let collector = try TestCollector { $0.clock = .system }
    let rejections = try await collector.store.add(spans)
    #expect(rejections.isEmpty)
    let api = collector.api
    try await LoopbackServer.run({ await api.respond(to: $0, body: $1) }, body)
  }

  /// A call through four services as Envoys report it: both sides of each hop share an id.
  private static func checkout(
    trace: UInt64 = 0xC0FFEE, fails: Bool = true, before milliseconds: Int64 = 5_000, scale: Int64 = 1
  ) -> [Span] {
    let start = (now - milliseconds) * 1_000
    func span(
      _ id: UInt64, _ parent: UInt64?, _ kind: Span.Kind?, _ service: String, _ name: String, _ from: Int64,
      _ length: Int64,
      status: String = "200"
    ) -> Span {
      var tags: [Span.Tag] = [
        .init("component", "proxy"), .init("node_id", "default.\(service)-1"), .init("http.method", "GET"),
        .init("http.url", "http://\(name)"), .init("http.protocol", "HTTP/1.1"), .init("http.status_code", status),
        .init("upstream_cluster", "localhost:8080"), .init("user_agent", "curl/8.5.0"),
        .init("response_size", "\(length)"),
        .init("guid:x-request-id", "8d0cbd4c-5a5d-9b1c-b9a5-0d6c2d1f4e11"),
      ]
      if status != "200" { tags.append(.init("error", "true")) }
      return Span(
        traceID: TraceID(high: 0x6B75_6D61, low: trace), id: id, parentID: parent, kind: kind, name: name,
        timestamp: start + from * scale, duration: length * scale,
        localEndpoint: Endpoint(serviceName: service, ipv4: "10.42.0.7", port: 8_080),
        remoteEndpoint: kind == nil ? nil : Endpoint(ipv4: "10.42.0.9", port: 41_022),
        annotations: kind == nil ? [.init(timestamp: start + (from + 900) * scale, value: "lock taken")] : [],
        tags: kind == nil ? [] : tags, isShared: kind == .server && parent != nil)
    }
    let failed = fails ? "503" : "200"
    return [
      span(1, nil, .server, "gateway", "shop.example/checkout", 0, 42_000, status: failed),
      span(2, 1, .client, "gateway", "frontend.mesh/checkout", 1_200, 40_000, status: failed),
      span(2, 1, .server, "frontend", "frontend.mesh/checkout", 2_600, 37_400, status: failed),
      span(3, 2, .client, "frontend", "catalog.mesh/items", 3_800, 6_200),
      span(4, 2, .client, "frontend", "orders.mesh/orders", 11_000, 26_000, status: failed),
      span(4, 2, .server, "orders", "orders.mesh/orders", 12_400, 23_000, status: failed),
      span(5, 4, nil, "orders", "reserve items", 13_000, 5_000),
      span(6, 4, .client, "orders", "payments.mesh/charge", 19_000, 14_000, status: failed),
      span(6, 4, .server, "payments", "payments.mesh/charge", 20_500, 11_000, status: failed),
    ]
  }

  private static func text(of parts: Substring) -> String {
    parts.replacing(/<[^>]*>/, with: " ").split(separator: " ").joined(separator: " ")
  }

  /// The rows of a waterfall: their depth and what they say, `!` where they are marked as failed.
  private static func rows(_ visit: Browser.Visit) -> [String] {
    visit.dom.matches(
      of: /<div class="row ([^"]*)"[^>]*aria-level="(\d+)"[^>]*>.*?<div class="name">(.*?)<div class="lane">/
    )
    .map { match in
      let isFailed = match.output.1.split(separator: " ").contains("failed")
      let words = text(of: match.output.3).replacing("▾ ", with: "").replacing(" !", with: "")
      return String(repeating: "  ", count: (Int(match.output.2) ?? 1) - 1) + words + (isFailed ? " !" : "")
    }
  }

  @Test("The list shows the traces that were sent")
  func list() async throws {
    let spans = Self.checkout() + Self.checkout(trace: 0xBEEF, fails: false, before: 60_000, scale: 3)
    try await serve(spans) { base in
      let visit = try await Browser.open(base + "/")
      #expect(visit.console.isEmpty)
      let rows = visit.dom.matches(of: /<a class="trace ([^"]*)" href="([^"]*)">(.*?)<\/a>/)
      #expect(
        rows.map { String($0.output.2) } == [
          "/traces/000000006b756d610000000000c0ffee", "/traces/000000006b756d61000000000000beef",
        ])
      #expect(rows.map { $0.output.1.contains("failed") } == [true, false])
      let first = try #require(rows.first.map { Self.text(of: $0.output.3) })
      #expect(
        first.hasPrefix(
          "gateway shop.example/checkout gateway 2 2 frontend 3 2 orders 3 2 payments 1 1 42.0 ms 9 spans 7 errors"))
      #expect(visit.text.contains("2 traces"))
      #expect(visit.dom.contains(#"<option value="payments">payments</option>"#))
      #expect(visit.dom.contains("<svg"))
    }
  }

  @Test("The list's address holds its filters")
  func filters() async throws {
    let spans = Self.checkout() + Self.checkout(trace: 0xBEEF, fails: false, before: 60_000, scale: 3)
    try await serve(spans) { base in
      for (query, ids) in [
        ("errors=1", ["c0ffee"]), ("min=100ms", ["beef"]), ("q=http.status_code%3D503", ["c0ffee"]),
        ("service=payments&span=payments.mesh/charge&sort=longest", ["beef", "c0ffee"]), ("service=nobody", []),
        ("limit=20&lookback=5m", ["c0ffee", "beef"]),
      ] {
        let visit = try await Browser.open("\(base)/?\(query)&live=0")
        #expect(visit.console.isEmpty)
        let found = visit.dom.matches(of: /class="trace [^"]*" href="\/traces\/000000006b756d610*([^"]*)"/)
        #expect(found.map { String($0.output.1) } == ids, "\(query)")
        if ids.isEmpty { #expect(visit.text.contains("No trace matches")) }
      }
    }
  }

  @Test("A trace's page shows every span in its place, with its errors")
  func waterfall() async throws {
    try await serve(Self.checkout().reversed()) { base in
      let visit = try await Browser.open(base + "/traces/c0ffee")
      #expect(visit.console.isEmpty)
      #expect(
        Self.rows(visit) == [
          "gateway shop.example/checkout server !", "  gateway frontend.mesh/checkout client !",
          "    frontend frontend.mesh/checkout server !", "      frontend catalog.mesh/items client",
          "      frontend orders.mesh/orders client !", "        orders orders.mesh/orders server !",
          "          orders reserve items", "          orders payments.mesh/charge client !",
          "            payments payments.mesh/charge server !",
        ])
      for text in [
        "000000006b756d610000000000c0ffee", "Duration", "42.0 ms", "Services", "Spans", "Depth", "Errors", "Started",
        "0 ", "10 ms",
        "30 ms", "14.0 ms",
      ] {
        #expect(visit.text.contains(text), "\(text)")
      }
      #expect(visit.dom.contains(#"title="lock taken at "#))
      #expect(visit.dom.matches(of: /<i class="bar (client|server|local)"/).count == 9)
    }
  }

  @Test("A link to a span selects it, of two that share an id the right side, and shows all of it")
  func selection() async throws {
    try await serve(Self.checkout()) { base in
      for (side, service) in [("client", "orders"), ("server", "payments")] {
        let visit = try await Browser.open("\(base)/traces/c0ffee?span=0000000000000006&side=\(side)")
        #expect(visit.console.isEmpty)
        let panel = try #require(visit.dom.firstMatch(of: /<aside class="details[^"]*"[^>]*>(.*?)<\/aside>/)?.output.1)
        #expect(panel.contains("<h2>\(service)</h2>"))
        let text = Self.text(of: panel)
        for part in [
          "payments.mesh/charge", "http.status_code 503", "error true", "upstream_cluster localhost:8080",
          "guid:x-request-id 8d0cbd4c-5a5d-9b1c-b9a5-0d6c2d1f4e11", "0000000000000006", "parent 0000000000000004",
          "10.42.0.7:8080", "10.42.0.9:41022", side,
        ] {
          #expect(text.contains(part), "\(part)")
        }
        #expect(visit.dom.matches(of: /aria-selected="true"/).count == 1)
      }
    }
  }

  @Test("Hostile names are text, whatever they hold")
  func hostileNames() async throws {
    let names = [
      "<script>document.title='taken'</script>", "\"'><img src=x onerror=alert(1)>", "\u{202E}gpj.exe אבג",
      String(repeating: "long/", count: 2_000), "&lt;b&gt; {{x}} ${y}", "\u{0}\u{1}\u{7F}",
    ]
    let spans = names.enumerated().map { index, name in
      Span(
        traceID: TraceID(low: 0xBAD), id: UInt64(index + 1), parentID: index == 0 ? nil : 1, kind: .server, name: name,
        timestamp: Self.now * 1_000, duration: 1_000, localEndpoint: Endpoint(serviceName: String(name.prefix(200))),
        annotations: [.init(timestamp: Self.now * 1_000, value: name)], tags: [.init("key \(name.prefix(200))", name)])
    }
    try await serve(spans) { base in
      for path in ["/", "/traces/bad", "/traces/bad?span=0000000000000001", "/traces/bad?span=0000000000000004"] {
        let visit = try await Browser.open(base + path)
        #expect(visit.console.isEmpty, "\(path)")
        #expect(!visit.dom.contains("<script>document"))
        #expect(!visit.dom.contains("<img src=\"x\""))
        #expect(!visit.dom.contains("<title>taken"))
        #expect(visit.text.contains(names[0]))
        guard path.hasPrefix("/traces") else { continue }
        for name in names.prefix(5) { #expect(visit.text.contains(name), "\(path) \(name.prefix(40))") }
      }
    }
  }

  @Test("A trace of thousands of spans draws only the rows in sight")
  func manySpans() async throws {
    let spans = (1...5_000).map { (number: Int) -> Span in
      Span(
        traceID: TraceID(low: 0xB16), id: UInt64(number), parentID: number == 1 ? nil : UInt64(number / 2),
        kind: .server,
        name: "step \(number)", timestamp: Self.now * 1_000 + Int64(number), duration: Int64(6_000 - number),
        localEndpoint: Endpoint(serviceName: "service-\(number % 20)"))
    }
    try await serve(spans) { base in
      let visit = try await Browser.open(base + "/traces/b16")
      #expect(visit.console.isEmpty)
      let rows = Self.rows(visit)
      #expect(rows.first == "service-1 step 1 server")
      #expect((20..<100).contains(rows.count))
      #expect(visit.text.contains("5,000") || visit.text.contains("5000"))
    }
  }

  @Test("An empty collector, a missing trace and a failing search say what to do")
  func otherStates() async throws {
    try await serve([]) { base in
      let empty = try await Browser.open(base + "/")
      #expect(empty.console.isEmpty)
      #expect(empty.text.contains("No traces yet"))
      #expect(empty.text.contains("url: \(base)/api/v2/spans"))
      // A browser reports an answer of 404 itself; there is nothing else.
      let missing = try await Browser.open(base + "/traces/abc")
      #expect(missing.text.contains("This trace is not here"))
      #expect(missing.console.allSatisfy { $0.contains("404") })
    }
    let collector = try TestCollector { $0.clock = .system }
    try await collector.add(span(1))
    try collector.store.close()
    let api = collector.api
    try await LoopbackServer.run({ await api.respond(to: $0, body: $1) }) { base in
      let failing = try await Browser.open(base + "/?live=0")
      #expect(failing.text.contains("This search did not work"))
      #expect(failing.text.contains("cannot be read"))
    }
  }

  @Test("Pictures of the page, for people")
  func pictures() async throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "artifacts")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var spans: [Span] = []
    for number: Int64 in 0..<40 {
      spans += Self.checkout(
        trace: 0xC0FFEE + UInt64(number), fails: number % 6 == 0, before: 5_000 + number * number * 1_700,
        scale: 1 + number * 7 % 5 * (number % 11 == 3 ? 9 : 1))
    }
    try await serve(spans) { base in
      let pages = [
        ("list", "/?live=0"), ("waterfall", "/traces/c0ffee"),
        ("span", "/traces/c0ffee?span=0000000000000006&side=client"), ("missing", "/traces/abc"),
      ]
      for (name, path) in pages {
        for (width, height, size) in [(1_440, 900, "wide"), (500, 900, "narrow")] {
          for (isDark, theme) in [(false, "light"), (true, "dark")] {
            let file = folder.appending(path: "collector-\(name)-\(size)-\(theme).png").path
            try? FileManager.default.removeItem(atPath: file)
            let console = try await Browser.picture(
              of: base + path, to: file, width: width, height: height, isDark: isDark)
            #expect(name == "missing" || console.isEmpty)
            let image = try Data(contentsOf: URL(filePath: file))
            #expect(image.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(image.count > 8_000)
          }
        }
      }
    }
  }
}
