import TraceModel

/// The content of a store at one moment.
struct StoreSnapshot: Sendable {
  var segments: [Segment]
  /// The spans that are not compacted yet.
  var blocks: [SpanBlock]
  /// At least as new as the spans.
  var texts: TextList
  /// See ``SpanEncoder``.
  var schemas: [[UInt32]]
  let limits: CollectorLimits
  let metrics: CollectorMetrics
  let traceIndexes: TraceIndexCache
}
