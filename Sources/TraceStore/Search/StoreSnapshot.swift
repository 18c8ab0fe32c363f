import TraceModel

/// What there is in a store at one moment, for those who read it.
struct StoreSnapshot: Sendable {
  var segments: [Segment]
  /// The spans that are in no segment yet.
  var blocks: [SpanBlock]
  /// At least as new as the spans.
  var texts: TextList
  /// See ``SpanEncoder``.
  var schemas: [[UInt32]]
  let limits: CollectorLimits
  let metrics: CollectorMetrics
  let traceIndexes: TraceIndexCache
}
