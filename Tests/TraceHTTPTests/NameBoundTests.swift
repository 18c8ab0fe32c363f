import HTTPTypes
import PrometheusMetrics
import Synchronization
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The names that are listed are bounded, and the bounds forget.
@Suite struct NameBoundTests {
  private static func json(_ services: [String]) -> String {
    let spans = services.enumerated().map { index, service in
      #"{"traceId":"\#(index + 1)","id":"1","name":"op","timestamp":\#(TestCollector.now)000,"#
        + #""localEndpoint":{"serviceName":"\#(service)"}}"#
    }
    return "[\(spans.joined(separator: ","))]"
  }

  @Test("A flood of services refuses nobody, is counted, and leaves listed what is used every minute")
  func services() async throws {
    let hand = Hand()
    let collector = try TestCollector {
      $0.clock = hand.clock
      $0.limits.services = 20
    }
    for _ in 0..<2 {
      #expect(await collector.post(Self.json(["shop", "stock"])).text.isEmpty)
      hand.advance(60_000)
    }
    let flood = await collector.post(Self.json((0..<100).map { "junk-\($0)" }))
    #expect(flood.status == 202)
    #expect(flood.text.hasPrefix(#"{"stored":100,"rejected":[],"notice":"there are too many names of services"#))
    // One more after it, as of a service that has just been deployed.
    #expect(await collector.post(Self.json(["new"])).status == 202)
    let services = collector.store.serviceNames()
    #expect(services.count <= 20)
    #expect(Set(services).isSuperset(of: ["shop", "stock", "new", "junk-99"]))
    #expect(!services.contains("junk-0"))

    let list = await collector.get("/api/v2/services")
    let forgotten = try #require(list.field("Names-Forgotten").flatMap { Int($0) })
    #expect(forgotten == 103 - services.count)
    // Each has taken its operation along.
    #expect(collector.api.metrics.namesEvicted.value == forgotten * 2)
    // All of them are found, and one that comes again is listed again.
    #expect(try await collector.get("/api/v2/traces?serviceName=junk-0").traces().count == 1)
    #expect(await collector.post(Self.json(["junk-0"])).status == 202)
    #expect(collector.store.serviceNames().contains("junk-0"))
    #expect(collector.store.spanNames(service: "junk-0") == ["op"])

    let store = try collector.reopened()
    #expect(store.serviceNames().count <= 20)
    #expect(Set(store.serviceNames()).isSuperset(of: ["new", "junk-0"]))
    try store.close()
  }

  @Test("Operations that callers make up do not hide the real ones")
  func operations() async throws {
    let hand = Hand()
    let collector = try TestCollector {
      $0.clock = hand.clock
      $0.limits.namesPerService = 30
    }
    let real = ["get /", "put /"]
    func post(_ names: [String]) async -> Reply {
      let spans = names.map {
        #"{"traceId":"1","id":"1","name":"\#($0)","timestamp":\#(TestCollector.now)000,"#
          + #""localEndpoint":{"serviceName":"a"}}"#
      }
      return await collector.post("[\(spans.joined(separator: ","))]")
    }
    for round in 0..<3 {
      #expect(await post(real).status == 202)
      #expect(await post((0..<80).map { "/admin/\(round)-\($0)" }).status == 202)
      hand.advance(60_000)
      #expect(await post(real + ["late \(round)"]).status == 202)
      let listed = collector.store.spanNames(service: "a")
      #expect(listed.count <= 30)
      #expect(Set(listed).isSuperset(of: real + ["late \(round)"]))
    }
    #expect(await collector.get("/api/v2/spans?serviceName=a").field("Names-Forgotten") != nil)
    #expect(await collector.get("/api/v2/services").field("Names-Forgotten") == nil)
    #expect(try await collector.get("/api/v2/traces?spanName=/admin/0-0").traces().count == 1)
  }

  @Test("All names together are bounded, and a long one is stored and found, but not listed")
  func together() async throws {
    let collector = try TestCollector {
      $0.limits.names = 40
      $0.limits.nameBytes = 10
    }
    for service in 0..<10 {
      try await collector.store.add(
        (0..<10).map { span(trace: UInt64($0 + 1), 1, service: "s\(service)", name: "op \($0)", remote: "r\($0)") })
    }
    let listed = (0..<10).map { number in
      collector.store.spanNames(service: "s\(number)").count
        + collector.store.remoteServiceNames(service: "s\(number)").count
    }
    #expect(listed.reduce(0, +) <= 40)
    #expect(listed[9] == 20)
    #expect(collector.store.serviceNames().count == 10)
    let long = String(repeating: "x", count: 5_000)
    try await collector.add(span(trace: 99, 1, service: "s9", name: long))
    #expect(!collector.store.spanNames(service: "s9").contains(long))
    #expect(try await collector.get("/api/v2/traces?spanName=\(long)").traces() == [["0000000000000001"]])
  }

  @Test("OpenTelemetry's exporters are told as a warning")
  func openTelemetry() async throws {
    let collector = try TestCollector { $0.limits.services = 1 }
    func post(_ service: String) async -> Reply {
      let body = #"""
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"\#(service)"}}]},
        "scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"op",
        "startTimeUnixNano":"1790812800000000000","endTimeUnixNano":"1790812800000000001"}]}]}]}
        """#
      return await collector.send(.post, "/v1/traces", Array(body.utf8), fields: [.contentType: "application/json"])
    }
    #expect(await post("a").text == "{}")
    let reply = await post("b")
    #expect(reply.status == 200)
    #expect(reply.text.hasPrefix(#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"there are too many names"#))
    #expect(collector.store.serviceNames() == ["b"])
  }
}

/// A clock that a test moves: the time of day, and the time that has passed.
final class Hand: Sendable {
  private let milliseconds = Atomic(TestCollector.now)
  private let passed = Atomic<Int64>(0)

  var clock: WallClock { WallClock { self.milliseconds.load(ordering: .relaxed) } }
  var steadyClock: WallClock { WallClock { self.passed.load(ordering: .relaxed) } }

  /// Lets time pass.
  func advance(_ amount: Int64) {
    passed.add(amount, ordering: .relaxed)
    leap(amount)
  }

  /// Sets the clock, while no time passes.
  func leap(_ amount: Int64) { milliseconds.add(amount, ordering: .relaxed) }
}
