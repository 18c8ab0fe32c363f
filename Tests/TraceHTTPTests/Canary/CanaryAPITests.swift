import Foundation
import HTTPService
import HTTPTypes
import PrometheusMetrics
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The canary at the collector's door and in its queries.
@Suite struct CanaryAPITests {
  /// A collector with a canary.
  private struct Subject {
    let test: TestCollector
    let canary: Canary
    let api: CollectorAPI

    init(_ change: (inout SegmentStore.Settings) -> Void = { _ in }) throws {
      test = try TestCollector(change)
      canary = Canary(interval: .seconds(60))
      var settings = CollectorAPI.Settings()
      settings.canary = canary
      api = CollectorAPI(store: test.store, settings: settings)
    }

    func get(_ path: String) async -> Reply { await TestCollector.send(to: api, .get, path) }

    func post(_ body: [UInt8]) async -> Reply {
      await TestCollector.send(to: api, .post, "/api/v2/spans", body, fields: [.contentType: "application/json"])
    }

    /// Sends a trace as the canary does.
    func sing(_ seed: UInt64) async -> CanaryTrace {
      var random = SeededGenerator(seed: seed)
      let trace = CanaryTrace(at: TestCollector.now, using: &random)
      canary.expect(trace)
      #expect(await post(trace.body).status == 202)
      return trace
    }
  }

  /// Every answer that lists, counts or finds spans without being asked for the canary.
  private static func everything(_ subject: Subject) async -> [String: String] {
    var answers: [String: String] = [:]
    let names = [CanaryTrace.service, "frontend"]
    for route in CollectorAPI.routes where route.operation.method == .get && route.operation.path.hasPrefix("/") {
      let path = route.operation.path
      // The canary is asked for by its path or its id, and the page has no data.
      guard route.isDescribed, path != "/api/canary", !path.contains("{") else { continue }
      for name in names {
        let target = "\(path)?serviceName=\(name)&endTs=\(TestCollector.now + 60_000)&lookback=7200000&key=canary"
        answers[target] = await subject.get(target).text
        answers["\(target)&limit=1000"] = await subject.get("\(target)&limit=1000").text
      }
      answers[path] = await subject.get(path).text
    }
    for order in TraceOrder.allCases {
      let target = "/api/summaries?order=\(order.rawValue)&endTs=\(TestCollector.now + 60_000)&lookback=7200000"
      answers[target] = await subject.get(target).text
    }
    return answers
  }

