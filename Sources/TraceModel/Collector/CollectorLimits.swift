/// What the collector lets in. A bound exists for everything that a sender chooses.
public struct CollectorLimits: Sendable, Hashable {
  /// Bytes of a request's body, as it came and also after it was inflated.
  public var bodyBytes = 10 * 1024 * 1024
  /// Spans in one request.
  public var spansPerRequest = 20_000
  /// How deep JSON may be nested.
  public var nesting = 32
  /// Tags of one span.
  public var tagsPerSpan = 512
  /// Annotations of one span.
  public var annotationsPerSpan = 1_024
  /// Bytes of a service's or a tag's name. A longer name of an operation is stored, but not listed or indexed.
  public var nameBytes = 1_024
  /// Bytes of all texts of one span together.
  public var textBytesPerSpan = 128 * 1024
  /// Bytes of all texts of the spans of one request, what OpenTelemetry's resources say counted for each of their spans.
  public var textBytesPerRequest = 32 * 1024 * 1024
  /// Tags, annotations, attributes, links and elements of lists of one request, what OpenTelemetry's resources say counted
  /// for each of their spans. Nothing is made of what is beyond.
  public var valuesPerRequest = 500_000
  /// How many times as large as it came a body may become when it is unpacked, once it is larger than
  /// ``freelyUnpackedBytes``.
  public var unpackingRatio = 200
  /// Bytes up to which a body may be unpacked whatever its ratio is.
  public var freelyUnpackedBytes = 1024 * 1024
  /// Bytes, unpacked, and values of a request that is read at once by the thread that received it. Larger requests are
  /// read by threads of their own, so that others do not wait for them.
  package var smallRequest = SmallRequest()
  /// Different services that are listed; beyond that those used longest ago are forgotten, and listed again with their
  /// next span. No span is refused for it.
  public var services = 10_000
  /// Different operations, and different remote services, of one service that are listed; beyond that as with services.
  public var namesPerService = 2_000
  /// Operations, remote services and values of all services together that are listed; beyond that as with services.
  public var names = 200_000
  /// Spans that wait for the disk; more are refused for the moment.
  public var waitingSpans = 200_000
  /// Bytes of the JSON of the spans that wait for the disk; more are refused for the moment.
  public var waitingBytes = 256 * 1024 * 1024
  /// Traces that one query may ask for.
  public var tracesPerQuery = 1_000
  /// Traces that one query may look at before it answers with what it has found.
  public var tracesScannedPerQuery = 50_000
  /// Spans that one query may answer with, before it answers with what it has found.
  public var spansPerQuery = 100_000
  /// Spans of one trace that are read.
  public var spansPerTrace = 50_000

  /// What a small request has at most.
  package struct SmallRequest: Sendable, Hashable {
    package var bytes = 16 * 1024
    package var values = 2_048
  }

  /// The limits that suit a few dozen services.
  public init() {}
}
