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
    for resource in request.resources {
      for scope in resource.scopes {
        let common = Common(resource, scope)
        for span in scope.spans { conversion.add(span, common) }
      }
    }
    return conversion.result
  }

  /// What the spans of a library of an origin have in common.
  private struct Common {
    var service: String
    var tags = TagList()

    init(_ resource: OTLPRequest.Resource, _ scope: OTLPRequest.Scope) {
      // The name that SDKs give a service without one.
      service = "unknown_service"
      for attribute in resource.attributes {
        if attribute.key == "service.name" {
          if !attribute.value.text.isEmpty { service = attribute.value.text.lowercased() }
        } else {
          tags.set(attribute.key, attribute.value.text)
        }
      }
      if !scope.name.isEmpty { tags.set("otel.scope.name", scope.name) }
      if !scope.version.isEmpty { tags.set("otel.scope.version", scope.version) }
      for attribute in scope.attributes { tags.set(attribute.key, attribute.value.text) }
    }
  }

  private init(limits: CollectorLimits, bounds: SpanBounds) {
    self.limits = limits
    self.bounds = bounds
  }

  private mutating func add(_ source: OTLPSpan, _ common: Common) {
    var problem = source.problem
    if problem == nil {
      let span = Self.span(source, common)
      problem = bounds.problem(span)
      // What a resource says once is repeated in each of its spans: a small request can become a large one.
      let (bytes, isBeyond) = textBytes.addingReportingOverflow(bounds.textBytes(span))
      if problem == nil, isBeyond || bytes > limits.textBytesPerRequest {
        problem =
          "with what its resource says repeated in every span, the request is larger than "
          + "\(limits.textBytesPerRequest) bytes; send fewer spans at once"
      }
      if problem == nil {
        textBytes = bytes
        result.spans.append(span)
        result.indices.append(source.index)
      }
    }
    if let problem { result.rejections.append(SpanRejection(index: source.index, reason: problem)) }
  }

  private static func span(_ source: OTLPSpan, _ common: Common) -> Span {
    var span = Span(
      traceID: source.traceID ?? TraceID(low: 0), id: source.spanID,
      parentID: source.parentSpanID == 0 || source.parentSpanID == source.spanID ? nil : source.parentSpanID,
      kind: Span.Kind(source.kind), name: source.name.lowercased(),
      timestamp: microseconds(source.start), localEndpoint: Endpoint(serviceName: common.service))
    if source.start > 0, source.end >= source.start {
      // Less than a microsecond is one: 0 means that the length is unknown.
      span.duration = max(1, microseconds(source.end - source.start))
    }
    span.annotations = source.events.map { event in
      Span.Annotation(timestamp: microseconds(event.time), value: text(event))
    }
    var tags = common.tags
    for attribute in source.attributes { tags.set(attribute.key, attribute.value.text) }
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
      tags.set("error", source.statusMessage)
      return
    }
    // Zipkin takes any tag of this name for a failure.
    if source.status == .ok || tags.value("error") == "false" { tags.remove("error") }
  }

  /// An event's name, and its attributes as JSON behind it.
  private static func text(_ event: OTLPSpan.Event) -> String {
    guard !event.attributes.isEmpty else { return event.name }
    var name = JSONWriter()
    name.string(event.name)
    return String(decoding: name.bytes, as: UTF8.self) + ": " + AttributeText.object(event.attributes).text
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
    ("db.name", nil),
  ]

  /// Addresses of the other side, the best first.
  private static let peerAddresses: [(name: String, port: String?)] = [
    ("network.peer.address", "network.peer.port"), ("net.sock.peer.addr", "net.sock.peer.port"),
    ("server.socket.address", "server.socket.port"), ("net.peer.ip", "net.peer.port"),
    ("client.address", "client.port"),
  ]

  /// Who calls names whom it calls. Who is called knows an address at best, unless the caller's service is told.
  private static func remoteEndpoint(_ kind: Span.Kind?, _ tags: TagList) -> Endpoint? {
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
