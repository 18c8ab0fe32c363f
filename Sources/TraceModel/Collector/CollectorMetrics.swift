package import Synchronization

/// What has been counted since the start; for Prometheus. Reading is cheap and never waits.
public final class CollectorMetrics: Sendable {
  /// The counters at one moment.
  public struct Snapshot: Sendable, Hashable {
    /// Requests to store spans.
    public var requests: Int
    /// Those of which nothing was stored.
    public var requestsFailed: Int
    /// Bytes of their bodies as they came.
    public var requestBytes: Int
    /// Spans that are on the disk.
    public var spansAccepted: Int
    /// Spans that were refused because something in them is wrong.
    public var spansRejected: Int
    /// Spans that were refused because the store was full, locked or too far behind; the sender was told.
    public var spansDropped: Int
    /// Transactions that stored spans.
    public var commits: Int
    /// Spans that retention has removed.
    public var spansExpired: Int
    /// How often retention has looked for what is to go.
    public var retentionRuns: Int
    /// Names of services, operations and the like that are not listed any more, as there were too many.
    public var namesForgotten: Int
    /// Queries answered.
    public var queries: Int
    /// Spans whose ids came with their bytes in reverse, and were put right.
    public var spansTurned: Int
    /// Spans in protobuf of which nothing told, when they came, in which order the bytes of their ids are.
    public var spansUndecided: Int
    /// Traces whose spans were read for queries.
    public var tracesRead: Int
    /// Packed pieces of the disk that were unpacked, for queries and to put spans in order.
    public var chunksUnpacked: Int
  }

  package let requests = Atomic(0)
  package let requestsFailed = Atomic(0)
  package let requestBytes = Atomic(0)
  package let spansAccepted = Atomic(0)
  package let spansRejected = Atomic(0)
  package let spansDropped = Atomic(0)
  package let commits = Atomic(0)
  package let spansExpired = Atomic(0)
  package let retentionRuns = Atomic(0)
  package let namesForgotten = Atomic(0)
  package let queries = Atomic(0)
  package let spansTurned = Atomic(0)
  package let spansUndecided = Atomic(0)
  package let tracesRead = Atomic(0)
  package let chunksUnpacked = Atomic(0)

  /// Makes counters that stand at zero.
  public init() {}

  /// The counters now.
  public var snapshot: Snapshot {
    Snapshot(
      requests: requests.load(ordering: .relaxed), requestsFailed: requestsFailed.load(ordering: .relaxed),
      requestBytes: requestBytes.load(ordering: .relaxed), spansAccepted: spansAccepted.load(ordering: .relaxed),
      spansRejected: spansRejected.load(ordering: .relaxed), spansDropped: spansDropped.load(ordering: .relaxed),
      commits: commits.load(ordering: .relaxed),
      spansExpired: spansExpired.load(ordering: .relaxed),
      retentionRuns: retentionRuns.load(ordering: .relaxed), namesForgotten: namesForgotten.load(ordering: .relaxed),
      queries: queries.load(ordering: .relaxed), spansTurned: spansTurned.load(ordering: .relaxed),
      spansUndecided: spansUndecided.load(ordering: .relaxed), tracesRead: tracesRead.load(ordering: .relaxed),
      chunksUnpacked: chunksUnpacked.load(ordering: .relaxed))
  }
}

extension Atomic<Int> {
  package func count(_ amount: Int) { wrappingAdd(amount, ordering: .relaxed) }
}
