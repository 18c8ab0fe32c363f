/// The limits of the collector. Everything that a sender chooses has a limit.
public struct CollectorLimits: Sendable, Hashable {
  /// The size of a request's body in bytes, as received and after decompression.
  public var bodyBytes = 10 * 1024 * 1024
  /// Spans in one request.
  public var spansPerRequest = 20_000
  /// The nesting depth of JSON.
  public var nesting = 32
  /// Tags of one span.
  public var tagsPerSpan = 512
  /// Annotations of one span.
  public var annotationsPerSpan = 1_024
  /// The length of a service's name or a tag's key in bytes. A longer operation name is stored, but not listed or indexed.
  public var nameBytes = 1_024
  /// The total size of all texts of one span in bytes.
  public var textBytesPerSpan = 128 * 1024
  /// The total size of all texts in one request in bytes. Resource attributes of OpenTelemetry count for each of their spans.
  public var textBytesPerRequest = 32 * 1024 * 1024
  /// Tags, annotations, attributes, links and list elements of one request. Resource attributes of OpenTelemetry count for each of
  /// their spans. Values beyond the limit are not parsed.
  public var valuesPerRequest = 500_000
  /// The largest ratio of a body's decompressed size to its received size, for bodies larger than ``freelyUnpackedBytes``.
  public var unpackingRatio = 200
  /// The decompressed size in bytes up to which the ratio does not matter.
  public var freelyUnpackedBytes = 1024 * 1024
  /// The limits up to which the receiving thread parses a request itself. Larger requests are parsed by other threads, so that
  /// small ones do not wait for them.
  package var smallRequest = SmallRequest()
  /// Services in lists. Beyond the limit the least recently used ones are evicted, and listed again with their next span. No span
  /// is refused for it.
  public var services = 10_000
  /// Operations, and remote services, in the lists of one service; evicted like services.
  public var namesPerService = 2_000
  /// Operations, remote services and values in the lists of all services; evicted like services.
  public var names = 200_000
  /// Series of the metrics of requests, and as many of those of calls. Further ones count as `other`; with 0 there are no such metrics.
  public var metricSeries = 1_000
  /// Spans in the pending queue. Beyond the limit, requests are refused.
  public var waitingSpans = 200_000
  /// The size of the JSON of the spans in the pending queue in bytes. Beyond the limit, requests are refused.
  public var waitingBytes = 256 * 1024 * 1024
  /// Traces in the answer to one query.
  public var tracesPerQuery = 1_000
  /// Traces that one query may examine before it answers with its matches.
  public var tracesScannedPerQuery = 50_000
  /// Spans in the answer to one query. Beyond the limit, the query answers with fewer traces.
  public var spansPerQuery = 100_000
  /// Spans that are read of one trace.
  public var spansPerTrace = 50_000
  /// Traces of the collector's own canary that are kept, the newest.
  public var canaryTraces = 100

  /// The limits of a small request.
  package struct SmallRequest: Sendable, Hashable {
    package var bytes = 64 * 1024
    package var values = 2_048
  }

  /// The default limits.
  public init() {}
}
