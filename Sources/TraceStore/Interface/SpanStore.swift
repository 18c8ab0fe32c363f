public import TraceModel

/// Keeps spans, finds their traces and tells who wants to know what came in.
///
/// What was stored is found by every query that begins after ``SpanWriting/add(_:bytes:)-([Span],_)`` has returned. Each kind of
/// caller has a protocol of its own; every store passes `SpanStoreContract`.
public protocol SpanStore: SpanWriting, SpanObserving, TraceSearching, NameListing, CallCounting, StoreLifecycle {}

/// Takes spans in.
public protocol SpanWriting: Sendable {
  /// Spans of one request on their way into the store.
  associatedtype Batch: SpanSink & Sendable

  /// What is let in.
  var limits: CollectorLimits { get }
  /// What is counted.
  var metrics: CollectorMetrics { get }

  /// An empty batch, into which a parser writes the spans of one request.
  func makeBatch() -> Batch

  /// Stores the spans of a batch. Returns when they are durable; throws if none was stored.
  ///
  /// - Parameter bytes: how large they were as JSON, which bounds what waits to be stored.
  /// - Returns: how many names are not listed any more, as these spans have brought too many.
  func add(_ batch: Batch, bytes: Int) async throws(CollectorError) -> Int

  /// Stores spans, as ``add(_:bytes:)-(Batch,_)`` does.
  @discardableResult func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int

  /// How many spans wait to be stored. Senders should be refused from ``CollectorLimits/waitingSpans`` on.
  var waitingSpanCount: Int { get }
}

/// The batch of a store that keeps spans as they are.
public struct SpanList: SpanSink, Sendable {
  /// The spans.
  public private(set) var spans: [Span] = []

  /// An empty list.
  public init() {}

  /// How many there are.
  public var count: Int { spans.count }

  /// Makes a value of a draft.
  public mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
    spans.append(Span(span, bytes))
  }
}

extension SpanWriting where Batch == SpanList {
  /// An empty list.
  public func makeBatch() -> SpanList { SpanList() }

  /// Stores the spans of a list.
  public func add(_ batch: SpanList, bytes: Int) async throws(CollectorError) -> Int {
    try await add(batch.spans, bytes: bytes)
  }
}

extension SpanWriting {
  /// Stores spans whose size as JSON is not known.
  @discardableResult public func add(_ spans: [Span]) async throws(CollectorError) -> Int {
    try await add(spans, bytes: 0)
  }
}

/// Spans that were stored together.
public struct StoredSpans: Sendable {
  /// How many.
  public let count: Int
  private let read: @Sendable () -> [Span]

  /// - Parameter read: reads the spans, in the order in which they came.
  public init(count: Int, _ read: @escaping @Sendable () -> [Span]) {
    self.count = count
    self.read = read
  }

  /// The spans, in the order in which they came. They are read when this is called.
  public func spans() -> [Span] { read() }
}

/// Tells of the spans that have been stored.
public protocol SpanObserving: Sendable {
  /// Adds a function that is told of all spans once they are durable, in the order in which they were stored. It has to return
  /// soon, and must not call the store.
  func observe(_ function: @escaping @Sendable (StoredSpans) -> Void)

  /// The ids that spans of some traces have or name as parents, if they came lately and their ids are in the right order beyond
  /// doubt. A store that knows of none answers with nothing.
  ///
  /// - Parameter traces: the low halves of the traces' ids.
  func recentIDs(in traces: Set<UInt64>) -> Set<KnownID>
}

/// Finds traces.
public protocol TraceSearching: Sendable {
  /// The spans of a trace. An id of 64 bits also finds the trace of 128 bits whose low half it is, and the other way round.
  func trace(_ id: TraceID) async throws(CollectorError) -> [Span]?

  /// The traces that are there of some ids. Ids of both lengths may be of one trace, which is given once.
  func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]]

  /// The newest traces that match, each a list of spans in the order of their starts.
  func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]>

  /// The first traces that match in an order, each in a line.
  func summaries(_ query: TraceQuery, by order: TraceOrder) async throws(CollectorError) -> TraceSearch<TraceSummary>
}

extension TraceSearching {
  /// The newest traces that match, each in a line.
  public func summaries(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<TraceSummary> {
    try await summaries(query, by: .newest)
  }
}

/// Names that are listed, for those who fill in a search. There are so many at most; see ``CollectorLimits/names``.
public protocol NameListing: Sendable {
  /// The keys of tags whose values are offered for autocompletion.
  var autocompleteKeys: [String] { get }

  /// The names of the services, sorted.
  func serviceNames() -> [String]
  /// The operations of a service, sorted.
  func spanNames(service: String) -> [String]
  /// The services that a service calls or is called by, sorted.
  func remoteServiceNames(service: String) -> [String]
  /// The values seen of a tag; empty if its key is not one of ``autocompleteKeys``.
  func autocompleteValues(key: String) -> [String]
  /// How many names of a kind are not listed any more, as there were too many.
  ///
  /// - Parameter owner: the service that has the names, or the key of the tag; of services nothing.
  func forgottenCount(_ kind: NameKind, of owner: String) -> Int
}

/// What a listed name is of. The numbers are on the disk.
public enum NameKind: UInt8, Sendable, Hashable, CaseIterable {
  /// A service.
  case service = 0
  /// An operation of a service.
  case operation = 1
  /// A service at the other end of a service's spans.
  case remoteService = 2
  /// A value of a tag.
  case tagValue = 4
}

/// Sums up the calls between services.
public protocol CallCounting: Sendable {
  /// The services and the calls between them that began in a time, in milliseconds since 1970. How exactly times are known is
  /// the store's matter.
  func graph(endTs: Int64, lookback: Int64) async throws(CollectorError) -> ServiceGraph

  /// The operations of a service in a time, and how long the time of all calls is, in milliseconds.
  func operations(
    service: String, endTs: Int64, lookback: Int64
  ) async throws(CollectorError) -> (operations: [OperationFigures], length: Int64)
}

extension CallCounting {
  /// The calls between services in a time, each once.
  public func dependencies(endTs: Int64, lookback: Int64) async throws(CollectorError) -> [DependencyLink] {
    try await graph(endTs: endTs, lookback: lookback).edges.map { edge in
      DependencyLink(
        parent: edge.parent, child: edge.child, callCount: edge.figures.calls, errorCount: edge.figures.errors)
    }
  }
}

/// The store as something that runs and may fail.
public protocol StoreLifecycle: Sendable {
  /// The time of day.
  var clock: WallClock { get }
  /// How many spans there are, those sent twice counted twice.
  var spanCount: Int { get }

  /// Why nothing can be stored at the moment, in a sentence that names the store and says what to do; nil if it can.
  func obstacle() async -> String?

  /// Removes what retention does not keep, until cancelled. Without it the store works but grows.
  func run() async throws

  /// Waits for the writes that were begun, refuses others, and closes. A second call does nothing.
  func close() throws(CollectorError)
}
