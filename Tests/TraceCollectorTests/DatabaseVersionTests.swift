import Foundation
import MeshTestSupport
import Synchronization
import Testing

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

  private static func change(_ settings: inout SpanStore.Settings) {
    settings.autocompleteKeys = ["environment"]
  }

  /// A store on a copy of a database. The collector removes the copy.
  private static func open(_ name: String) throws -> (store: SpanStore, collector: TestCollector) {
    let collector = try TestCollector(change)
    try collector.store.close()
    try FileManager.default.removeItem(atPath: collector.path)
    try FileManager.default.copyItem(atPath: file(name, "sqlite").path, toPath: collector.path)
    return (try SpanStore(path: collector.path, settings: collector.settings), collector)
  }

  private static func query(_ change: (inout TraceQuery) -> Void = { _ in }) -> TraceQuery {
    var query = TraceQuery(endTs: TestCollector.now + 600_000, lookback: 3_600_000, limit: 1_000)
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
    let (store, collector) = try Self.open(name)
    defer { withExtendedLifetime(collector) { try? store.close() } }
    let (segments, blocks) = store.shelf.withLock { ($0.segments.count, $0.blocks.count) }
    #expect(segments >= 2 && blocks >= 1)
    try await check(store, spans)
    let more = span(trace: 0xF0F0, 1, .server, service: "later", name: "get /later", at: 500_000)
    try await store.add([more])
    try await check(store, spans + [more])
    try store.orderOnce()
    #expect(store.shelf.withLock { $0.blocks.isEmpty })
    try await check(store, spans + [more])
  }

  private func check(_ store: SpanStore, _ spans: [Span]) async throws {
    #expect(store.spanCount == spans.count)
    // The same in blocks only.
    let other = try TestCollector(Self.change)
    let plain = other.store
    try await plain.add(spans)
    let traces = Dictionary(grouping: spans, by: \.traceID.low).values.flatMap { TraceAssembly.traces($0) }
    for trace in traces {
      let id = trace.first { $0.traceID.high != 0 }?.traceID ?? trace[0].traceID
      let found = try #require(try await store.trace(id))
      #expect(found.count == trace.count)
      for span in trace { #expect(found.contains(span), "\(span)") }
    }
    for query in Self.queries {
      let expected = traces.filter(query.matches).compactMap { TraceTimes.timestamp(of: $0) }.sorted(by: >)
      #expect(!expected.isEmpty)
      let found = try await store.search(query)
      #expect(found.isComplete)
      #expect(
        found.traces.compactMap { TraceTimes.timestamp(of: $0) } == Array(expected.prefix(query.limit)), "\(query)")
    }
    let services = Set(spans.map(\.serviceName)).filter { !$0.isEmpty }.sorted()
    #expect(store.serviceNames() == services)
    for service in services {
      let own = spans.filter { $0.serviceName == service }
      #expect(store.spanNames(service: service) == Set(own.map(\.name)).filter { !$0.isEmpty }.sorted())
      #expect(store.remoteServiceNames(service: service) == plain.remoteServiceNames(service: service))
    }
    #expect(store.autocompleteValues(key: "environment") == ["blue", "green"])
    let (end, time): (Int64, Int64) = (TestCollector.now + 600_000, 3_600_000)
    let graph = try await store.graph(endTs: end, lookback: time)
    #expect(graph == (try await plain.graph(endTs: end, lookback: time)))
    let edges = graph.edges.map { "\($0.parent)>\($0.child) \($0.figures.calls) \($0.figures.errors)" }
    for edge in ["api>db 28 0", "web>api 28 4", "pb-a>pb-c 1 0", "shop>kafka 1 0"] { #expect(edges.contains(edge)) }
    try plain.close()
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
    let collector = try TestCollector {
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
      try await collector.store.add(some)
      await collector.store.maintained {}
    }
    // Which puts all of it into one file.
    try collector.store.close()
    try FileManager.default.copyItem(atPath: collector.path, toPath: Self.file(name, "sqlite").path)
    if last != name {
      try FileManager.default.copyItem(at: Self.file(last, "json"), to: Self.file(name, "json"))
    }
  }
}
