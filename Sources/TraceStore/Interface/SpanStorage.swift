package import TraceModel

/// Keeps spans and finds them again. Every one passes `SpanStorageContract`.
///
/// What was stored is found by every query that begins after ``add(_:bytes:)`` has returned.
package protocol SpanStorage: Sendable {
  // MARK: Spans in

  /// Stores spans. Returns when they are durable. If it throws, none of them is stored.
  ///
  /// - Parameter bytes: how large they were as they came, which bounds what waits to be stored.
  /// - Returns: how many names were evicted from the lists to make room for the names of these spans.
  @discardableResult
  func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int

  /// Adds a function that is told of all spans once they are durable, in the order in which they were stored. It has to
  /// return soon, and must not call the store.
  func observe(_ function: @escaping @Sendable (StoredSpans) -> Void)

  /// How many spans there are; those that were sent twice count twice.
  var spanCount: Int { get }

  // MARK: Traces

  /// The spans of a trace, each once, in the order of their starts; nil if there is no such trace. An id of 64 bits also
  /// finds the trace of 128 bits whose low half it is, and the other way round.
  func trace(_ id: TraceID) async throws(CollectorError) -> [Span]?

  /// The traces that are there of some ids, each once.
  func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]]

  /// The newest traces that match, the newest first.
  func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]>

  /// The first traces that match in an order, each in a line.
  func summaries(_ query: TraceQuery, by order: TraceOrder) async throws(CollectorError) -> TraceSearch<TraceSummary>

  // MARK: Names

  /// The names of the services, sorted.
  func serviceNames() -> [String]

  /// The operations of a service, sorted.
  func spanNames(service: String) -> [String]

  /// The services at the other end of a service's calls, sorted.
  func remoteServiceNames(service: String) -> [String]

  /// The values of a tag, sorted; none if its key is not offered for autocompletion.
  func autocompleteValues(key: String) -> [String]

  // MARK: Calls

  /// The services and the calls between them that began in a time, in milliseconds since 1970.
  func graph(endTs: Int64, lookback: Int64) async throws(CollectorError) -> ServiceGraph

  /// The operations of a service in a time, and how long the time of all calls is, in milliseconds.
  func operations(
    service: String, endTs: Int64, lookback: Int64
  ) async throws(CollectorError) -> (operations: [OperationFigures], length: Int64)

  /// How often each service called another in a time.
  func dependencies(endTs: Int64, lookback: Int64) async throws(CollectorError) -> [DependencyLink]

  // MARK: Health

  /// Why nothing can be stored at the moment, in a sentence that says what to do; nil if it can.
  func obstacle() async -> String?

  /// Waits for what is being stored, and refuses everything else from then on. A second call does nothing.
  func close() throws(CollectorError)
}

extension SpanStorage {
  package func dependencies(endTs: Int64, lookback: Int64) async throws(CollectorError) -> [DependencyLink] {
    try await graph(endTs: endTs, lookback: lookback).edges.map { edge in
      DependencyLink(
        parent: edge.parent, child: edge.child, callCount: edge.figures.calls, errorCount: edge.figures.errors)
    }
  }
}

/// Spans that were just stored.
public struct StoredSpans: Sendable {
  /// How many.
  public let count: Int
  private let make: @Sendable () -> [Span]

  /// Describes spans that are made when somebody asks for them.
  package init(count: Int, _ make: @escaping @Sendable () -> [Span]) {
    self.count = count
    self.make = make
  }

  /// The spans, in the order in which they came.
  package func spans() -> [Span] { make() }
}
