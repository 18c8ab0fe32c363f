import HTTPService
import HTTPTypes
import LoopbackTestSupport
import MeshClient
import MeshModel
import Synchronization
import Testing
import TraceTestSupport

@testable import KumactlCommands
@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// `kumactl traces import`: from this collector's own Zipkin API, and from answers of a Jaeger, into a real collector.
@Suite("Imports of traces") struct TraceImportTests {
  /// The minute in which the samples begin.
  private static let start = SampleSpans.now - 60_000

  private static func serving(_ api: CollectorAPI) -> LoopbackServer.Responder {
    { request, body in await api.respond(to: request, body: body).message(to: request) }
  }

  /// Runs an import between two servers.
  ///
  /// - Parameter onProgress: called after each period.
  private func run(
    from source: @escaping LoopbackServer.Responder, into target: CollectorAPI, start: Int64 = start,
    end: Int64 = SampleSpans.now, resuming earlier: DocumentValue? = nil,
    onProgress: @escaping @Sendable (ImportState) throws -> Void = { _ in }
  ) async throws -> ImportState {
    try await LoopbackServer.run(source) { from in
      try await LoopbackServer.run(Self.serving(target)) { to in
        let client = ControlPlaneClient(address: try ControlPlaneAddress(from))
        let found = try await TraceSource.find(client, form: nil)
        let state =
          try earlier.map { try ImportState($0) } ?? ImportState(from: from, to: to, start: start, end: end)
        let collector = ControlPlaneClient(address: try ControlPlaneAddress(to))
        var run = TraceImport(
          found, to: TraceTarget(collector, form: found.form, counts: state.counts), state: state,
          onProgress: onProgress)
        try await run.run()
        return run.state
      }
    }
  }

  @Test("ask for shorter periods where there is more than an answer holds, and miss nothing")
  func splits() async throws {
    let (source, target) = (try TestCollector(), try TestCollector())
    // Most within a second, a few elsewhere; some with a part of a millisecond.
    let spans = (0..<2_400).map { number in
      var span = span(
        trace: UInt64(number + 1), UInt64(number + 1), at: number < 2_300 ? 30_000 + Int64(number) / 3 : Int64(number))
      span.timestamp += Int64(number % 3) * 333
      return span
    }
    try await source.store.add(spans)
    let asked = Mutex(0)
    let serve = Self.serving(source.api)
    let state = try await run(
      from: { request, body in
        if request.path?.hasPrefix("/api/v2/traces") == true { asked.withLock { $0 += 1 } }
        return await serve(request, body)
      }, into: target.api)
    #expect(state.counts == TraceTarget.Counts(traces: 2_400, stored: 2_400))
    #expect(state.gapCount == 0 && state.periods.next == nil)
    #expect(target.store.spanCount == 2_400)
    #expect(try await target.store.trace(TraceID(low: 2_222))?.first?.timestamp == spans[2_221].timestamp)
    // A period of a minute is split until a thousand fit.
    #expect(asked.withLock { $0 } < 30)
  }

  @Test("say which periods a source could not be read in whole")
  func gaps() async throws {
    let (source, target) = (try TestCollector(), try TestCollector())
    try await source.store.add((0..<1_100).map { span(trace: UInt64($0 + 1), UInt64($0 + 1), at: 7_000) })
    let state = try await run(from: Self.serving(source.api), into: target.api)
    #expect((1_000..<1_100).contains(state.counts.traces))
    #expect(state.gapCount > 0 && state.gaps.allSatisfy { $0.reason == "more than 1000 traces" })
    #expect(state.gaps.contains { ($0.period.start...$0.period.end).contains(Self.start + 7_000) })
  }

