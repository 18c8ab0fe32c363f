import HTTPTypes
import PrometheusMetrics
import Testing
import TraceAnalysis
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What HTTP says of broken traces, and the pieces that a trace gets back.
@Suite struct PropagationAPITests {
  /// A request to checkout, called by storefront, at a moment.
  private func request(_ trace: UInt64, at start: Int64, for length: Int64 = 40, number: UInt64 = 0) -> [Span] {
    let tags = { (node: String) in
      [Span.Tag("node_id", node)] + (number == 0 ? [] : [Span.Tag("guid:x-request-id", "\(number)")])
    }
    return [
      span(
        trace: trace, trace, .server, service: "storefront", at: start - 5, for: 60_000, tags: tags("s"), shared: true),
      span(
        trace: trace, trace + 1, parent: trace, .client, service: "storefront", at: start - 1, for: 50_000,
        tags: tags("s") + [.init("upstream_cluster", "checkout")]),
      span(
        trace: trace, trace + 1, parent: trace, .server, service: "checkout", at: start, for: length * 1_000,
        tags: tags("c"), shared: true),
    ]
  }

  /// A call from checkout to payments that began a trace.
  private func call(_ trace: UInt64, at start: Int64, number: UInt64 = 0) -> [Span] {
    let id: [Span.Tag] = number == 0 ? [] : [.init("guid:x-request-id", "\(number)")]
    return [
      span(
        trace: trace, trace, .client, service: "checkout", at: start, for: 20_000,
        tags: [.init("node_id", "c"), .init("upstream_cluster", "payments")] + id),
      span(
        trace: trace, trace, .server, service: "payments", at: start + 1, for: 15_000, tags: [.init("node_id", "p")],
        shared: true),
    ]
  }

  private func tree(_ trace: UInt64, _ collector: TestCollector) async throws -> Tree {
    try await collector.get("/api/trees/\(Hexadecimal.text(trace))").json()
  }

  /// Many requests, each with a call; gives the traces of both.
  private func broken(_ collector: TestCollector, count: Int = 60) async throws -> [(trace: UInt64, own: UInt64)] {
    var pairs: [(trace: UInt64, own: UInt64)] = []
    for index in 0..<count {
      let start = Int64(index) * 300 + Int64(index * 37 % 80)
      let pair = (trace: UInt64(0x1000 + index * 16), own: UInt64(0x900_000 + index * 16))
      _ = try await collector.store.add(request(pair.trace, at: start) + call(pair.own, at: start + 4))
      pairs.append(pair)
    }
    return pairs
  }

