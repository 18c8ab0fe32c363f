package import TraceModel

/// The conditions of a search: Zipkin's query parameters. A trace matches if it meets all conditions that are set.
public struct TraceQuery: Sendable, Hashable {
  /// A service in the trace. If set, the other conditions apply only to its spans.
  public var serviceName: String?
  /// The operation of a span.
  public var spanName: String?
  /// The service at the other end of a span.
  public var remoteServiceName: String?
  /// Tags with their values. An empty value stands for an annotation, or for a tag with any value.
  public var annotations: [(key: String, value: String)] {
    get { conditions.map { ($0.key, $0.value) } }
    set { conditions = newValue.map { Span.Tag($0.key, $0.value) } }
  }
  private(set) var conditions: [Span.Tag] = []
  /// The shortest duration of a span in microseconds.
  public var minDuration: Int64?
  /// The longest duration of a span in microseconds.
  public var maxDuration: Int64?
  /// The longest duration of the whole trace in microseconds, from its first start to its last end.
  public var maxTraceDuration: Int64?
  /// Whether a span must have failed.
  public var errorsOnly = false
  /// Whether traces of the collector's own canary are found too, as ``SpanWriting/add(canary:bytes:)`` stored them.
  public var includesCanary = false
  /// The latest start of a trace, in milliseconds since 1970.
  public var endTs: Int64
  /// How long before ``endTs`` a trace may have started, in milliseconds.
  public var lookback: Int64
  /// The largest number of traces to return.
  public var limit: Int

  /// Makes a query that finds all traces in a time range.
  public init(endTs: Int64, lookback: Int64, limit: Int = 10) {
    self.endTs = endTs
    self.lookback = lookback
    self.limit = limit
  }

  /// The earliest start of a trace, in milliseconds since 1970.
  var startTs: Int64 { endTs.subtractingReportingOverflow(lookback).overflow ? 0 : max(0, endTs &- lookback) }

  /// Whether a trace matches. Different spans of it may meet different conditions.
  package func matches(_ spans: [Span]) -> Bool {
    guard let timestamp = TraceTimes.timestamp(of: spans) else { return false }
    guard timestamp / 1_000 >= startTs, timestamp / 1_000 <= endTs else { return false }
    if let maxTraceDuration, TraceTimes.extent(of: spans).length > maxTraceDuration { return false }
    var needsService = serviceName != nil
    var needsName = spanName != nil
    var needsRemote = remoteServiceName != nil
    var needsDuration = minDuration != nil || maxDuration != nil
    var needsError = errorsOnly
    var missing = conditions
    for span in spans where serviceName == nil || span.serviceName == serviceName {
      needsService = false
      if span.name == spanName { needsName = false }
      if needsRemote, span.remoteServiceName == remoteServiceName || span.peerService == remoteServiceName {
        needsRemote = false
      }
      if needsError, span.isError { needsError = false }
      if span.duration >= minDuration ?? 0, span.duration <= maxDuration ?? .max { needsDuration = false }
      if !missing.isEmpty {
        missing.removeAll { condition in
          condition.value.isEmpty
            ? span.tag(condition.key) != nil || span.annotations.contains { $0.value == condition.key }
            : span.tag(condition.key) == condition.value
        }
      }
    }
    return !needsService && !needsName && !needsRemote && !needsDuration && !needsError && missing.isEmpty
  }
}
