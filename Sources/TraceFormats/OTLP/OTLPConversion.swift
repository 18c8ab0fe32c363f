import TraceModel

/// Converts OpenTelemetry's spans to Zipkin's, by the specification's "OpenTelemetry to Zipkin Transformation". What it leaves open
/// (resources, links, the trace state) becomes tags, named as in OpenTelemetry's collector.
struct OTLPConversion {
  private let limits: CollectorLimits
  private let bounds: SpanBounds
  private var result = ParsedSpans()
  private var textBytes = 0

  /// Converts the spans of a request.
  static func spans(of request: OTLPRequest, limits: CollectorLimits) -> ParsedSpans {
    var conversion = OTLPConversion(limits: limits, bounds: SpanBounds(limits: limits))
    conversion.result.values = request.values
    conversion.result.remarks = request.remarks
    conversion.result.unreadSpans = request.unreadSpans
    conversion.result.isMisread = request.hasTextIDs || request.remarks.hasMisspelledKey
    for resource in request.resources where resource.scopes.contains(where: { !$0.spans.isEmpty }) {
      let common = Common(resource)
      for scope in resource.scopes where !scope.spans.isEmpty {
        conversion.add(scope, common)
      }
    }
    return conversion.result
  }

  /// The common data of the spans of a resource, or of one of its scopes.
  private struct Common {
    /// `nil` if unknown; then each span may have its own.
    var service: String?
    /// The service name for spans without one.
    var placeholder = unknown
    var tags = TagList()
    /// The size of the tags in bytes.
    var textBytes = 0
    var problem: String?

    init(_ resource: OTLPRequest.Resource) {
      problem = resource.problem
      for attribute in resource.attributes where attribute.value != .null {
        if attribute.key == "service.name" {
          service = Self.service(attribute.value.text)
          if !attribute.value.text.isEmpty { placeholder = attribute.value.text.lowercased() }
        } else {
          set(attribute)
        }
      }
    }

    /// A service name; `nil` if it is empty, or an SDK's placeholder for an unknown name.
    static func service(_ text: String) -> String? {
      text.isEmpty || text == unknown || text.hasPrefix(unknown + ":") ? nil : text.lowercased()
    }

    static let unknown = "unknown_service"

    mutating func set(_ attribute: Attribute) {
      tags.set(attribute.key, attribute.value.text)
      textBytes += attribute.key.utf8.count + attribute.value.text.utf8.count
    }

    func adding(_ scope: OTLPRequest.Scope) -> Common {
      var common = self
      common.problem = problem ?? scope.problem
      if !scope.name.isEmpty { common.set(Attribute(key: "otel.scope.name", value: .text(scope.name))) }
      if !scope.version.isEmpty { common.set(Attribute(key: "otel.scope.version", value: .text(scope.version))) }
      for attribute in scope.attributes where attribute.value != .null { common.set(attribute) }
      return common
    }
  }

  /// Adds the spans of a scope. Checks the limits of the request before it converts a span.
  private mutating func add(_ scope: OTLPRequest.Scope, _ resource: Common) {
    let isWithinBounds = result.values.take(resource.tags.tags.count, limits)
    let common = isWithinBounds ? resource.adding(scope) : resource
    var commonOrigin: SpanOrigin?
    for span in scope.spans {
      guard let problem = common.problem ?? add(span, common) else { continue }
      // The tags of all spans are looked at once.
      var origin = commonOrigin ?? SpanOrigin(service: common.service ?? common.placeholder, tags: common.tags.tags)
      commonOrigin = origin
      for attribute in span.attributes {
        if attribute.key == "service.name", common.service == nil {
          origin.service = attribute.value.text.lowercased()
        } else {
          origin.add(attribute.key) { attribute.value.text }
        }
      }
      result.rejections.append(SpanRejection(index: span.index, reason: problem, origin: origin))
    }
  }

