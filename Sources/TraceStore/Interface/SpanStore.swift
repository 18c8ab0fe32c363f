public import TraceModel

/// Stores spans, finds their traces, and notifies observers of stored spans.
///
/// A query that begins after ``SpanWriting/add(_:bytes:)-([Span],_)`` has returned finds the added spans. Each kind of caller has a
/// protocol of its own. Every store passes `SpanStoreContract`.
public protocol SpanStore: SpanWriting, SpanObserving, TraceSearching, NameListing, CallCounting, StoreLifecycle {}

/// Stores spans.
public protocol SpanWriting: Sendable {
  /// Spans of one request on their way into the store.
  associatedtype Batch: SpanSink & Sendable

  /// The bounds on what senders may send.
  var limits: CollectorLimits { get }
  /// The store's counters.
  var metrics: CollectorMetrics { get }
  /// Hides what spans carry by accident, before they are stored, and counts it.
  var privacy: SpanPrivacy { get }

  /// An empty batch, into which a parser writes the spans of one request.
  func makeBatch() -> Batch

  /// Stores the spans of a batch. Returns when they are durable; throws if none was stored.
  ///
  /// - Parameter bytes: the size of the spans as JSON, which bounds the pending queue.
  /// - Returns: how many names were evicted because these spans have new names.
  func add(_ batch: Batch, bytes: Int) async throws(CollectorError) -> Int

  /// Stores spans, as ``add(_:bytes:)-(Batch,_)`` does.
  @discardableResult func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int

  /// Stores the trace of the collector's own canary, in the same transactions as the spans of others, and apart from them: only
  /// ``TraceSearching/trace(_:)`` and searches with ``TraceQuery/includesCanary`` find it. It is in no list and in no count, and
  /// observers are not told of it. The newest ``CollectorLimits/canaryTraces`` are kept.
  ///
  /// - Parameters:
  ///   - batch: the spans of one trace.
  ///   - bytes: the size of the spans as JSON.
  func add(canary batch: Batch, bytes: Int) async throws(CollectorError)

  /// How many spans wait to be stored. From ``CollectorLimits/waitingSpans`` on, the caller should refuse requests.
  var waitingSpanCount: Int { get }
}

/// The batch of a store that keeps spans as they are.
public struct SpanList: SpanSink, Sendable {
  /// The spans.
  public private(set) var spans: [Span] = []

  /// An empty list.
  public init() {}

  /// How many spans the list has.
  public var count: Int { spans.count }

  /// Adds a span.
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
  /// How many spans these are.
  public let count: Int
  private let read: @Sendable (_ keys: [String]?) -> [Span]
  private let indexed: (@Sendable () -> Index)?

  /// What is known of the spans without reading them, in the order of their arrival.
  package struct Index {
    /// The spans, which have hashes in the place of names.
    package var entries: [SpanEntry]
    /// The service or operation with a hash; `nil` for a name that is too long for lists, or that the lists have evicted since.
    package var name: (UInt64) -> String?
  }

  /// - Parameter read: reads the spans, in the order of their arrival. With keys, it may leave out annotations and other tags.
  public init(count: Int, _ read: @escaping @Sendable (_ keys: [String]?) -> [Span]) {
    self.count = count
    self.read = read
    indexed = nil
  }

  /// - Parameter index: gives the same spans without reading them.
  package init(
    count: Int, index: @escaping @Sendable () -> Index, _ read: @escaping @Sendable (_ keys: [String]?) -> [Span]
  ) {
    self.count = count
    self.read = read
    indexed = index
  }

  /// What is known of the spans without reading them, where the store has that.
  package func index() -> Index {
    if let indexed { return indexed() }
    let spans = spans(withTags: [])
    var names: [UInt64: String] = [:]
    for span in spans {
      for name in [span.serviceName, span.name, span.peerService] { names[TextHash.hash(name)] = name }
    }
    return Index(entries: spans.map { SpanEntry($0, received: 0) }) { [names] in names[$0] }
  }