  @Test("No list, graph, search, export, report, count or metric changes by the canary", arguments: [false, true])
  func invisible(isCompacted: Bool) async throws {
    let subject = try Subject { $0.autocompleteKeys = ["canary"] }
    try await subject.test.add(
      span(trace: 0xA, 1, .client, service: "frontend", remote: "backend", tags: [.init("canary", "false")]),
      span(trace: 0xA, 2, parent: 1, .server, service: "backend"))
    if isCompacted { try subject.test.store.compactOnce() }
    // Queries are counted too: the second walk must not differ by them.
    _ = await Self.everything(subject)
    let queries = subject.test.store.metrics.queries.value
    let before = await Self.everything(subject)
    #expect(before.count > 60)
    #expect(before["/api/v2/services"] == #"["backend","frontend"]"#)
    var sent: [CanaryTrace] = []
    for seed in 1...3 { sent.append(await subject.sing(UInt64(seed))) }
    if isCompacted { try subject.test.store.compactOnce() }
    #expect(subject.test.store.metrics.queries.value == 2 * queries)
    let after = await Self.everything(subject)
    for (target, answer) in after { #expect(answer == before[target], "\(target)") }
    #expect(after.values.allSatisfy { !$0.contains(sent[0].id) })
    // Those who ask find them.
    for trace in sent {
      #expect(trace.isFound(in: await subject.get(CollectorAPI.canaryQuery(at: TestCollector.now)).body))
      #expect(await subject.get("/api/v2/trace/\(trace.id)").text == String(decoding: trace.body, as: UTF8.self))
      #expect(await subject.get("/api/trees/\(trace.id)").status == 200)
    }
    let summaries = await subject.get("/api/summaries?canary=true&endTs=\(TestCollector.now + 1)").text
    #expect(summaries.contains(sent[2].id) && summaries.contains("frontend"))
  }

  @Test("Only the expected body counts as the canary's, and only once")
  func forgery() async throws {
    let subject = try Subject()
    let trace = await subject.sing(1)
    #expect(subject.test.store.spanCount == 0)
    #expect(await subject.get("/api/v2/services").text == "[]")
    // Sent again it is a trace as any other: two spans that everybody sees.
    #expect(await subject.post(trace.body).status == 202)
    #expect(subject.test.store.spanCount == 2)
    #expect(await subject.get("/api/v2/services").text == "[\"\(CanaryTrace.service)\"]")
    // So is one with the canary's name and tags, while another one is expected.
    var random = SeededGenerator(seed: 2)
    subject.canary.expect(CanaryTrace(at: TestCollector.now, using: &random))
    let foreign = CanaryTrace(at: TestCollector.now, using: &random)
    #expect(await subject.post(foreign.body).status == 202)
    #expect(subject.test.store.spanCount == 4)
    let found = await subject.get("/api/v2/traces?endTs=\(TestCollector.now + 1)").text
    #expect(found.contains(foreign.id) && found.contains(trace.id))
  }

  @Test("A trace to which the collector comes after later ones is the canary's, as long as it may come")
  func late() async throws {
    let subject = try Subject()
    var random = SeededGenerator(seed: 4)
    let traces = (0...Canary.expectedAtMost).map { _ in CanaryTrace(at: TestCollector.now, using: &random) }
    for trace in traces { subject.canary.expect(trace) }
    for trace in traces.dropFirst().reversed() { #expect(await subject.post(trace.body).status == 202) }
    #expect(subject.test.store.spanCount == 0)
    #expect(await subject.get("/api/v2/services").text == "[]")
    #expect(await subject.get("/api/v2/trace/\(traces[1].id)").status == 200)
    // The memory of them is bounded, and empty now.
    #expect(await subject.post(traces[0].body).status == 202)
    #expect(subject.test.store.spanCount == 2)
  }

  @Test("Nobody's live list or analysis is woken")
  func quiet() async throws {
    let subject = try Subject()
    let count = subject.api.changes.count
    _ = await subject.sing(1)
    #expect(subject.api.changes.count == count)
    #expect(await subject.post(Array(#"[{"traceId":"a","id":"1"}]"#.utf8)).status == 202)
    #expect(subject.api.changes.count == count + 1)
  }

  @Test("A store that cannot be written refuses the canary with its sentence")
  func refused() async throws {
    let subject = try Subject()
    try subject.test.store.close()
    var random = SeededGenerator(seed: 3)
    let trace = CanaryTrace(at: TestCollector.now, using: &random)
    subject.canary.expect(trace)
    let reply = await subject.post(trace.body)
    #expect(reply.status == 503)
    #expect(reply.text == "the trace store has been closed; send again when it is open\n")
    #expect(subject.api.metrics.requests.value == 0 && subject.api.metrics.spansDropped.value == 0)
  }

  @Test("GET /api/canary has every state")
  func states() async throws {
    let without = try TestCollector()
    #expect(await without.get("/api/canary").text == #"{"state":"off"}"#)
    let subject = try Subject()
    func state() async -> String { await subject.get("/api/canary").text }
    #expect(await state() == #"{"state":"waiting","interval":60.0,"found":0,"lost":0,"refused":0}"#)
    let trace = await subject.sing(1)
    _ = subject.canary.note(.found(after: .milliseconds(250)), of: trace, at: 1_790_812_800_123)
    #expect(
      await state() == #"{"state":"found","interval":60.0,"found":1,"lost":0,"refused":0,"traceId":"\#(trace.id)","#
        + #""delay":0.25,"lastSuccess":1790812800123}"#)
    _ = subject.canary.note(.lost("no query finds it"), of: trace, at: 1_790_812_860_123)
    #expect(
      await state() == #"{"state":"lost","reason":"no query finds it","interval":60.0,"found":1,"lost":1,"refused":0,"#
        + #""traceId":"\#(trace.id)","delay":0.25,"lastSuccess":1790812800123}"#)
    _ = subject.canary.note(.refused("503"), of: trace, at: 1_790_812_920_123)
    #expect(await state().hasPrefix(#"{"state":"refused","reason":"503","#))
  }

  @Test("The parameter canary is true or false")
  func parameter() async throws {
    let test = try TestCollector()
    #expect(await test.get("/api/v2/traces?canary=false").status == 200)
    let reply = await test.get("/api/v2/traces?canary=yes")
    #expect(reply.status == 400 && reply.text == "the parameter canary must be true or false\n")
  }

  @Test("A trace is found only if every span came back as it was sent")
  func comparison() async throws {
    var random = SeededGenerator(seed: 5)
    let trace = CanaryTrace(at: TestCollector.now, using: &random)
    let text = String(decoding: trace.body, as: UTF8.self)
    func isFound(in text: String) -> Bool { trace.isFound(in: Array(text.utf8)) }
    #expect(isFound(in: "[\(text)]") && isFound(in: "[[{\"id\":\"1\"}],\(text)]"))
    #expect(!isFound(in: "[]") && !isFound(in: "") && !isFound(in: "[[]]"))
    #expect(!isFound(in: "[\(text.replacing("\"canary\":\"true\"", with: "\"canary\":\"REDACTED\""))]"))
    #expect(!isFound(in: "[\(text.replacing("\"duration\":500", with: "\"duration\":501"))]"))
    let other = CanaryTrace(at: TestCollector.now, using: &random)
    #expect(other.id != trace.id && !isFound(in: "[\(String(decoding: other.body, as: UTF8.self))]"))
    let parsed = try JSONDecoder().decode([Reply.SpanID].self, from: Data(trace.body))
    #expect(parsed.count == 2 && Set(parsed.map(\.id)).count == 2 && parsed.allSatisfy { $0.traceId == trace.id })
  }
}