  /// Adds a span. Returns an error, if any.
  private mutating func add(_ source: OTLPSpan, _ common: Common) -> String? {
    if let problem = source.problem { return problem }
    guard result.values.take(common.tags.tags.count, limits) else { return bounds.tooManyValues }
    let (bytes, isBeyond) = source.textBytes.addingReportingOverflow(common.textBytes)
    guard !isBeyond, bytes <= limits.textBytesPerSpan else { return bounds.textsTooLong }
    guard bytes <= limits.textBytesPerRequest - textBytes else { return bounds.tooMuchText }
    let span = Self.span(source, common)
    if let problem = bounds.problem(span) { return problem }
    // JSON text of lists and maps is longer than the received values.
    let made = bounds.textBytes(span)
    guard made <= limits.textBytesPerRequest - textBytes else { return bounds.tooMuchText }
    textBytes += made
    if source.parentSpanID == source.spanID { result.remarks.add(.parentIsItself) }
    if source.end > 0, source.end < source.start { result.remarks.add(.endBeforeStart) }
    result.spans.append(span)
    result.indices.append(source.index)
    return nil
  }

  private static func span(_ source: OTLPSpan, _ common: Common) -> Span {
    var span = Span(
      traceID: source.traceID ?? TraceID(low: 0), id: source.spanID,
      parentID: source.parentSpanID == 0 || source.parentSpanID == source.spanID ? nil : source.parentSpanID,
      kind: Span.Kind(source.kind), name: source.name.lowercased(), timestamp: microseconds(source.start))
    if source.start > 0, source.end >= source.start {
      // A duration below a microsecond becomes one, since 0 means unknown.
      span.duration = max(1, microseconds(source.end - source.start))
    }
    span.annotations = source.events.map { event in
      Span.Annotation(timestamp: microseconds(event.time), value: text(event))
    }
    var service = common.service
    var tags = common.tags
    for attribute in source.attributes where attribute.value != .null {
      // Some tracers set the name on each span, not on the resource.
      if attribute.key == "service.name", common.service == nil {
        service = Common.service(attribute.value.text)
      } else {
        tags.set(attribute.key, attribute.value.text)
      }
    }
    span.localEndpoint = Endpoint(serviceName: service ?? common.placeholder)
    span.remoteEndpoint = remoteEndpoint(span.kind, tags)
    setStatus(source, &tags)
    for (index, link) in source.links.enumerated() { tags.set("otlp.link.\(index)", text(link)) }
    if !source.traceState.isEmpty { tags.set("w3c.tracestate", source.traceState) }
    for (key, count) in [
      ("otel.dropped_attributes_count", source.droppedAttributes), ("otel.dropped_events_count", source.droppedEvents),
      ("otel.dropped_links_count", source.droppedLinks),
    ] where count > 0 {
      tags.set(key, String(count))
    }
    span.tags = tags.tags
    return span
  }

  private static func microseconds(_ nanoseconds: UInt64) -> Int64 { Int64(clamping: nanoseconds / 1_000) }

  private static func setStatus(_ source: OTLPSpan, _ tags: inout TagList) {
    switch source.status {
    case .unset: break
    case .ok: tags.set("otel.status_code", "OK")
    case .error:
      tags.set("otel.status_code", "ERROR")
      tags.set("error", source.statusMessage.isEmpty ? failure(source) : source.statusMessage)
      return
    }
    // In Zipkin, any tag with this name marks a failure.
    if source.status == .ok || tags.value("error") == "false" { tags.remove("error") }
  }

  /// The error text of a failed span without a status message: the message of the last exception, or its type, or the error type.
  private static func failure(_ source: OTLPSpan) -> String {
    func text(_ key: String, in attributes: [Attribute]) -> String? {
      attributes.last { $0.key == key }.map(\.value.text).flatMap { $0.isEmpty ? nil : $0 }
    }
    let exception = source.events.last { $0.name == "exception" }?.attributes ?? []
    return text("exception.message", in: exception) ?? text("exception.type", in: exception)
      ?? text("error.message", in: source.attributes) ?? text("error.type", in: source.attributes) ?? ""
  }

