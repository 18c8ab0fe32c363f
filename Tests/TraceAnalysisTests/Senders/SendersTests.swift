import Synchronization
import Testing

@testable import TraceAnalysis
@testable import TraceModel

/// What is remembered of senders.
@Suite struct SendersTests {
  /// A clock that tests set. It begins at a time of our days.
  final class Time: Sendable {
    static let begin: Int64 = 1_790_812_800_000
    private let passed = Mutex<Int64>(0)

    func pass(_ milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
    var wall: WallClock { WallClock { Self.begin + self.passed.withLock { $0 } } }
    var steady: WallClock { WallClock { 5_000 + self.passed.withLock { $0 } } }
  }

  private let time = Time()

  private func senders(_ change: (inout Senders.Limits) -> Void = { _ in }) -> Senders {
    var limits = Senders.Limits()
    change(&limits)
    return Senders(clock: time.wall, steady: time.steady, limits: limits)
  }

  private static func request(
    _ format: String = "zipkin-json", at authority: String = "c:9411", status: Int = 202
  ) -> SenderRequest {
    SenderRequest(format: format, authority: authority, userAgent: "", status: status)
  }

  /// A proxy's span that has just ended.
  private func span(
    _ node: String?, _ kind: Span.Kind? = .server, cluster: String? = "localhost:8080", service: String = "web",
    ago: Int64 = 0, number: UInt64 = 1
  ) -> Span {
    var tags: [Span.Tag] = []
    if let node { tags.append(.init("node_id", node)) }
    if let cluster { tags.append(.init("upstream_cluster", cluster)) }
    return Span(
      traceID: TraceID(low: number), id: number, kind: kind, timestamp: (time.wall.milliseconds() - ago) * 1_000 - 500,
      duration: 500, localEndpoint: Endpoint(serviceName: service, ipv4: "10.0.0.1"), tags: tags)
  }

  private func note(_ spans: [Span], in senders: Senders, _ request: SenderRequest = request()) {
    var tally = senders.tally()
    for span in spans { tally.add(span) }
    senders.note(tally, request)
  }

  @Test("Stored spans of a proxy are counted by the cluster and the side, exactly, and from the first request on")
  func listeners() throws {
    let senders = senders()
    for _ in 0..<3 {
      note(
        [
          span("default.web-1"), span("default.web-1"), span("default.web-1", .client, cluster: "backend"),
          span("default.web-1", .client, cluster: nil),
        ], in: senders)
      time.pass(1_000)
    }
    let report = try #require(senders.report(ofNode: "default.web-1"))
    #expect(report.kind == .proxy)
    #expect(report.id == "default.web-1")
    #expect(
      report.listeners == [
        SpanListener(side: .server, cluster: "localhost:8080"): 6, SpanListener(side: .client, cluster: "backend"): 3,
        SpanListener(side: .client, cluster: ""): 3,
      ])
    #expect(report.spans == 12)
    #expect(report.requests == 3)
    #expect(report.services == ["web"])
    #expect(report.since == Time.begin)
    #expect(report.lastSeen == Time.begin + 2_000)
    #expect(report.lastStored == Time.begin + 2_000)
    #expect(report.clockOffset == 0)
    #expect(report.advice == [])
    #expect(senders.report(ofNode: "default.web-2") == nil)
  }

  @Test("A span as a draft and as a value are of the same sender and listener") func draft() {
    let senders = senders()
    let spans = [span("default.web-1"), span(nil, nil, cluster: nil), span(nil, .client, cluster: "backend")]
    var (drafts, values) = (senders.tally(), senders.tally())
    for span in spans {
      values.add(span)
      var (draft, bytes) = (SpanDraft(), [UInt8]())
      draft.fill(span, &bytes)
      bytes.withUnsafeBytes { drafts.add(draft, $0) }
    }
    senders.note(drafts, Self.request())
    senders.note(values, Self.request())
    #expect(senders.count == 3)
    #expect(Set(senders.reports().map(\.spans)) == [2])
    #expect(Set(senders.reports().map(\.id)) == ["default.web-1", "web at 10.0.0.1"])
    #expect(Set(senders.reports().map(\.kind)) == [.proxy, .program])
    #expect(senders.reports(service: "web").count == 3)
    #expect(senders.reports(service: "backend").isEmpty)
  }

