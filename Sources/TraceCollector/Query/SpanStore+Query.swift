import Foundation
import GRDB
import Synchronization

/// What a search found.
public struct TraceSearch<Trace: Sendable>: Sendable {
  /// The traces, the newest first.
  public var traces: [Trace] = []
  /// Whether all the time that was asked for was looked through (or enough was found).
  public var isComplete = true
}

extension SpanStore {
  // MARK: Names

  /// The names of the services, sorted.
  public func serviceNames() -> [String] { terms.withLock { $0.services.filter { !$0.isEmpty }.sorted() } }

  /// The operations of a service, sorted.
  public func spanNames(service: String) -> [String] {
    terms.withLock { $0.sortedValues(.operation, of: service.lowercased()) }
  }

  /// The services that a service calls or is called by, sorted.
  public func remoteServiceNames(service: String) -> [String] {
    terms.withLock { $0.sortedValues(.remoteService, of: service.lowercased()) }
  }

  /// The values seen of a tag; empty if its key is not one of ``Settings/autocompleteKeys``.
  public func autocompleteValues(key: String) -> [String] {
    settings.autocompleteKeys.contains(key) ? terms.withLock { $0.sortedValues(.tagValue, of: key) } : []
  }

  // MARK: Traces

  /// The spans of a trace. An id of 64 bits also finds the trace of 128 bits whose low half it is, and the other way round.
  public func trace(_ id: TraceID) async throws(CollectorError) -> [Span]? {
    try await read { database in try self.trace(id, database) }
  }

  /// The traces that are there of some ids.
  public func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]] {
    try await read { database in try ids.compactMap { try self.trace($0, database) } }
  }

  /// The newest traces that match, each a list of spans in the order of their starts.
  public func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]> {
    let limit = settings.limits.spansPerQuery
    return try await read { database in
      // All of them are in memory until they are sent.
      var count = 0
      return try self.search(query, database) { spans in
        count += spans.count
        return count > limit && count > spans.count ? nil : spans
      }
    }
  }

  /// The newest traces that match, each in a line.
  public func summaries(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<TraceSummary> {
    try await read { database in try self.search(query, database) { TraceSummary(SpanTree($0)) } }
  }

  /// The calls between services in a time, in milliseconds since 1970.
  public func dependencies(endTs: Int64, lookback: Int64) async throws(CollectorError) -> [DependencyLink] {
    var query = TraceQuery(endTs: endTs, lookback: lookback)
    query.limit = .max
    let everything = query
    return try await read { database in
      var linker = DependencyLinker()
      _ = try self.scan(everything, database) { spans in
        linker.add(SpanTree(spans))
        return true
      }
      return linker.links
    }
  }

  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(CollectorError) -> Value {
    metrics.queries.count(1)
    do { return try await file.pool.read(body) } catch { throw file.error(error, doing: "read") }
  }

  private func trace(_ id: TraceID, _ database: Database) throws -> [Span]? {
    let traces = TraceAssembly.traces(try spans(low: id.low, database))
    guard id.high != 0 else { return traces.first }
    return traces.first { spans in spans.contains { $0.traceID.high == id.high } }
      ?? traces.first { spans in spans.allSatisfy { $0.traceID.high == 0 } }
  }

  private func spans(low: UInt64, _ database: Database) throws -> [Span] {
    let statement = try database.cachedStatement(sql: "SELECT record FROM span WHERE trace = ? ORDER BY id LIMIT ?")
    let rows = try Row.fetchCursor(
      statement, arguments: [Int64(bitPattern: low), settings.limits.spansPerTrace])
    var spans: [Span] = []
    var texts: [String]?
    while let row = try rows.next() {
      // After the first row: the texts must be at least as new as the records.
      let known = texts ?? self.texts.withLock { $0 }
      texts = known
      let span = try row.withUnsafeData(atIndex: 0) { data in
        data.flatMap { data in data.withUnsafeBytes { SpanRecord.decode($0, low: low, texts: known)?.span } }
      }
      if let span { spans.append(span) }
    }
    return spans
  }

  // MARK: Search

  /// Searches; the function makes of a trace what is wanted, and nil if there is no more room.
  private func search<Trace>(
    _ query: TraceQuery, _ database: Database, _ make: ([Span]) -> Trace?
  ) throws -> TraceSearch<Trace> {
    var found: [(start: Int64, trace: Trace)] = []
    var isFull = false
    let isComplete = try scan(query, database) { spans in
      guard let trace = make(spans) else {
        isFull = true
        return false
      }
      found.append((TraceQuery.timestamp(of: spans) ?? 0, trace))
      return found.count < query.limit
    }
    found.sort { $0.start > $1.start }
    return TraceSearch(traces: found.map(\.trace), isComplete: isComplete && !isFull)
  }

  /// Gives each matching trace to a function, the newest about first, until it has enough. False if there were too many
  /// to look through.
  private func scan(_ query: TraceQuery, _ database: Database, _ found: ([Span]) -> Bool) throws -> Bool {
    guard query.limit > 0 else { return true }
    var postings = try PostingMerge(
      terms: terms.withLock { Self.drivers(of: query, $0, limits: settings.limits) },
      from: query.startTs, to: query.endTs, database)
    var seen: Set<Int64> = []
    while let trace = try postings.next() {
      guard seen.insert(trace).inserted else { continue }
      guard seen.count <= settings.limits.tracesScannedPerQuery else { return false }
      for spans in TraceAssembly.traces(try spans(low: UInt64(bitPattern: trace), database)) where query.matches(spans)
      {
        if !found(spans) { return true }
      }
    }
    return true
  }

  /// The terms of which one at least is in every trace that matches: the rarest kind that the query allows.
  private static func drivers(of query: TraceQuery, _ terms: TermTable, limits: CollectorLimits) -> [Int64] {
    let services = query.serviceName.map { [$0] } ?? Array(terms.services)
    if let name = query.remoteServiceName ?? query.spanName {
      let kind: Term.Kind = query.remoteServiceName != nil ? .remoteService : .operation
      // Not all names of a service with too many are indexed, and no long one; it is searched whole.
      return services.compactMap { service in
        let isIndexed =
          name.utf8.count <= limits.nameBytes && terms.valueCount(kind, of: service) < limits.namesPerService
        return terms.number(kind, service, name) ?? (isIndexed ? nil : terms.number(.service, service))
      }
    }
    let kind: Term.Kind = query.errorsOnly ? .errors : .service
    return services.compactMap { terms.number(kind, $0) }
  }
}

