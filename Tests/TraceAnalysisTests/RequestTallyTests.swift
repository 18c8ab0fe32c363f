import TestSupport
import Testing
import TraceAnalysis
import TraceModel

/// Metrics of requests: each counts once, whoever reports it, and names that never end have a bound.
@Suite("Metrics of requests") struct RequestTallyTests {
  /// A tally with the names of the spans that it is given.
  private struct Rig {
    var tally: RequestTally
    var names: [UInt64: String] = [:]
    var now: Int64 = 1_000_000

    init(limit: Int = 100) { tally = RequestTally(limit: limit, recentSpans: 1 << 12) }

    mutating func add(_ spans: [SpanEntry]) {
      tally.add(spans, name: { [names] in names[$0] }, now: now)
    }

    mutating func span(
      _ service: String, _ kind: Span.Kind?, id: UInt64, parent: UInt64? = nil, trace: UInt64 = 7,
      operation: String = "get", peer: String = "", duration: Int64 = 3_000, isError: Bool = false,
      isShared: Bool = false
    ) -> SpanEntry {
      for name in [service, operation, peer] { names[TextHash.hash(name)] = name }
      return SpanEntry(
        traceID: TraceID(high: 0, low: trace), id: id, parentID: parent, kind: kind, isShared: isShared,
        isError: isError, timestamp: 5_000_000, duration: duration, time: 5_000, service: TextHash.hash(service),
        operation: TextHash.hash(operation), remoteService: TextHash.empty, peer: TextHash.hash(peer),
        place: HostKey(), isProxied: false, hasDoubtfulIDs: false,
        schema: 0, recordEnd: 0, termEnd: 0)
    }

    /// Counts by names and status: `web/get ok`, `web>api error`.
    var counts: [String: Int] {
      tally.series.reduce(into: [:]) { counts, series in
        let name = "\(series.names.0)\(series.subject.isCall ? ">" : "/")\(series.names.1)"
        counts["\(name) \(series.isError ? "error" : "ok")", default: 0] += series.counts.reduce(0, +)
      }
    }
  }

  @Test("a request counts once, whichever of proxy and application reports first") func once() {
    for isReversed in [false, true] {
      var rig = Rig()
      let spans = [
        rig.span("web", .server, id: 1, parent: 9), rig.span("web", .server, id: 2, parent: 1),
        rig.span("web", .client, id: 3, parent: 2), rig.span("web", .client, id: 4, parent: 3, peer: "api"),
        // The proxy of the called side shares the id, and its application has one of its own.
        rig.span("api", .server, id: 4, parent: 3, isShared: true), rig.span("api", .server, id: 5, parent: 4),
      ]
      for span in isReversed ? spans.reversed() : spans { rig.add([span]) }
      #expect(rig.counts == ["web/get ok": 1, "api/get ok": 1, "web>api ok": 1])
      // Envoy sends a report again.
      rig.add(spans)
      #expect(rig.counts == ["web/get ok": 1, "api/get ok": 1, "web>api ok": 1])
    }
  }

  @Test("a service that calls itself, and one that is called twice in a trace, has each request counted") func several()
  {
    var rig = Rig()
    rig.add([
      rig.span("web", .server, id: 1), rig.span("web", .client, id: 2, parent: 1, peer: "web"),
      rig.span("web", .server, id: 2, parent: 1, isShared: true),
      rig.span("web", .client, id: 3, parent: 2, peer: "api"), rig.span("web", .client, id: 4, parent: 2, peer: "api"),
      rig.span("api", .server, id: 3, parent: 2, isShared: true),
      rig.span("api", .server, id: 4, parent: 2, isShared: true),
      // The same ids in another trace.
      rig.span("api", .server, id: 4, parent: 2, trace: 8, isShared: true),
    ])
    #expect(rig.counts == ["web/get ok": 2, "web>web ok": 1, "web>api ok": 2, "api/get ok": 3])
  }

