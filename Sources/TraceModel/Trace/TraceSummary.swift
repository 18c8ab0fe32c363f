/// The summary of a trace for a list of traces.
public struct TraceSummary: Sendable {
  /// A service's part in a trace.
  public struct Service: Sendable, Hashable {
    /// The name; empty if its spans have none.
    public var name: String
    /// The number of its spans.
    public var spanCount: Int
    /// The number of failed spans.
    public var errorCount: Int
  }

  /// The trace.
  public let traceID: TraceID
  /// The service of its first span.
  public let rootService: String
  /// The operation of its first span.
  public let rootName: String
  /// The start in microseconds since 1970; 0 if unknown.
  public let timestamp: Int64
  /// The time from the start to the end of the last span, in microseconds.
  public let duration: Int64
  /// The number of spans.
  public let spanCount: Int
  /// The number of failed spans.
  public let errorCount: Int
  /// The number of spans with missing parents.
  public let detachedCount: Int
  /// The participating services, in the order of the tree.
  public let services: [Service]

  /// Summarizes a tree; `nil` if it is empty.
  public init?(_ tree: SpanTree) {
    guard let root = tree.nodes.first?.span else { return nil }
    var services: [Service] = []
    var positions: [String: Int] = [:]
    var high: UInt64 = 0
    var errors = 0
    var detached = 0
    for node in tree.nodes {
      let span = node.span
      if high == 0 { high = span.traceID.high }
      if node.isDetached { detached += 1 }
      let position = positions[span.serviceName] ?? services.count
      if position == services.count {
        positions[span.serviceName] = position
        services.append(Service(name: span.serviceName, spanCount: 0, errorCount: 0))
      }
      services[position].spanCount += 1
      if span.isError {
        services[position].errorCount += 1
        errors += 1
      }
    }
    traceID = TraceID(high: high, low: root.traceID.low)
    rootService = root.serviceName
    rootName = root.name
    (timestamp, duration) = TraceTimes.extent(of: tree.nodes.lazy.map(\.span))
    spanCount = tree.nodes.count
    errorCount = errors
    detachedCount = detached
    self.services = services
  }
}