  @Test("ask a Jaeger for each service, and send a trace of two services once")
  func jaeger() async throws {
    let target = try TestCollector()
    let sample: Int64 = 1_790_812_740_000
    let asked = Mutex<[String]>([])
    let state = try await run(
      from: { request, _ in
        let path = request.path ?? ""
        let text: String
        if path == "/api/services" {
          text = #"{"data":["Shop","a b&c"],"total":2,"limit":0,"offset":0,"errors":null}"#
        } else if path.hasPrefix("/api/traces?") {
          asked.withLock { $0.append(path) }
          text = JaegerSample.json
        } else {
          // Jaeger's page is the answer to any other path.
          text = "<!doctype html><html></html>"
        }
        return (HTTPResponse(status: .ok), Array(text.utf8))
      }, into: target.api, start: sample, end: sample + 1_000)
    #expect(state.counts == TraceTarget.Counts(traces: 1, stored: 2))
    #expect(
      asked.withLock { $0 }
        == ["Shop", "a%20b%26c"].map {
          "/api/traces?service=\($0)&start=1790812740000000&end=1790812741000000&limit=1000&lookback=custom"
        })
    let direct = try ParsedSpans.spans(ofFile: JaegerSample.json)
    #expect(try await target.store.trace(direct[0].traceID)?.count == 2)
  }

  @Test("go on where they were interrupted, and ask for no period again")
  func resumes() async throws {
    let (source, target) = (try TestCollector(), try TestCollector())
    let hour: Int64 = 3_600_000
    var spans: [Span] = []
    for number in 0..<10 {
      let id = UInt64(number + 1)
      spans.append(span(trace: id, id, at: -Int64(number) * hour - 600_000))
    }
    try await source.store.add(spans)
    let states = Mutex<[DocumentValue]>([])
    struct Interrupted: Error {}
    await #expect(throws: Interrupted.self) {
      try await run(from: Self.serving(source.api), into: target.api, start: Self.start - 10 * hour) { state in
        let count = states.withLock { states in
          states.append(state.document)
          return states.count
        }
        if count == 2 { throw Interrupted() }
      }
    }
    let kept = try #require(states.withLock { $0.last })
    let before = try ImportState(kept)
    #expect(before.counts.traces > 0 && before.counts.traces < 10)
    let position = before.periods.position
    let asked = Mutex<[String]>([])
    let serve = Self.serving(source.api)
    let state = try await run(
      from: { request, body in
        asked.withLock { $0.append(request.path ?? "") }
        return await serve(request, body)
      }, into: target.api, resuming: kept)
    #expect(state.counts.traces == 10 && target.store.spanCount == 10)
    let first = try #require(
      asked.withLock { $0 }.first { $0.contains("endTs=") }?.firstMatch(of: /endTs=(\d+)&lookback=(\d+)/))
    #expect(Int64(first.1)! - Int64(first.2)! == position)
  }

  @Test("refuse what is neither a Zipkin nor a Jaeger") func refuses() async throws {
    let target = try TestCollector()
    await #expect {
      _ = try await run(from: { _, _ in (HTTPResponse(status: .ok), Array("<html>".utf8)) }, into: target.api)
    } throws: { error in
      (error as? CommandFailure)?.message.contains("is not a Zipkin or a Jaeger") == true
    }
  }

  @Test("refuse a Prometheus, whose answers have a data of their own") func otherData() async throws {
    let target = try TestCollector()
    await #expect {
      _ = try await run(
        from: { _, _ in (HTTPResponse(status: .ok), Array(#"{"status":"success","data":{}}"#.utf8)) }, into: target.api)
    } throws: { error in
      (error as? CommandFailure)?.message.contains("is not a Zipkin or a Jaeger") == true
    }
  }

  @Test("end when a source does not look at the period that it is asked for") func ignoresPeriods() async throws {
    let target = try TestCollector()
    let all =
      "[" + (1...1_000).map { #"[{"traceId":"\#(String($0, radix: 16))","id":"1"}]"# }.joined(separator: ",") + "]"
    let asked = Mutex(0)
    await #expect {
      _ = try await run(
        from: { request, _ in
          if request.path == "/api/v2/services" { return (HTTPResponse(status: .ok), Array("[]".utf8)) }
          asked.withLock { $0 += 1 }
          return (HTTPResponse(status: .ok), Array(all.utf8))
        }, into: target.api)
    } throws: { error in
      (error as? CommandFailure)?.message.contains("with the same traces whatever period") == true
    }
    #expect(asked.withLock { $0 } == 42)
  }

  @Test(
    "refuse a collector's answer whose counts cannot be",
    arguments: ["-9223372036854775808", "-1", "2", "9223372036854775807", "1e300", #""1""#])
  func impossibleCounts(stored: String) async throws {
    try await LoopbackServer.run { _, _ in
      (HTTPResponse(status: .accepted), Array(#"{"stored":\#(stored)}"#.utf8))
    } _: { to in
      var target = TraceTarget(ControlPlaneClient(address: try ControlPlaneAddress(to)), form: .zipkin)
      try await target.add(ArraySlice(#"[{"traceId":"1","id":"1"}]"#.utf8), spans: 1)
      let error = await #expect(throws: CommandFailure.self) { try await target.flush() }
      #expect(error?.message.contains("that of 1 spans ") == true, "\(error?.message ?? "")")
    }
  }

  @Test("refuse a state with a number that cannot be, and name it") func impossibleStates() throws {
    let state = ImportState(from: "http://a", to: "http://b", start: 1, end: 3)
    #expect(try ImportState(state.document) == state)
    func fault(_ field: String, _ value: String) throws -> String? {
      var fields = ["from": #""a""#, "to": #""b""#, "start": "1", "end": "3", "position": "2"]
      fields[field] = value
      let text = "{" + fields.map { #""\#($0.key)":\#($0.value)"# }.joined(separator: ",") + "}"
      do {
        _ = try ImportState(DocumentValue(json: Array(text.utf8)))
        return nil
      } catch let fault as ImportState.Fault {
        return fault.field
      }
    }
    for (field, value) in [
      ("start", "-1"), ("start", "-9223372036854775808"), ("end", "9223372036854775807"), ("end", "9223372036855"),
      ("position", "0"), ("position", "4"), ("length", "-1"), ("traces", "-9223372036854775808"), ("spans", "1e18"),
      ("refused", "-1"), ("gapCount", "1e300"), ("from", "null"), ("to", "1"),
    ] {
      #expect(try fault(field, value) == field, "\(field) \(value)")
    }
    #expect(try fault("gaps", #"[{"start":1,"end":2},{"start":2,"end":1}]"#) == "gaps[1].end")
    #expect(try fault("traces", "5") == nil)
  }

  @Test("do not go from a collector into itself, whatever its address") func itself() async throws {
    let collectors = try [TestCollector(), TestCollector()]
    defer { withExtendedLifetime(collectors) {} }
    let (one, other) = (Self.serving(collectors[0].api), Self.serving(collectors[1].api))
    try await LoopbackServer.run(one) { first in
      try await LoopbackServer.run(one) { second in
        try await LoopbackServer.run(other) { third in
          let clients = try [first, second, third].map { ControlPlaneClient(address: try ControlPlaneAddress($0)) }
          let error = await #expect(throws: CommandFailure.self) {
            try await CollectorInstance.requireOthers(clients[0], clients[1])
          }
          #expect(error?.message.hasSuffix("are the same collector; it has these traces already") == true)
          try await CollectorInstance.requireOthers(clients[0], clients[2])
        }
      }
    }
  }

  @Test("know traces in an answer by their bytes alone") func listing() throws {
    let zipkin = Array(
      #" [ [{"id":"1","traceId":"a"},{"traceId":"a","id":"2"}] ,[], [ {"traceId":"\u0062","id":"3"}]]"#.utf8)
    let listing = try TraceListing(zipkin, .zipkin)
    #expect(listing.traces.map(\.spans) == [2, 0, 1])
    #expect(listing.traces.map(\.id) == [TraceID(low: 10), nil, TraceID(low: 11)])
    #expect(String(decoding: zipkin[listing.traces[2].bytes], as: UTF8.self) == #"[ {"traceId":"\u0062","id":"3"}]"#)
    #expect(try TraceListing(Array("[]".utf8), .zipkin).traces.isEmpty)
    #expect(try TraceListing(Array(#"{"data":null,"errors":[]}"#.utf8), .jaeger).traces.isEmpty)
    #expect(try TraceListing(Array(JaegerSample.json.utf8), .jaeger).traces.map(\.spans) == [2])
    for (text, form) in [("{}", TraceListing.Form.zipkin), ("[[{]]", .zipkin), ("[]", .jaeger), ("[] x", .zipkin)] {
      #expect(throws: CollectorError.self) { try TraceListing(Array(text.utf8), form) }
    }
  }
}

extension ParsedSpans {
  /// The spans of a file.
  fileprivate static func spans(ofFile text: String) throws -> [Span] {
    try SpanFormat.file.parse(Array(text.utf8), limits: CollectorLimits()).spans
  }
}