/// The traces under some terms, by the times of their spans, the newest first. A trace may come several times.
private struct PostingMerge {
  private struct Source {
    let term: Int64
    var traces: [(time: Int64, trace: Int64)] = []
    var position = 0
    var isExhausted = false
  }

  private let database: Database
  private let from: Int64
  private let to: Int64
  private let pageSize: Int
  private var sources: [Source]
  /// Sources that have something left, as a heap: the one with the newest first.
  private var heap: [Int] = []

  init(terms: [Int64], from: Int64, to: Int64, _ database: Database) throws {
    self.database = database
    self.from = from
    self.to = to
    pageSize = terms.count > 64 ? 16 : 128
    sources = terms.map { Source(term: $0) }
    for index in sources.indices where try fill(index) { push(index) }
  }

  mutating func next() throws -> Int64? {
    guard let index = pop() else { return nil }
    let trace = sources[index].traces[sources[index].position].trace
    sources[index].position += 1
    if try sources[index].position < sources[index].traces.count || fill(index) { push(index) }
    return trace
  }

  /// Reads the next page of a term; false if there is none.
  private mutating func fill(_ index: Int) throws -> Bool {
    guard !sources[index].isExhausted else { return false }
    let last = sources[index].traces.last
    let statement = try database.cachedStatement(
      sql: """
        SELECT time, trace FROM posting WHERE term = ? AND time >= ? AND (time, trace) < (?, ?)
        ORDER BY time DESC, trace DESC LIMIT ?
        """)
    let rows = try Row.fetchCursor(
      statement,
      arguments: [
        sources[index].term, from, last?.time ?? (to < .max ? to + 1 : to), last?.trace ?? .min, pageSize,
      ])
    var page: [(time: Int64, trace: Int64)] = []
    while let row = try rows.next() {
      guard let time = Int64.fromDatabaseValue(row[0]), let trace = Int64.fromDatabaseValue(row[1]) else { continue }
      page.append((time, trace))
    }
    sources[index].isExhausted = page.count < pageSize
    sources[index].traces = page
    sources[index].position = 0
    return !page.isEmpty
  }

  private func time(_ index: Int) -> Int64 { sources[index].traces[sources[index].position].time }

  private mutating func push(_ index: Int) {
    var child = heap.count
    heap.append(index)
    while child > 0 {
      let parent = (child - 1) / 2
      guard time(heap[parent]) < time(heap[child]) else { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func pop() -> Int? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      let children = (2 * parent + 1)..<min(2 * parent + 3, max(heap.count, 2 * parent + 1))
      guard let largest = children.max(by: { time(heap[$0]) < time(heap[$1]) }),
        time(heap[parent]) < time(heap[largest])
      else { break }
      heap.swapAt(parent, largest)
      parent = largest
    }
    return first
  }
}
