public import MeshModel

/// Where a proxy sends its spans, and how many requests are traced.
public struct TracingDestination: Sendable, Hashable {
  /// The backend's name.
  public var backend: String
  /// The share of requests traced, in percent; with `nil`, Envoy traces all.
  public var sampling: Double?
  /// What receives the spans.
  public var receiver: Receiver

  /// Makes a destination.
  public init(backend: String, sampling: Double?, receiver: Receiver) {
    self.backend = backend
    self.sampling = sampling
    self.receiver = receiver
  }

  /// A kind of receiver.
  public enum Receiver: Sendable, Hashable {
    /// A collector of Zipkin spans.
    case zipkin(CollectorURL, ZipkinOptions)
    /// A Datadog agent.
    case datadog(address: String, port: UInt16, splitService: Bool)

    /// The form of Zipkin spans; `nil` for others.
    public var zipkinFormat: ZipkinFormat? {
      if case .zipkin(_, let options) = self { options.format } else { nil }
    }
  }

  /// How Zipkin spans are encoded.
  public enum ZipkinFormat: Sendable, Hashable {
    /// JSON, version 2.
    case json
    /// Protobuf, version 2.
    case protobuf
  }
}

extension TracingDestination {
  /// Converts a mesh's backend; `nil` when its settings are invalid, which validation prevents.
  public init?(_ backend: TracingBackend) {
    switch backend.kind {
    case .zipkin:
      guard let conf = try? backend.zipkin(), let url = try? CollectorURL(conf.url) else { return nil }
      self.init(
        backend: backend.name, sampling: backend.sampling,
        receiver: .zipkin(url, ZipkinOptions(conf)))
    case .datadog:
      guard let conf = try? backend.datadog(), let port = UInt16(exactly: conf.port), port > 0, !conf.address.isEmpty
      else { return nil }
      self.init(
        backend: backend.name, sampling: backend.sampling,
        receiver: .datadog(address: conf.address, port: port, splitService: conf.splitService))
    case nil: return nil
    }
  }
}

/// How a proxy sends Zipkin spans to a collector.
public struct ZipkinOptions: Sendable, Hashable {
  /// How spans are encoded.
  public var format: TracingDestination.ZipkinFormat
  /// Whether the control plane chooses the format for each proxy. The mesh gives JSON then, which every collector reads.
  public var isAutomatic: Bool
  /// Whether new trace ids have 128 bits.
  public var traceId128bit: Bool
  /// Whether client and server share a span id; absent leaves it to Envoy (yes).
  public var sharedSpanContext: Bool?
  /// Whether proxies read `traceparent` where B3 is missing, and write both.
  public var usesW3CTraceContext: Bool

  /// Makes options.
  public init(
    format: TracingDestination.ZipkinFormat = .json, isAutomatic: Bool = false, traceId128bit: Bool = false,
    sharedSpanContext: Bool? = nil, usesW3CTraceContext: Bool = false
  ) {
    self.format = format
    self.isAutomatic = isAutomatic
    self.traceId128bit = traceId128bit
    self.sharedSpanContext = sharedSpanContext
    self.usesW3CTraceContext = usesW3CTraceContext
  }

  /// The options that a mesh's backend asks for.
  ///
  /// `httpJsonV1` is accepted and means JSON version 2, as in Kuma 2.7.
  init(_ conf: ZipkinConf) {
    self.init(
      format: conf.apiVersion == "httpProto" ? .protobuf : .json, isAutomatic: conf.isAutomatic,
      traceId128bit: conf.traceId128bit, sharedSpanContext: conf.sharedSpanContext,
      usesW3CTraceContext: conf.usesW3CTraceContext)
  }
}