  /// Formats an event: its name, followed by its attributes as JSON.
  private static func text(_ event: OTLPSpan.Event) -> String {
    AttributeText.event(event.name, event.attributes)
  }

  private static func text(_ link: OTLPSpan.Link) -> String {
    let attributes = AttributeText.object(link.attributes).text
    return "\(link.traceID?.description ?? "")|\(Hexadecimal.text(link.spanID))|\(link.traceState)|\(attributes)|0"
  }

  // MARK: Remote endpoint

  /// Attributes with the name of the remote service, in order of preference, each with the attribute of its port.
  private static let peerNames: [(name: String, port: String?)] = [
    ("peer.service", nil), ("server.address", "server.port"), ("net.peer.name", "net.peer.port"),
    ("network.peer.address", "network.peer.port"), ("server.socket.domain", "server.socket.port"),
    ("server.socket.address", "server.socket.port"), ("net.sock.peer.name", "net.sock.peer.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"), ("peer.hostname", "peer.port"), ("peer.address", "peer.port"),
    // Attributes of Datadog's.
    ("out.host", "network.destination.port"), ("db.name", nil),
  ]

  /// Attributes with the remote address, in order of preference.
  private static let peerAddresses: [(name: String, port: String?)] = [
    ("network.peer.address", "network.peer.port"), ("net.sock.peer.addr", "net.sock.peer.port"),
    ("server.socket.address", "server.socket.port"), ("net.peer.ip", "net.peer.port"),
    ("client.address", "client.port"),
  ]

  /// The remote endpoint. A client names its server. A server knows at best an address, unless it is told the caller's service.
  static func remoteEndpoint(_ kind: Span.Kind?, _ tags: TagList) -> Endpoint? {
    var endpoint = Endpoint()
    func port(_ key: String?) -> UInt16 { key.flatMap { tags.value($0) }.flatMap { UInt16($0) } ?? 0 }
    if kind == .client || kind == .producer {
      // Envoy names the called cluster. Its `peer.address` is the caller's, in all of its spans.
      let cluster = kind == .client ? tags.value(PeerService.clusterTag) : nil
      if let cluster, PeerService.isName(text: cluster) { endpoint.serviceName = cluster.lowercased() }
      for (name, portName) in peerNames where endpoint.serviceName.isEmpty {
        guard cluster == nil || name != "peer.address", let value = tags.value(name), !value.isEmpty else { continue }
        // An address is not a service name. The next attribute may have one.
        if PeerService.isName(text: value) {
          endpoint.serviceName = value.lowercased()
        } else if endpoint.ipv4.isEmpty, endpoint.ipv6.isEmpty {
          _ = IPAddressText.set(value, in: &endpoint)
        }
        if endpoint.port == 0 { endpoint.port = port(portName) }
      }
    } else if let service = tags.value("peer.service") {
      endpoint.serviceName = service.lowercased()
    }
    guard kind != nil else { return endpoint.isEmpty ? nil : endpoint }
    if endpoint.ipv4.isEmpty, endpoint.ipv6.isEmpty {
      for (name, portName) in peerAddresses {
        guard kind == .server || kind == .consumer || name != "client.address", let value = tags.value(name),
          IPAddressText.set(value, in: &endpoint)
        else { continue }
        if endpoint.port == 0 { endpoint.port = port(portName) }
        break
      }
    }
    return endpoint.isEmpty ? nil : endpoint
  }
}

extension Span.Kind {
  fileprivate init?(_ kind: OTLPSpan.Kind) {
    switch kind {
    case .unspecified, .internal: return nil
    case .server: self = .server
    case .client: self = .client
    case .producer: self = .producer
    case .consumer: self = .consumer
    }
  }
}
