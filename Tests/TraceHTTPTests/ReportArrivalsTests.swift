import Synchronization
import Testing

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel

/// The memory of Envoys' reports.
@Suite struct ReportArrivalsTests {
  private final class Time: Sendable {
    let now = Mutex<Int64>(1_000)
    func pass(_ milliseconds: Int64) { now.withLock { $0 += milliseconds } }
    var clock: WallClock { WallClock { self.now.withLock { $0 } } }
  }

  @Test("The last report of a node at an authority is known, with its age and format") func last() {
    let time = Time()
    let arrivals = ReportArrivals(clock: time.clock)
    arrivals.note("default.web-1", at: "Zipkin.example:9411", in: .zipkinJSON)
    time.pass(300)
    arrivals.note("default.web-1", at: "zipkin.example:9411", in: .zipkinProtobuf)
    time.pass(40)
    arrivals.note("default.web-1", at: "other:9411", in: .otlpJSON)
    time.pass(2)
    let nodes = ["default.web-1", "default.web-2"]
    #expect(
      arrivals.arrivals(of: nodes, at: "zipkin.EXAMPLE:9411")
        == ["default.web-1": .init(age: 42, format: "zipkin-protobuf")])
    #expect(arrivals.arrivals(of: nodes, at: "other:9411") == ["default.web-1": .init(age: 2, format: "otlp-json")])
    #expect(arrivals.arrivals(of: nodes, at: "zipkin.example").isEmpty)
    #expect(arrivals.arrivals(of: [], at: "other:9411").isEmpty)
  }

  @Test("Invented nodes cannot make the memory grow, and an Envoy that reports stays known") func bound() {
    let time = Time()
    let arrivals = ReportArrivals(clock: time.clock, capacity: 100)
    for number in 0..<10_000 {
      arrivals.note("invented-\(number)", at: "a", in: .zipkinProtobuf)
      // The Envoy reports once while fewer nodes are invented than a generation holds.
      if number % 90 == 0 { arrivals.note("default.web-1", at: "a", in: .zipkinProtobuf) }
      time.pass(1)
    }
    #expect(arrivals.count <= 200)
    #expect(arrivals.arrivals(of: ["default.web-1", "invented-0"], at: "a").keys.sorted() == ["default.web-1"])
  }
}