  /// Reads the spans, in the order of their arrival.
  public func spans() -> [Span] { read(nil) }

  /// Reads the spans, in the order of their arrival. They need not have annotations and tags with other keys.
  public func spans(withTags keys: [String]) -> [Span] { read(keys) }
}

/// Notifies observers of stored spans.
public protocol SpanObserving: Sendable {
  /// Adds an observer. It is called with all spans once they are durable, in the order in which they were stored. It must return
  /// quickly, and must not call the store.
  func observe(_ function: @escaping @Sendable (StoredSpans) -> Void)

  /// The ids and parent ids in recent spans of some traces, if the byte order of the ids is certain. A store need not know any.
  ///
  /// - Parameter traces: the low halves of the traces' ids.
  func recentIDs(in traces: Set<UInt64>) -> Set<KnownID>
}

/// Finds traces.
public protocol TraceSearching: Sendable {
  /// The spans of a trace. An id of 64 bits also finds the trace of 128 bits whose low half it is, and the other way round.
  func trace(_ id: TraceID) async throws(CollectorError) -> [Span]?

  /// The stored traces among some ids. A trace that two ids name, one of 64 and one of 128 bits, is returned once.
  func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]]

  /// The newest traces that match, each a list of spans in the order of their starts.
  func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]>

  /// Summaries of the first matching traces in an order.
  func summaries(_ query: TraceQuery, by order: TraceOrder) async throws(CollectorError) -> TraceSearch<TraceSummary>
}

extension TraceSearching {
  /// Summaries of the newest matching traces.
  public func summaries(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<TraceSummary> {
    try await summaries(query, by: .newest)
  }
}

/// Lists names that a search can ask for, up to ``CollectorLimits/names``.
public protocol NameListing: Sendable {
  /// The keys of tags whose values are offered for autocompletion.
  var autocompleteKeys: [String] { get }

  /// The names of the services, sorted.
  func serviceNames() -> [String]
  /// The operations of a service, sorted.
  func spanNames(service: String) -> [String]
  /// The services that a service calls or is called by, sorted.
  func remoteServiceNames(service: String) -> [String]
  /// The known values of a tag; empty if its key is not one of ``autocompleteKeys``.
  func autocompleteValues(key: String) -> [String]
  /// How many names of a kind were evicted because there were too many.
  ///
  /// - Parameter owner: the service that has the names, or the key of the tag; empty for services.
  func evictedCount(_ kind: NameKind, of owner: String) -> Int
}

/// The kind of a listed name. The raw values are stored.
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

/// Counts the calls between services.
public protocol CallCounting: Sendable {
  /// The services, and the calls between them that began in a time range, in milliseconds since 1970. Each store chooses the
  /// resolution of times.
  func graph(endTs: Int64, lookback: Int64) async throws(CollectorError) -> ServiceGraph

  /// The operations of a service in a time range, and the length of the time that has calls, in milliseconds.
  func operations(
    service: String, endTs: Int64, lookback: Int64
  ) async throws(CollectorError) -> (operations: [OperationFigures], length: Int64)
}

extension CallCounting {
  /// The calls between services in a time range.
  public func dependencies(endTs: Int64, lookback: Int64) async throws(CollectorError) -> [DependencyLink] {
    try await graph(endTs: endTs, lookback: lookback).edges.map { edge in
      DependencyLink(
        parent: edge.parent, child: edge.child, callCount: edge.figures.calls, errorCount: edge.figures.errors)
    }
  }
}

/// Runs and closes a store, and reports its state.
public protocol StoreLifecycle: Sendable {
  /// The time of day.
  var clock: WallClock { get }
  /// How many spans are stored. A span that was sent twice counts twice.
  var spanCount: Int { get }

  /// Why no span can be stored now, in a sentence that names the store and says what to do; nil if spans can be stored.
  func obstacle() async -> String?

  /// Deletes what retention does not keep, until cancelled. Without it the store works, but grows.
  func run() async throws

  /// Waits for pending requests, refuses new ones, and closes the store. A second call does nothing.
  func close() throws(CollectorError)
}
