import TraceModel

/// Makes Zipkin's spans of OpenTelemetry's, as the specification's "OpenTelemetry to Zipkin Transformation" has it; what it
/// leaves open (resources, links, the trace's state) becomes tags, with the names that OpenTelemetry's collector uses.
struct OTLPConversion {
  private let limits: CollectorLimits
  private let bounds: SpanBounds
  private var result = ParsedSpans()
  private var textBytes = 0

  /// The spans of a request, and those that are refused.
  static func spans(of request: OTLPRequest, limits: CollectorLimits) -> ParsedSpans {
    var conversion = OTLPConversion(limits: limits, bounds: SpanBounds(limits: limits))
    conversion.result.values = request.values
    for resource in request.resources where resource.scopes.contains(where: { !$0.spans.isEmpty }) {
      let common = Common(resource)
      for scope in resource.scopes where !scope.spans.isEmpty {
        conversion.add(scope, common)
      }
    }
    return conversion.result
  }

  /// What the spans of an origin, or of one of its libraries, have in common.
  private struct Common {
    /// Nil without a name, which each span may have by itself.
    var service: String?
    /// What stands for a name that nobody gives.
    var placeholder = unknown
    var tags = TagList()
    /// Bytes of the texts of the tags.
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

    /// The name of a service; nil if it is none, or what SDKs put for one that they do not know.
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

  /// Adds the spans of a library. What goes beyond a bound of the request is found out before anything is made of it.
  private mutating func add(_ scope: OTLPRequest.Scope, _ resource: Common) {
    let isWithinBounds = result.values.take(resource.tags.tags.count, limits)
    let common = isWithinBounds ? resource.adding(scope) : resource
    for span in scope.spans {
      if let problem = common.problem ?? add(span, common) {
        result.rejections.append(SpanRejection(index: span.index, reason: problem))
      }
    }
  }

  /// Adds a span; gives what is wrong with it.
  private mutating func add(_ source: OTLPSpan, _ common: Common) -> String? {
    if let problem = source.problem { return problem }
    guard result.values.take(common.tags.tags.count, limits) else { return bounds.tooManyValues }
    let (bytes, isBeyond) = source.textBytes.addingReportingOverflow(common.textBytes)
    guard !isBeyond, bytes <= limits.textBytesPerSpan else { return bounds.textsTooLong }
    guard bytes <= limits.textBytesPerRequest - textBytes else { return bounds.tooMuchText }
    let span = Self.span(source, common)
    if let problem = bounds.problem(span) { return problem }
    // What lists and maps have become is longer than what was read.
    let made = bounds.textBytes(span)
    guard made <= limits.textBytesPerRequest - textBytes else { return bounds.tooMuchText }
    textBytes += made
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
      // Less than a microsecond is one: 0 means that the length is unknown.
      span.duration = max(1, microseconds(source.end - source.start))
    }
    span.annotations = source.events.map { event in
      Span.Annotation(timestamp: microseconds(event.time), value: text(event))
    }
    var service = common.service
    var tags = common.tags
    for attribute in source.attributes where attribute.value != .null {
      // Some tracers give the name to each span, if the process has none.
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
    // Zipkin takes any tag of this name for a failure.
    if source.status == .ok || tags.value("error") == "false" { tags.remove("error") }
  }

  /// What a failed span says of its failure when its status has no text: the message of the last exception, or its type,
  /// or the type of the error.
  private static func failure(_ source: OTLPSpan) -> String {
    func text(_ key: String, in attributes: [Attribute]) -> String? {
      attributes.last { $0.key == key }.map(\.value.text).flatMap { $0.isEmpty ? nil : $0 }
    }
    let exception = source.events.last { $0.name == "exception" }?.attributes ?? []
    return text("exception.message", in: exception) ?? text("exception.type", in: exception)
      ?? text("error.message", in: source.attributes) ?? text("error.type", in: source.attributes) ?? ""
  }

  /// An event's name, and its attributes as JSON behind it.
  private static func text(_ event: OTLPSpan.Event) -> String {
    AttributeText.event(event.name, event.attributes)
  }

  private static func text(_ link: OTLPSpan.Link) -> String {
    let attributes = AttributeText.object(link.attributes).text
    return "\(link.traceID?.description ?? "")|\(Hexadecimal.text(link.spanID))|\(link.traceState)|\(attributes)|0"
  }

  // MARK: The other side

  /// Names of the other side, the best first, with the tag of the port that goes with each.
  private static let peerNames: [(name: String, port: String?)] = [
    ("peer.service", nil), ("server.address", "server.port"), ("net.peer.name", "net.peer.port"),
    ("network.peer.address", "network.peer.port"), ("server.socket.domain", "server.socket.port"),
    ("server.socket.address", "server.socket.port"), ("net.sock.peer.name", "net.sock.peer.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"), ("peer.hostname", "peer.port"), ("peer.address", "peer.port"),
    // Datadog's.
    ("out.host", "network.destination.port"), ("db.name", nil),
  ]

  /// Addresses of the other side, the best first.
  private static let peerAddresses: [(name: String, port: String?)] = [
    ("network.peer.address", "network.peer.port"), ("net.sock.peer.addr", "net.sock.peer.port"),
    ("server.socket.address", "server.socket.port"), ("net.peer.ip", "net.peer.port"),
    ("client.address", "client.port"),
  ]

  /// Who calls names whom it calls. Who is called knows an address at best, unless the caller's service is told.
  static func remoteEndpoint(_ kind: Span.Kind?, _ tags: TagList) -> Endpoint? {
    var endpoint = Endpoint()
    func port(_ key: String?) -> UInt16 { key.flatMap { tags.value($0) }.flatMap { UInt16($0) } ?? 0 }
    if kind == .client || kind == .producer {
      // Envoy names the cluster that it called; its `peer.address` is the caller's, as in all of its spans.
      let cluster = kind == .client ? tags.value(PeerService.clusterTag) : nil
      if let cluster, PeerService.isName(text: cluster) { endpoint.serviceName = cluster.lowercased() }
      for (name, portName) in peerNames where endpoint.serviceName.isEmpty {
        guard cluster == nil || name != "peer.address", let value = tags.value(name), !value.isEmpty else { continue }
        // An address is no service. The next attribute may name one.
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
