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
  public func serviceNames() -> [String] { names.withLock { $0.services.filter { !$0.isEmpty }.sorted() } }

  /// The operations of a service, sorted.
  public func spanNames(service: String) -> [String] {
    names.withLock { $0.sortedValues(.operation, of: service.lowercased()) }
  }

  /// The services that a service calls or is called by, sorted.
  public func remoteServiceNames(service: String) -> [String] {
    names.withLock { $0.sortedValues(.remoteService, of: service.lowercased()) }
  }

  /// The values seen of a tag; empty if its key is not one of ``Settings/autocompleteKeys``.
  public func autocompleteValues(key: String) -> [String] {
    settings.autocompleteKeys.contains(key) ? names.withLock { $0.sortedValues(.tagValue, of: key) } : []
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

  func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(CollectorError) -> Value {
    metrics.queries.count(1)
    do { return try await file.pool.read(body) } catch { throw file.error(error, doing: "read") }
  }

  private func trace(_ id: TraceID, _ database: Database) throws -> [Span]? {
    var reader = TraceReader(self)
    let traces = TraceAssembly.traces(try reader.spans(of: id.low, database))
    guard id.high != 0 else { return traces.first }
    return traces.first { spans in spans.contains { $0.traceID.high == id.high } }
      ?? traces.first { spans in spans.allSatisfy { $0.traceID.high == 0 } }
  }

  /// Searches; the function makes of a trace what is wanted, and nil if there is no more room.
  private func search<Trace>(
    _ query: TraceQuery, _ database: Database, _ make: ([Span]) -> Trace?
  ) throws -> TraceSearch<Trace> {
    guard query.limit > 0 else { return TraceSearch() }
    var found: [(start: Int64, trace: Trace)] = []
    var isFull = false
    var finder = TraceFinder(query, self)
    while found.count < query.limit, let next = try finder.next(database) {
      guard let trace = make(next.spans) else {
        isFull = true
        break
      }
      found.append((next.start, trace))
    }
    found.sort { $0.start > $1.start }
    return TraceSearch(traces: found.map(\.trace), isComplete: !finder.hasGivenUp && !isFull)
  }
}
