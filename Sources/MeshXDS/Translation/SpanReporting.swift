public import MeshPolicy

/// How a proxy reports spans: by which tracer, and with which values of Envoy's runtime.
public struct SpanReporting: Sendable, Hashable {
  /// The hash of the configuration of the Zipkin tracer; `nil` if no listener has one. Envoy makes one tracer for all
  /// listeners with equal configurations.
  public var tracer: ContentHash?
  /// The number of spans at which a report leaves: `tracing.zipkin.min_flush_spans`.
  public var minimumSpans: Int
  /// The time after which a report leaves with fewer spans: `tracing.zipkin.flush_interval_ms`.
  public var flushInterval: Duration
  /// The time within which a report must be answered, retries included: `tracing.zipkin.request_timeout`.
  public var requestTimeout: Duration

  /// The reporting of a proxy without a Zipkin tracer: Envoy's defaults.
  public static let untraced = SpanReporting(nil)

  /// The time within which a report must be answered that is sent again while the collector is away.
  static let longestRequestTimeout = Duration.seconds(15)

  /// The reporting of every kind of destination.
  static let all = [false, true].flatMap { isProtobuf in
    [false, true].map { SpanReporting(isProtobuf: isProtobuf, isAutomatic: $0, tracer: nil) }
  }

  /// The reporting to a destination.
  ///
  /// Reports are large only in protobuf. In JSON, Envoy's cost grows with the square of their size (seen with 1.40).
  ///
  /// - Parameters:
  ///   - destination: where spans go, in the format that is used; `nil` for a proxy that traces nothing.
  ///   - tracer: the hash of the tracer's configuration.
  public init(_ destination: TracingDestination?, tracer: ContentHash? = nil) {
    guard case .zipkin(_, let options) = destination?.receiver else {
      self.init(isProtobuf: false, isAutomatic: false, tracer: nil)
      return
    }
    self.init(isProtobuf: options.format == .protobuf, isAutomatic: options.isAutomatic, tracer: tracer)
  }

  private init(isProtobuf: Bool, isAutomatic: Bool, tracer: ContentHash?) {
    self.tracer = tracer
    minimumSpans = isProtobuf ? 50 : 5
    flushInterval = isAutomatic ? .seconds(1) : .seconds(5)
    // With `auto`, reports are retried while the collector is away.
    requestTimeout = isAutomatic ? Self.longestRequestTimeout : .seconds(5)
  }
}
