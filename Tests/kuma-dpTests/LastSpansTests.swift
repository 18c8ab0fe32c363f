import MeshModel
import Testing

@testable import kuma_dp

@Suite("The last spans of an Envoy that ends")
struct LastSpansTests {
  private typealias Statistics = SpanStatisticsTests

  /// Asks once, at a time in milliseconds.
  private static func areSent(_ spans: inout LastSpans, _ statistics: SpanStatistics, at time: Int) -> Bool {
    spans.areSent(statistics, at: .milliseconds(time))
  }

  /// Spans that could wait for a second, of requests that ended after some time.
  private static func spans(isShortened: Bool = true, requestsEnd: Duration) -> LastSpans {
    LastSpans(ReportTimingTests.timing("1000"), isShortened: isShortened, requestsEnd: requestsEnd)
  }

  @Test("are sent when two answers in a row say so: a report that is being written counts as sent already")
  func certain() {
    var spans = Self.spans(requestsEnd: .zero)
    #expect(!Self.areSent(&spans, Statistics.statistics(), at: 1))
    #expect(!Self.areSent(&spans, Statistics.statistics(inFlight: 1), at: 2))
    #expect(!Self.areSent(&spans, Statistics.statistics(), at: 3))
    #expect(Self.areSent(&spans, Statistics.statistics(), at: 4))
  }

  @Test("are sent for certain when the timers of before have fired, and soon after the last request")
  func shortened() {
    let sampled = Statistics.statistics(notTraceable: 90, sent: 7)
    #expect(Self.spans(requestsEnd: .milliseconds(10)).flushEnd(sampled) == .milliseconds(1_300))
    #expect(Self.spans(requestsEnd: .seconds(9)).flushEnd(sampled) == .milliseconds(9_305))
    var spans = Self.spans(requestsEnd: .zero)
    #expect(!Self.areSent(&spans, sampled, at: 1_299))
    #expect(!Self.areSent(&spans, sampled, at: 1_301))
    #expect(Self.areSent(&spans, sampled, at: 1_302))
  }

  @Test("wait for a whole interval where it could not be changed")
  func unchanged() {
    let sampled = Statistics.statistics(notTraceable: 90)
    #expect(Self.spans(isShortened: false, requestsEnd: .seconds(9)).flushEnd(sampled) == .milliseconds(10_300))
  }

  @Test("wait for two seconds in Datadog's tracer, whatever is changed")
  func datadog() {
    let text = "http.api.tracing.random_sampling: 2\ntracing.datadog.reports_sent: 1"
    let spans = Self.spans(requestsEnd: .seconds(1))
    #expect(spans.flushEnd(SpanStatistics(text)) == .milliseconds(3_300))
    #expect(spans.flushEnd(SpanStatistics("\(text)\ntracing.zipkin.spans_sent: 0")) == .milliseconds(3_300))
    #expect(spans.flushEnd(SpanStatistics("")) == .seconds(1))
  }

  @Test("may be those of one more request over each open connection, as long as such requests come")
  func connections() {
    var spans = Self.spans(requestsEnd: .zero)
    for (time, requests) in [(100, 7), (900, 8), (1_800, 8)] {
      let statistics = Statistics.statistics(requests: requests, connections: 2)
      #expect(!Self.areSent(&spans, statistics, at: time), "\(time)")
    }
    let idle = Statistics.statistics(requests: 8, connections: 1)
    #expect(!Self.areSent(&spans, idle, at: 1_900))
    #expect(Self.areSent(&spans, idle, at: 1_901))

    var closed = Self.spans(requestsEnd: .zero)
    #expect(!Self.areSent(&closed, Statistics.statistics(), at: 10))
    #expect(Self.areSent(&closed, Statistics.statistics(), at: 11))

    var endless = Self.spans(requestsEnd: .zero)
    for time in stride(from: 0, to: 3_000, by: 500) {
      #expect(!Self.areSent(&endless, Statistics.statistics(requests: time, connections: 9), at: time), "\(time)")
    }
    #expect(!Self.areSent(&endless, Statistics.statistics(requests: 3_000, connections: 9), at: 3_000))
    #expect(Self.areSent(&endless, Statistics.statistics(requests: 3_001, connections: 9), at: 3_001))
  }

  @Test("are given up when the collector has had Envoy's own time for an answer")
  func givenUp() {
    var spans = Self.spans(requestsEnd: .zero)
    #expect(!Self.areSent(&spans, Statistics.statistics(inFlight: 1), at: 6_299))
    #expect(Self.areSent(&spans, Statistics.statistics(inFlight: 1), at: 6_300))
  }
}

@Suite("How long spans and reports wait in Envoy")
struct ReportTimingTests {
  static func timing(_ value: String?, layers: DocumentValue = ["kuma", "tracing", "admin"]) -> ReportTiming {
    var entries: DocumentValue = [:]
    if let value {
      entries = ["tracing.zipkin.flush_interval_ms": ["final_value": .string(value), "layer_values": ["", "", ""]]]
    }
    return ReportTiming(["layers": layers, "entries": entries])
  }

  @Test("is what the runtime says, or Envoy's own choice")
  func value() {
    #expect(Self.timing("1000").interval == .seconds(1))
    #expect(Self.timing(nil).interval == .seconds(5))
    #expect(ReportTiming(nil).interval == .seconds(5))
    for nonsense in ["", "a", "-1", "1e9", "99999999999999999999"] {
      #expect(Self.timing(nonsense).interval == .seconds(5), "\(nonsense)")
    }
  }

  @Test("is as long for an answer as the runtime says, or as Envoy's own choice")
  func answers() {
    #expect(Self.timing("1000").answerTime == .seconds(5))
    let runtime: DocumentValue = ["entries": ["tracing.zipkin.request_timeout": ["final_value": "10000"]]]
    #expect(ReportTiming(runtime).answerTime == .seconds(10))
  }

  @Test("may be Envoy's own still while tracers change")
  func change() { #expect(Self.timing("5").interval == .seconds(5)) }

  @Test("can be changed where there is a layer for it")
  func layers() {
    #expect(Self.timing(nil).canBeChanged)
    #expect(!Self.timing("1000", layers: ["kuma"]).canBeChanged)
    #expect(!ReportTiming(nil).canBeChanged)
    #expect(!ReportTiming("admin").canBeChanged)
  }
}
