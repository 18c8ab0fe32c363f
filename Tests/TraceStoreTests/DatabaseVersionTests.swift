import Foundation
import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel
@testable import TraceStore

/// Databases that earlier versions wrote: every later version has to find everything in them.
///
/// `Databases/NAME.sqlite` is a database as a collector left it when it was closed. `NAME.json` holds its spans in Zipkin's
/// JSON, in the order of arrival. `DATABASE_WRITE=NAME` writes a pair with the code as it is now, from the spans of the last
/// pair; it never overwrites a file.
@Suite struct DatabaseVersionTests {
  private static let directory = Golden(directory: "Databases").directory
  /// The databases, the oldest version first.
  private static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
    .filter { $0.hasSuffix(".sqlite") }.map { String($0.dropLast(7)) }.sorted {
      $0.localizedStandardCompare($1) == .orderedAscending
    }
  /// The ids of a span with this tag were stored in doubt, with their bytes in reverse.
  private static let doubt = Span.Tag("ids", "reversed")

  private static func file(_ name: String, _ type: String) -> URL { directory.appending(path: "\(name).\(type)") }

  private static func spans(_ name: String) throws -> [Span] {
    let bytes = try Array(Data(contentsOf: file(name, "json")))
    let parsed = try ParsedSpans.parse(bytes, limits: CollectorLimits())
    try #require(parsed.rejections.isEmpty)
    return parsed.spans
  }

  private static func change(_ settings: inout SegmentStore.Settings) { settings.autocompleteKeys = ["environment"] }

  private static func query(_ change: (inout TraceQuery) -> Void = { _ in }) -> TraceQuery {
    var query = TraceQuery(endTs: SampleSpans.now + 600_000, lookback: 3_600_000, limit: 1_000)
    change(&query)
    return query
  }

  private static let queries: [TraceQuery] = [
    query(), query { $0.limit = 3 }, query { $0.serviceName = "api" }, query { $0.spanName = "db.mesh:5432" },
    query { $0.remoteServiceName = "kafka" }, query { $0.remoteServiceName = "db" },
    query { $0.annotations = [("http.status_code", "503")] }, query { $0.annotations = [("guid:x-request-id", "")] },
    query { $0.annotations = [("cache miss", "")] }, query { $0.annotations = [("http.path", "/aé😀\n")] },
    query { $0.errorsOnly = true }, query { $0.minDuration = 20_005 },
    query {
      $0.minDuration = 8_000
      $0.maxDuration = 8_030
    }, query { $0.maxTraceDuration = 1_000 }, query { $0.lookback = 620_000 },
    query {
      $0.serviceName = "api"
      $0.annotations = [("http.status_code", "503"), ("component", "proxy")]
      $0.errorsOnly = true
      $0.limit = 2
    },
  ]

  @Test("The databases of earlier versions are there, each with its spans")
  func pairs() {
    #expect(Self.names.first == "2-segments")
    for name in Self.names { #expect(FileManager.default.fileExists(atPath: Self.file(name, "json").path)) }
  }

  @Test("Everything is found in a database of an earlier version, also after it was written to", arguments: names)
  func earlier(name: String) async throws {
    let spans = try Self.spans(name)
    let test = try TestStore(copyOf: Self.file(name, "sqlite"), Self.change)
    let store = test.store
    let (segments, blocks) = store.manifest.withLock { ($0.segments.count, $0.blocks.count) }
    #expect(segments >= 2 && blocks >= 1)
    try await check(store, spans)
    let more = span(trace: 0xF0F0, 1, .server, service: "later", name: "get /later", at: 500_000)
    try await store.add([more])
    try await check(store, spans + [more])
    try store.compactOnce()
    #expect(store.manifest.withLock { $0.blocks.isEmpty })
    try await check(store, spans + [more])
  }

  private func check(_ store: SegmentStore, _ spans: [Span]) async throws {
    #expect(store.spanCount == spans.count)
    let plain = PlainSpanStore(clock: WallClock { SampleSpans.now })
    try await plain.add(spans)
    for id in Set(spans.map(\.traceID)) {
      let (found, expected) = (try #require(try await store.trace(id)), try #require(try await plain.trace(id)))
      #expect(found.count == expected.count)
      for span in expected { #expect(found.contains(span), "\(span)") }
    }
    for query in Self.queries {
      let (found, expected) = (try await store.search(query), try await plain.search(query))
      #expect(!expected.traces.isEmpty && found.isComplete)
      let starts = found.traces.map { TraceTimes.timestamp(of: $0) }
      #expect(starts == expected.traces.map { TraceTimes.timestamp(of: $0) }, "\(query)")
    }
    let services = Set(spans.map(\.serviceName)).filter { !$0.isEmpty }.sorted()
    #expect(store.serviceNames() == services)
    for service in services {
      #expect(store.spanNames(service: service) == plain.spanNames(service: service))
      #expect(store.remoteServiceNames(service: service) == plain.remoteServiceNames(service: service))
    }
    #expect(store.autocompleteValues(key: "environment") == ["blue", "green"])
    let (end, time): (Int64, Int64) = (SampleSpans.now + 600_000, 3_600_000)
    let graph = try await store.graph(endTs: end, lookback: time)
    #expect(graph == (try await plain.graph(endTs: end, lookback: time)))
    let edges = graph.edges.map { "\($0.parent)>\($0.child) \($0.figures.calls) \($0.figures.errors)" }
    for edge in ["api>db 28 0", "web>api 28 4", "pb-a>pb-c 1 0", "shop>kafka 1 0"] { #expect(edges.contains(edge)) }
  }

  @Test(
    "A pair of files is written for a new version when it is asked for",
    .enabled(if: ProcessInfo.processInfo.environment["DATABASE_WRITE"] != nil))
  func write() async throws {
    let name = try #require(ProcessInfo.processInfo.environment["DATABASE_WRITE"])
    let contents = try FileManager.default.contentsOfDirectory(atPath: Self.directory.path)
    let last = try #require(
      contents.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
        .max { $0.localizedStandardCompare($1) == .orderedAscending })
    try #require(!contents.contains("\(name).sqlite"), "\(name).sqlite is there; choose another name")
    let spans = try Self.spans(last)
    let test = try TestStore {
      Self.change(&$0)
      $0.segmentSpans = 50
    }
    for first in stride(from: 0, to: spans.count, by: 7) {
      let some = spans[first..<min(first + 7, spans.count)].map { span in
        guard span.tags.contains(Self.doubt) else { return span }
        var span = span
        span.reverseIDs()
        span.hasDoubtfulIDs = true
        return span
      }
      try await test.store.add(some)
      await test.store.maintained {}
    }
    // Which puts all of it into one file.
    try test.store.close()
    try FileManager.default.copyItem(atPath: test.path, toPath: Self.file(name, "sqlite").path)
    if last != name {
      try FileManager.default.copyItem(at: Self.file(last, "json"), to: Self.file(name, "json"))
    }
  }
}