  @Test("The last report of a node at an authority is known, with its age and format") func arrivals() {
    let senders = senders()
    note([span("default.web-1")], in: senders, Self.request(at: "Zipkin.example:9411"))
    time.pass(300)
    note([span("default.web-1")], in: senders, Self.request("zipkin-protobuf", at: "zipkin.example:9411"))
    time.pass(40)
    note([span("default.web-1")], in: senders, Self.request("otlp-json", at: "other:9411"))
    time.pass(2)
    let nodes = ["default.web-1", "default.web-2"]
    #expect(
      senders.arrivals(of: nodes, at: "zipkin.EXAMPLE:9411")
        == ["default.web-1": .init(age: 42, format: "zipkin-protobuf")])
    #expect(senders.arrivals(of: nodes, at: "other:9411") == ["default.web-1": .init(age: 2, format: "otlp-json")])
    #expect(senders.arrivals(of: nodes, at: "zipkin.example").isEmpty)
    #expect(senders.arrivals(of: [], at: "other:9411").isEmpty)
  }

  @Test("Spans that are refused are counted by their reason, and are no arrival") func refusals() throws {
    let senders = senders()
    for number in 0..<20 {
      var tally = senders.tally()
      tally.refuse(SpanOrigin(span("default.web-1")), "reason \(number % 10)", isOfID: number == 3)
      senders.note(tally, Self.request(status: 400))
      time.pass(10)
    }
    let report = try #require(senders.report(ofNode: "default.web-1"))
    #expect(report.refused.count == 8)
    #expect(report.lastRefusal == .init(reason: "reason 9", time: Time.begin + 190, status: 400))
    #expect(report.brokenIDs == 1)
    #expect(report.spans == 0)
    #expect(report.lastStored == nil)
    #expect(report.clockOffset == nil)
    #expect(senders.arrivals(of: ["default.web-1"], at: "c:9411").isEmpty)
    #expect(report.advice.contains { $0.contains("refused: reason") })
  }

  @Test("Requests that cannot be read are known by their user agent") func unreadable() throws {
    let senders = senders()
    for _ in 0..<2 {
      senders.noteUnreadable(
        SenderRequest(format: "", authority: "c", userAgent: "curl/8.5.0", status: 415), because: "not supported")
    }
    let report = try #require(senders.reports().first)
    #expect(report.kind == .unknown)
    #expect(report.id == "curl/8.5.0")
    #expect(report.refused == [.init(reason: "not supported", spans: 0, requests: 2)])
  }

  @Test("Invented senders cannot make the memory grow, and a proxy that reports stays known with its counts")
  func bound() throws {
    let senders = senders { $0.senders = 100 }
    var sent = 0
    for number in 0..<5_000 {
      note([span("invented-\(number)")], in: senders)
      // The proxy reports once while fewer nodes are invented than a generation holds.
      if number % 90 == 0 {
        note([span("default.web-1")], in: senders)
        sent += 1
      }
    }
    #expect(senders.count <= 200)
    #expect(try #require(senders.report(ofNode: "default.web-1")).spans == sent)
    #expect(senders.report(ofNode: "invented-0") == nil)
  }

  @Test("Long names and many of them take a bounded memory") func texts() throws {
    let senders = senders { $0.textBytes = 100_000 }
    let long = String(repeating: "x", count: 600)
    var most = 0
    for number in 0..<100 {
      note(
        (0..<50).map { span("\(number)-\(long)", .client, cluster: "\($0)\(long)", service: "\($0)\(long)") },
        in: senders, Self.request(at: "\(number)\(long)"))
      most = max(most, senders.count)
    }
    // Each takes about 32 names of clusters, four of services, and few others, of 256 bytes each.
    #expect(most <= 2 * 100_000 / (36 * 256) + 2)
    #expect(senders.reports().allSatisfy { $0.listeners.count <= 33 && $0.services.count <= 4 })
    #expect(senders.reports().allSatisfy { $0.listeners.values.reduce(0, +) == 50 })
  }

  @Test("One request tells many senders apart, and counts those beyond without a name") func relay() {
    let senders = senders()
    note((0..<600).map { span("default.web-\($0)", number: UInt64($0) + 1) }, in: senders)
    #expect(senders.count == SenderTally.groupsAtMost)
    var tally = senders.tally()
    for number in 0..<600 { tally.add(span("default.web-\(number)")) }
    #expect(tally.others == 600 - SenderTally.groupsAtMost)
  }

  @Test("The clock's offset is that of a fifth of the reports, so that late reports and a wild span do not count")
  func clockOffset() throws {
    let senders = senders()
    for number in 0..<15 {
      // Reports wait up to five seconds; one span is an hour ahead.
      let ago = number == 4 ? -3_600_000 : Int64(number) * 333
      note([span("default.web-1", ago: ago, number: UInt64(number) + 1)], in: senders)
      time.pass(1_000)
    }
    let fine = try #require(senders.report(ofNode: "default.web-1"))
    #expect((0...2_000).contains(try #require(fine.clockOffset)))
    #expect(fine.advice == [])
    let day: Int64 = 86_400_000
    for _ in 0..<5 { note([span("long ago", ago: 60 * day)], in: senders) }
    #expect(senders.report(ofNode: "long ago")?.clockOffset == 60 * day)
    // A span that is said to last for ever tells nothing of the clock.
    var endless = span("endless")
    endless.duration = 5 << 60
    note([endless], in: senders)
    #expect(senders.report(ofNode: "endless")?.clockOffset == nil)
    for (node, ago) in [("behind", Int64(600_000)), ("ahead", -600_000)] {
      for _ in 0..<5 { note([span(node, ago: ago)], in: senders) }
    }
    let behind = try #require(senders.report(ofNode: "behind"))
    #expect(behind.clockOffset == 600_000)
    #expect(behind.advice.contains { $0.contains("10 min behind") })
    let ahead = try #require(senders.report(ofNode: "ahead"))
    #expect(ahead.clockOffset == -600_000)
    #expect(ahead.advice.contains { $0.contains("10 min ahead") })
  }

  @Test(
    "A wrong unit of times is named",
    arguments: [
      ("zipkin-json", Int64(1_000_000), TimeUnit.seconds), ("zipkin-json", 1_000, .milliseconds),
      ("otlp-json", 1_000, .microseconds), ("otlp-json", 1_000_000, .milliseconds),
    ])
  func units(_ format: String, _ divisor: Int64, _ unit: TimeUnit) throws {
    let senders = senders()
    var wrong = span("default.web-1")
    wrong.timestamp /= divisor
    note([wrong, wrong], in: senders, Self.request(format))
    let report = try #require(senders.report(ofNode: "default.web-1"))
    #expect(report.wrongUnit == unit)
    #expect(report.wrongUnitSpans == 2)
    #expect(report.clockOffset == nil)
    #expect(report.advice.contains { $0.contains(unit.rawValue) })
  }

  @Test("Nanoseconds in the place of microseconds are named") func nanoseconds() throws {
    let senders = senders()
    var wrong = span("default.web-1")
    wrong.timestamp *= 1_000
    note([wrong], in: senders)
    #expect(try #require(senders.report(ofNode: "default.web-1")).wrongUnit == .nanoseconds)
  }

  @Test("The rate is that of about the last minute") func rate() throws {
    let senders = senders()
    for _ in 0..<120 {
      note((0..<10).map { _ in span("default.web-1") }, in: senders)
      time.pass(1_000)
    }
    #expect((9.0...11).contains(try #require(senders.report(ofNode: "default.web-1")).rate))
    time.pass(300_000)
    #expect(try #require(senders.report(ofNode: "default.web-1")).rate < 0.1)
  }

  @Test("Deprecated exporters are named") func deprecated() throws {
    let senders = senders()
    var old = span(nil, nil, cluster: nil, service: "old")
    old.tags = [.init("jaeger.version", "Go-2.30.0")]
    var exporter = span(nil, nil, cluster: nil, service: "exporter")
    exporter.tags = [.init("otel.scope.name", "app")]
    note([old, exporter], in: senders)
    note([span("default.web-1")], in: senders, Self.request("zipkin-v1-json"))
    func found(_ id: String) throws -> [String] { try #require(senders.reports().first { $0.id == id }).deprecated }
    #expect(try found("old at 10.0.0.1") == ["a client library of Jaeger's"])
    #expect(try found("exporter at 10.0.0.1") == ["OpenTelemetry's exporter for Zipkin"])
    #expect(try found("default.web-1") == ["Zipkin's v1 format"])
  }

  @Test("Ids that are used again are counted: constant ones, and those of processes with the same random numbers")
  func reused() throws {
    let senders = senders()
    for _ in 0..<5 {
      note([span("constant", number: 7)], in: senders)
      time.pass(61_000)
    }
    // Only those later than a minute are certainly others.
    #expect(try #require(senders.report(ofNode: "constant")).reusedIDs == 4)
    // Two processes with the same numbers, a minute apart, and one whose reports are repeated.
    let ids = (1...400).map { TextHash.fold(UInt64($0), 0x9fb2_1c65_1e98_df25) }
    note(ids.map { span("first", number: $0) }, in: senders)
    let repeated = ids.map { span("repeated", number: $0 &+ 1) }
    note(repeated, in: senders)
    time.pass(61_000)
    note(ids.map { span("second", number: $0) }, in: senders)
    note(repeated, in: senders)
    #expect(try #require(senders.report(ofNode: "first")).reusedIDs == 0)
    #expect(try #require(senders.report(ofNode: "repeated")).reusedIDs == 0)
    let second = try #require(senders.report(ofNode: "second"))
    #expect((10...40).contains(second.reusedIDs))
    #expect(second.advice.contains { $0.contains("have the id of another span") })
  }
}