  @Test func report() async throws {
    let collector = try TestCollector()
    _ = try await broken(collector)
    let report = try await collector.get("/api/propagation").json(Report.self)
    #expect(report.services.map(\.service) == ["checkout", "payments", "storefront"])
    #expect(report.services.map(\.verdict) == ["breaks", "receives only", "forwards"])
    let checkout = try #require(report.services.first)
    #expect([checkout.inbound, checkout.continued, checkout.started] as [Int] == [60, 0, 60])
    #expect(checkout.rate == 0)
    #expect(checkout.callees.map(\.service) == ["payments"])
    #expect(checkout.callees.map(\.started) == [60])
    #expect(checkout.message.contains("checkout forwards the trace headers to payments in 0 of 60 calls"))
    #expect(
      checkout.callees.map(\.message) == ["checkout forwards the trace headers to payments in 0 of 60 calls."])
    let advice = try #require(checkout.advice)
    #expect(advice.hasPrefix("Copy these headers from each request to the requests made for it: x-request-id, b3, "))
    #expect(checkout.message == checkout.callees.map(\.message).joined() + " " + advice)
    #expect(report.services.dropFirst().allSatisfy { $0.advice == nil })
    #expect(report.services.map(\.kind) == ["headers-not-copied", nil, nil])
    let finding = try #require(checkout.findings.first)
    #expect([finding.kind, finding.title, finding.callee] == ["headers-not-copied", "headers not copied", "payments"])
    #expect([finding.calls, finding.judged] as [Int] == [60, 60])
    #expect(finding.since == nil && finding.nodes.isEmpty && finding.tag == nil && finding.isBreak)
    #expect(finding.advice == advice)
    #expect(finding.traces.sorted() == checkout.examples.map(\.traceID).sorted())
    #expect(checkout.examples.count == 3)
    #expect(report.services.last?.rate == 1)
  }

  /// Requests to checkout, each with a call that continues the trace below a span that nobody reports.
  private func replaced(_ count: Int, node: String = "c", from first: Int = 0) -> [Span] {
    (first..<first + count).flatMap { index -> [Span] in
      let (trace, start) = (UInt64(0x1000 + index * 16), Int64(index) * 300)
      var spans = request(trace, at: start)
      spans[2].tags[0].value = node
      let ids = [
        span(
          trace: trace, trace + 3, parent: trace + 9, .client, service: "checkout", at: start + 4, for: 20_000,
          tags: [.init("node_id", node), .init("upstream_cluster", "payments")]),
        span(
          trace: trace, trace + 3, parent: trace + 9, .server, service: "payments", at: start + 5, for: 15_000,
          tags: [.init("node_id", "p")], shared: true),
      ]
      return spans + ids
    }
  }

  @Test("A call whose parent was never reported has a kind of its own, and it and its probable request know each other")
  func replacedIDs() async throws {
    let collector = try TestCollector()
    _ = try await collector.store.add(replaced(60))
    let report = try await collector.get("/api/propagation").json(Report.self)
    let checkout = try #require(report.services.first)
    #expect([checkout.service, checkout.verdict, checkout.kind] == ["checkout", "breaks", "span-id-replaced"])
    #expect(checkout.message.contains("name a parent that no span reports"))
    #expect(checkout.advice?.hasPrefix("Send the spans of the application's tracer to this collector too") == true)
    #expect(report.services.dropFirst().allSatisfy { $0.findings.isEmpty })
    let trace = try #require(checkout.findings.first?.traces.first)
    let tree = try await collector.get("/api/trees/\(trace)").json(Tree.self)
    let detached = try #require(tree.detached?.first)
    #expect(tree.detached?.count == 1)
    #expect(tree.nodes[detached.node].span.id.hasSuffix("3"))
    #expect([tree.nodes[detached.under].depth, tree.nodes[detached.node].depth] == [2, 0])
    #expect(detached.reason.contains("the one request of the trace that the same proxy received before"))
  }

  @Test("Where proxies differ, the tag that tells them apart is in the answer")
  func tags() async throws {
    let collector = try TestCollector()
    var settings = CollectorAPI.Settings()
    settings.proxyTags = { nodes in
      Dictionary(
        uniqueKeysWithValues: nodes.map { ($0, ["version": $0 == "c2" ? "v2" : "v1", "kuma.io/service": "checkout"]) })
    }
    let api = CollectorAPI(store: collector.store, settings: settings)
    api.propagation.follow(collector.store)
    var fine = replaced(30, node: "c1")
    // Their calls are below their requests.
    for index in fine.indices where fine[index].parentID == fine[index].traceID.low + 9 {
      fine[index].parentID = fine[index].traceID.low + 1
    }
    _ = try await collector.store.add(fine + replaced(30, node: "c2", from: 30))
    let report = try await TestCollector.send(to: api, .get, "/api/propagation").json(Report.self)
    let finding = try #require(report.services.first?.findings.first)
    #expect([finding.nodes, finding.otherNodes] == [["c2"], ["c1"]])
    #expect([finding.tag?.key, finding.tag?.value] == ["version", "v2"])
  }

  @Test("Parameters as of the other queries")
  func parameters() async throws {
    let collector = try TestCollector()
    _ = try await broken(collector)
    let early = await collector.get("/api/propagation?endTs=\(TestCollector.now - 3_600_000)")
    #expect(early.text == #"{"lostShare":0.0000,"services":[]}"#)
    let huge = await collector.get("/api/propagation?endTs=\(Int64.max)&lookback=\(Int64.max)")
    #expect(try huge.json(Report.self).services.count == 3)
    let wrong = await collector.get("/api/propagation?lookback=x")
    #expect(wrong.status == 400)
    #expect(wrong.text == "the parameter lookback must be a whole number of milliseconds, at least 1, not 'x'\n")
  }

  @Test("A broken trace and its piece lead to each other, and the more is known the surer")
  func pieces() async throws {
    let collector = try TestCollector()
    let first = try #require(try await broken(collector, count: 1).first)
    let unsure = try await tree(first.trace, collector)
    #expect(unsure.nodes.count == 3)
    #expect(unsure.probableParent == nil)
    let piece = try #require(unsure.pieces?.first)
    #expect(unsure.pieces?.count == 1)
    #expect([piece.traceID, piece.service] == [Hexadecimal.text(first.own), "checkout"])
    #expect(piece.under == 2)
    #expect(piece.nodes.map(\.depth) == [0, 1])
    #expect(piece.confidence == 0.5)
    #expect(
      piece.reason == "too few calls are known to exclude chance; this was the one request in flight in the same proxy")
    let parent = try #require(try await tree(first.own, collector).probableParent)
    #expect([parent.traceID, parent.spanID] == [Hexadecimal.text(first.trace), Hexadecimal.text(first.trace + 1)])
    #expect(parent.confidence == 0.5)

    _ = try await broken(collector)
    let sure = try #require(try await tree(first.own, collector).probableParent)
    #expect((0.8...0.95).contains(sure.confidence))
    #expect(sure.reason.hasPrefix("checkout makes calls to payments for requests without their trace headers"))
  }

  @Test("Of a busy service both answers are as sure, and only requests that may have been in flight count")
  func busyService() async throws {
    let collector = try TestCollector()
    var spans: [Span] = []
    for index in 0..<350 {
      let start = Int64(index) * 75 + Int64(index * 37 % 40)
      spans += request(UInt64(0x1000 + index * 16), at: start, for: 30)
      spans += call(UInt64(0x900_000 + index * 16), at: start + 4)
    }
    _ = try await collector.store.add(spans)
    let report = try await collector.get("/api/propagation").json(Report.self)
    let example = try #require(report.services.first { $0.service == "checkout" }?.examples.last)
    let path = "/api/trees/\(example.brokenTraceID)"
    let alone = try #require(try await collector.get(path).json(Tree.self).probableParent)
    #expect(alone.traceID == example.traceID)
    #expect(abs(alone.confidence - example.confidence) < 0.001)
    #expect(alone.reason.hasSuffix("this was the one request in flight in the same proxy"))

    // It began before all the traces that are looked at first.
    _ = try await collector.store.add(request(0xA0_0000, at: 1_000, for: 27_000))
    let beside = try #require(try await collector.get(path).json(Tree.self).probableParent)
    #expect(beside.reason.hasSuffix("this was one of 2 requests in flight in the same proxy"))

    // More of them than are looked at. They begin before the first call, so that they make no call look like chance.
    _ = try await collector.store.add(
      (0..<400).flatMap { request(UInt64(0xB0_0000 + $0 * 16), at: Int64($0) - 3_000, for: 31_000) })
    let before = collector.store.metrics.queries.value
    let crowd = try #require(try await collector.get(path).json(Tree.self).probableParent)
    #expect(crowd.reason.hasSuffix("not all requests of that time could be examined"))
    #expect(crowd.confidence < beside.confidence / 100)
    // The trace, the newest, and a few steps further back.
    #expect(collector.store.metrics.queries.value - before <= 6)
  }

  @Test("Many calls beside many long requests cost a few searches, and an answer has a bound and says so")
  func manyCalls() async throws {
    let collector = try TestCollector()
    var spans: [Span] = []
    for index in 0..<200 {
      spans += request(UInt64(0x1000 + index * 16), at: Int64(index), for: 20_000)
      spans += call(UInt64(0x900_000 + index * 16), at: Int64(index) + 300)
    }
    _ = try await collector.store.add(spans)
    let last = TraceID(low: UInt64(0x1000 + 199 * 16))
    let whole = SpanTree(try #require(try await collector.store.trace(last)))
    // One that knows nothing of the service.
    let monitor = PropagationMonitor(clock: collector.store.clock)
    let source = StoredTraces(store: collector.store)
    let before = collector.store.metrics.queries.value
    let answer = try await BrokenTraces(source, monitor).pieces(of: whole)
    #expect(answer.pieces.count == 20 && answer.isComplete, "the last request is the likeliest one of each call")
    let searches = collector.store.metrics.queries.value - before
    #expect(searches <= 12, "\(searches) searches")
    for bound in [\BrokenTraces.Bounds.spans, \.comparisons] {
      var bounds = BrokenTraces.Bounds()
      bounds[keyPath: bound] = 100
      let answer = try await BrokenTraces(source, monitor, bounds: bounds).pieces(of: whole)
      #expect(!answer.isComplete && answer.pieces.count < 20)
    }
  }

  @Test("With two requests in flight each piece goes to one of them, half as sure")
  func twoCandidates() async throws {
    let collector = try TestCollector()
    _ = try await collector.store.add(
      request(0x1000, at: 0) + request(0x2000, at: 3) + call(0x3000, at: 6) + call(0x4000, at: 8))
    let trees = [try await tree(0x1000, collector), try await tree(0x2000, collector)]
    let pieces = trees.flatMap { $0.pieces ?? [] }
    #expect(Set(pieces.map(\.traceID)).count == pieces.count)
    #expect(pieces.count == 2)
    #expect(pieces.allSatisfy { $0.confidence == 0.25 && $0.reason.contains("one of 2 requests in flight") })
  }

  @Test("The id of the request decides between many")
  func requestID() async throws {
    let collector = try TestCollector()
    _ = try await collector.store.add(
      request(0x1000, at: 0, number: 7) + request(0x2000, at: 3, number: 8) + call(0x3000, at: 6, number: 7))
    #expect(try await tree(0x2000, collector).pieces == nil)
    let piece = try #require(try await tree(0x1000, collector).pieces?.first)
    #expect(piece.confidence == 0.99)
    #expect(piece.reason == "the call carries the x-request-id of this request, but another trace")
  }

  @Test("A call is nobody's with no request in flight in the same proxy, or one that has made it")
  func nobodys() async throws {
    let collector = try TestCollector()
    var other = call(0x4000, at: 6)
    other[0].tags[0].value = "another proxy"
    _ = try await collector.store.add(request(0x1000, at: 0) + call(0x3000, at: 100) + other)
    #expect(try await tree(0x1000, collector).pieces == nil)
    for trace: UInt64 in [0x3000, 0x4000] { #expect(try await tree(trace, collector).probableParent == nil) }
  }

  @Test("Background work that coincides with requests does not become part of them")
  func background() async throws {
    let collector = try TestCollector()
    for index in 0..<400 {
      _ = try await collector.store.add(call(UInt64(0x900_000 + index * 16), at: Int64(index) * 97))
    }
    for index in 0..<100 {
      _ = try await collector.store.add(request(UInt64(0x1000 + index * 16), at: Int64(index) * 391))
    }
    let report = try await collector.get("/api/propagation").json(Report.self)
    #expect(report.services.first { $0.service == "checkout" }?.verdict == "unknown")
    for index in 0..<100 { #expect(try await tree(UInt64(0x1000 + index * 16), collector).pieces == nil) }
  }

  @Test("After a restart what was stored lately is known")
  func restart() async throws {
    let collector = try TestCollector()
    _ = try await broken(collector)
    let store = try collector.reopened()
    defer { try? store.close() }
    let api = CollectorAPI(store: store)
    let before = try await TestCollector.send(to: api, .get, "/api/propagation").json(Report.self)
    #expect(before.services.isEmpty)
    await api.propagation.recall(from: store)
    let after = try await TestCollector.send(to: api, .get, "/api/propagation").json(Report.self)
    #expect(after.services.first?.verdict == "breaks")
    #expect(after.services.first?.inbound == 60)
  }
}
