/// A trace in a line: what a list of traces shows.
public struct TraceSummary: Sendable {
  /// A service's part in a trace.
  public struct Service: Sendable, Hashable {
    /// Its name; empty if its spans do not say.
    public var name: String
    /// How many spans it reported.
    public var spanCount: Int
    /// How many of them failed.
    public var errorCount: Int
  }

  /// The trace.
  public let traceID: TraceID
  /// The service of its first span.
  public let rootService: String
  /// The operation of its first span.
  public let rootName: String
  /// Its start in microseconds since 1970; 0 if no span says.
  public let timestamp: Int64
  /// From its start to the end of its last span, in microseconds.
  public let duration: Int64
  /// How many spans it has.
  public let spanCount: Int
  /// How many of them failed.
  public let errorCount: Int
  /// How many spans hang nowhere because their parents are not there.
  public let detachedCount: Int
  /// The services that took part, in the order in which they appear in the tree.
  public let services: [Service]

  /// Sums a tree up; nil if it has no span.
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