  @Test("durations are in classes, failures apart, and each class has its last trace") func classes() throws {
    var rig = Rig()
    rig.add([
      rig.span("web", .server, id: 1, trace: 1, duration: 1_000),
      rig.span("web", .server, id: 1, trace: 2, duration: 0),
      rig.span("web", .server, id: 1, trace: 3, duration: 1_001),
      rig.span("web", .server, id: 1, trace: 4, duration: .max),
      rig.span("web", .server, id: 1, trace: 5, duration: .min),
      rig.span("web", .server, id: 1, trace: 6, duration: 40_000, isError: true),
      rig.span("queue", .consumer, id: 1, trace: 6), rig.span("web", nil, id: 9, trace: 6),
      rig.span("", .server, id: 9, trace: 6), rig.span("web", .client, id: 9, trace: 6),
    ])
    let series = rig.tally.series
    #expect(series.count == 3)
    let well = try #require(series.first { !$0.isError && $0.names.0 == "web" })
    #expect(well.counts[0] == 3 && well.counts[1] == 1 && well.counts.last == 1)
    #expect(well.exemplars[0]?.trace.low == 5 && well.exemplars[1]?.trace.low == 3)
    let failed = try #require(series.first { $0.isError })
    #expect(failed.counts.reduce(0, +) == 1 && failed.sum == 40_000)
    #expect(
      series.contains {
        $0.subject == .request(service: TextHash.hash("queue"), operation: TextHash.hash("get"), isConsumer: true)
      })
  }

  /// The sum of a histogram never falls.
  @Test("durations that are none have a bound, and no trace shows them") func endlessDurations() throws {
    var rig = Rig()
    for trace in 1...4 { rig.add([rig.span("web", .server, id: 1, trace: UInt64(trace), duration: 5 << 60)]) }
    let series = try #require(rig.tally.series.first)
    #expect(series.sum == 4 * RequestTally.longestDuration && series.counts.last == 4)
    #expect(series.exemplars.allSatisfy { $0 == nil })
  }

  @Test("an exemplar does not end days after the present") func futureExemplar() throws {
    var rig = Rig()
    var span = rig.span("web", .server, id: 1)
    span.timestamp = rig.now * 1_000 + 2 * 86_400_000_000
    rig.add([span])
    let series = try #require(rig.tally.series.first)
    #expect(series.counts.reduce(0, +) == 1 && series.exemplars.allSatisfy { $0 == nil })
  }

  @Test("long names are abridged and stay apart, and none can be made like another") func longNames() throws {
    var rig = Rig()
    let long = String(repeating: "é", count: 500)
    let quotes = String(repeating: "\"", count: 60)
    rig.add([
      rig.span("web", .server, id: 1, trace: 1, operation: long + "1"),
      rig.span("web", .server, id: 1, trace: 2, operation: long + "2"),
      rig.span("web", .server, id: 1, trace: 3, operation: quotes),
      rig.span("web", .server, id: 1, trace: 4, operation: String(repeating: "a", count: 100)),
    ])
    var names = rig.tally.series.map(\.names.1)
    #expect(Set(names).count == 4)
    #expect(names[0] == String(repeating: "é", count: 40) + "…#" + Hexadecimal.text(TextHash.hash(long + "1")))
    #expect(names[2] == String(repeating: "\"", count: 40) + "…#" + Hexadecimal.text(TextHash.hash(quotes)))
    #expect(names[3] == String(repeating: "a", count: 100))
    rig.add([rig.span("web", .server, id: 1, trace: 5, operation: names[0])])
    names = rig.tally.series.map(\.names.1)
    #expect(names.count == 5 && Set(names).count == 5, "\(names)")
  }

  @Test("the series for what has no place have a bound of their own") func otherSeries() {
    var rig = Rig(limit: 20)
    for number in 0..<20 { rig.add([rig.span("service-\(number)", .server, id: 1, trace: UInt64(number))]) }
    var trace: UInt64 = 100
    for number in 0..<20 {
      for isConsumer in [false, true] {
        for isError in [false, true] {
          trace += 1
          rig.add([
            rig.span(
              "service-\(number)", isConsumer ? .consumer : .server, id: 1, trace: trace, operation: "put",
              isError: isError)
          ])
        }
      }
    }
    #expect(rig.tally.series.count <= 20 + 20 + 4, "\(rig.tally.series.count)")
    #expect(rig.counts.values.reduce(0, +) == 100, "nothing is lost")
  }

  @Test("a service with ids in its names counts as other, and leaves room for the rest") func bounds() {
    var rig = Rig(limit: 50)
    for number in 0..<1_000 {
      let trace = UInt64(number)
      rig.add([
        rig.span("loud", .server, id: 1, trace: trace, operation: "get /\(number)"),
        rig.span("loud", .client, id: 2, parent: 1, trace: trace, peer: "peer-\(number)"),
        rig.span("service-\(number)", .server, id: 3, trace: trace),
      ])
    }
    rig.add([rig.span("loud", .server, id: 1, trace: 5_000, operation: "get /0")])
    let requests = rig.tally.series.filter { !$0.subject.isCall }
    let calls = rig.tally.series.filter(\.subject.isCall)
    #expect(requests.count <= 50 + 4 * 50 + 4 && calls.count <= 50 + 2, "\(requests.count), \(calls.count)")
    #expect(requests.count { $0.names.0 == "loud" } == 6, "a tenth, and the rest together")
    #expect(rig.counts["loud/get /0 ok"] == 2)
    #expect(rig.counts["loud/other ok"] == 1_000 - 5)
    #expect(rig.counts.values.reduce(0, +) == 3_001, "nothing is lost")
    #expect(rig.counts["other>other ok"] == 1_000 - 50)
    let named = rig.counts.filter { $0.key.hasPrefix("service-") }.values.reduce(0, +)
    #expect(rig.tally.overflow == (1_000 - 5) + (1_000 - 50) + (1_000 - named))
    // After an hour without requests, their places are free.
    rig.now += 3_600_001
    rig.add([rig.span("late", .server, id: 1, trace: 9_000)])
    #expect(rig.counts == ["late/get ok": 1])
  }

  @Test("without series nothing is counted") func off() {
    var rig = Rig(limit: 0)
    rig.add([rig.span("web", .server, id: 1)])
    #expect(rig.tally.series.isEmpty && rig.tally.overflow == 0)
  }

  @Test("requests of random traces count once in any order, with the spans in any commits") func random() {
    for seed in 0..<20 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var rig = Rig()
      var spans: [SpanEntry] = []
      var expected: [String: Int] = [:]
      for trace in 1...40 as ClosedRange<UInt64> {
        var (id, caller): (UInt64, String?) = (trace << 8, nil)
        for hop in 0..<Int.random(in: 1...5, using: &random) {
          let service = "s\((Int(trace) + hop) % 6)"
          let isShared = Bool.random(using: &random)
          let parent = id
          if let caller {
            id += 1
            spans.append(rig.span(caller, .client, id: id, parent: parent, trace: trace, peer: service))
            expected["\(caller)>\(service) ok", default: 0] += 1
          }
          let above = id
          if !isShared || caller == nil { id += 1 }
          spans.append(
            rig.span(
              service, .server, id: id, parent: isShared ? parent : above, trace: trace,
              isShared: isShared && caller != nil))
          expected["\(service)/get ok", default: 0] += 1
          if Bool.random(using: &random) {
            spans.append(rig.span(service, .server, id: id + 1, parent: id, trace: trace))
            id += 1
          }
          caller = service
        }
      }
      spans.shuffle(using: &random)
      while !spans.isEmpty {
        let count = min(spans.count, Int.random(in: 1...20, using: &random))
        rig.add(Array(spans.prefix(count)))
        spans.removeFirst(count)
      }
      #expect(rig.counts == expected, "seed \(seed)")
    }
  }
}
