import Foundation
import GRDB
import PrometheusMetrics
import Synchronization
public import TraceModel

extension SegmentStore {
  // MARK: Names

  /// The names of the services, sorted.
  public func serviceNames() -> [String] { names.withLock { $0.services.filter { !$0.isEmpty }.sorted() } }

  /// The operations of a service, sorted.
  public func spanNames(service: String) -> [String] {
    names.withLock { $0.sortedValues(.operation, of: service.lowercased()) }
  }

  /// The services that a service calls or is called by, sorted.
  public func remoteServiceNames(service: String) -> [String] {
    names.withLock { $0.sortedValues(.remoteService, of: service.lowercased()) }
  }

  /// The known values of a tag; empty if its key is not one of ``Settings/autocompleteKeys``.
  public func autocompleteValues(key: String) -> [String] {
    settings.autocompleteKeys.contains(key) ? names.withLock { $0.sortedValues(.tagValue, of: key) } : []
  }

  /// How many names of a kind were evicted because there were too many.
  public func evictedCount(_ kind: NameKind, of owner: String) -> Int {
    names.withLock { names in
      switch kind {
      case .service: names.evictedServiceCount
      case .operation, .remoteService: names.evictedCount(kind, of: owner.lowercased())
      case .tagValue: names.evictedCount(kind, of: owner)
      }
    }
  }

  // MARK: Traces

  /// The spans of a trace. An id of 64 bits also finds the trace of 128 bits whose low half it is, and the other way round.
  public func trace(_ id: TraceID) async throws(CollectorError) -> [Span]? {
    try await read { database in try self.trace(id, database) }
  }

  /// The stored traces among some ids. A trace that two ids name, one of 64 and one of 128 bits, is returned once.
  public func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]] {
    try await read { database in
      var given: Set<TraceID> = []
      return try ids.compactMap { id in
        guard let spans = try self.trace(id, database) else { return nil }
        let high = spans.first { $0.traceID.high != 0 }?.traceID.high ?? 0
        return given.insert(TraceID(high: high, low: id.low)).inserted ? spans : nil
      }
    }
  }

  /// The newest traces that match, each a list of spans in the order of their starts.
  public func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]> {
    let limit = settings.limits.spansPerQuery
    return try await read(isCounted: !query.includesCanary) { database in
      // All spans of the answer are in memory until it is sent.
      var count = 0
      return try self.search(query, database) { spans in
        count += spans.count
        return count > limit && count > spans.count ? nil : spans
      }
    }
  }

  /// How many further candidates a search reads to find out whether there are more traces than it returns.
  private static let candidatesBeyond = 1_000

  /// Summaries of the first matching traces in an order.
  public func summaries(
    _ query: TraceQuery, by order: TraceOrder
  ) async throws(CollectorError) -> TraceSearch<TraceSummary> {
    try await read(isCounted: !query.includesCanary) { database in
      if order == .newest {
        return try self.search(query, checksForMore: true, database) { TraceSummary(SpanTree($0)) }
      }
      var ranking = TraceRanking(by: order, limit: query.limit)
      var finder = TraceFinder(query, try self.snapshot(for: query, database))
      while let next = try finder.next(database) { ranking.add(next.spans) }
      return TraceSearch(
        traces: ranking.summaries, hasMore: ranking.count > query.limit, isComplete: !finder.hasReachedLimit)
    }
  }

  /// The recent ids in some traces whose byte order is certain.
  public func recentIDs(in traces: Set<UInt64>) -> Set<KnownID> {
    let blocks = manifest.withLock { $0.blocks }
    var known: Set<KnownID> = []
    for trace in traces {
      var left = settings.limits.spansPerRequest
      for block in blocks.reversed() where left > 0 && block.mayContain(trace: trace) {
        for (index, other) in block.traces.enumerated() where other == trace {
          let entry = block.batch.entries[index]
          guard !entry.hasDoubtfulIDs else { continue }
          known.insert(KnownID(trace: trace, id: entry.id))
          if let parent = entry.parentID { known.insert(KnownID(trace: trace, id: parent)) }
          left -= 1
        }
      }
    }
    return known
  }

  private func snapshot(for query: TraceQuery, _ database: Database) throws -> StoreSnapshot {
    snapshot(and: query.includesCanary ? try canaryBlocks(database) : [])
  }

  /// The content of the store, and further blocks.
  private func snapshot(and others: [SpanBlock] = []) -> StoreSnapshot {
    // Spans are copied before texts, because the texts must be at least as new.
    let (segments, blocks) = manifest.withLock { ($0.segments, $0.blocks) }
    let (texts, schemas) = (encoder.texts.texts, encoder.schemas)
    return StoreSnapshot(
      segments: segments, blocks: blocks + others, texts: texts, schemas: schemas, limits: settings.limits,
      metrics: metrics,
      traceIndexes: traceIndexes)
  }

  /// Reads the file.
  ///
  /// - Parameter isCounted: whether it counts as a query. One that asks for the canary does not.
  func read<Value: Sendable>(
    isCounted: Bool = true, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(CollectorError) -> Value {
    if isCounted { metrics.queries.increment() }
    do { return try await file.pool.read(body) } catch { throw file.error(error, doing: "read") }
  }

  private func trace(_ id: TraceID, _ database: Database) throws -> [Span]? {
    var reader = TraceReader(snapshot())
    let spans = try reader.spans(of: id.low, database)
    let traces = TraceAssembly.traces(spans.isEmpty ? try canarySpans(of: id.low, database) : spans)
    guard id.high != 0 else { return traces.first }
    return traces.first { spans in spans.contains { $0.traceID.high == id.high } }
      ?? traces.first { spans in spans.allSatisfy { $0.traceID.high == 0 } }
  }

  /// Searches. The function converts a trace to a result; it returns nil when the answer is full.
  private func search<Trace>(
    _ query: TraceQuery, checksForMore: Bool = false, _ database: Database, _ make: ([Span]) -> Trace?
  ) throws -> TraceSearch<Trace> {
    guard query.limit > 0 else { return TraceSearch() }
    var found: [(start: Int64, id: TraceID, trace: Trace)] = []
    var isFull = false
    var finder = TraceFinder(query, try snapshot(for: query, database))
    while found.count < query.limit, let next = try finder.next(database) {
      guard let trace = make(next.spans) else {
        isFull = true
        break
      }
      found.append((next.start, next.spans.first?.traceID ?? TraceID(low: 0), trace))
    }
    let isComplete = !finder.hasReachedLimit && !isFull
    let hasMore = checksForMore ? try finder.hasMore(lookingAt: Self.candidatesBeyond, database) : false
    // Ids decide between equal starts, so that every search returns the same order.
    found.sort { ($0.start, $0.id.high, $0.id.low) > ($1.start, $1.id.high, $1.id.low) }
    return TraceSearch(traces: found.map(\.trace), hasMore: hasMore, isComplete: isComplete)
  }
}
