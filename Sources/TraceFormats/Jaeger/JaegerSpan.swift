import TraceModel

/// A span in the format of Jaeger's query service, with its process.
struct JaegerSpan {
  /// The origin of spans.
  struct Process {
    var service = ""
    var tags: [Attribute] = []
  }

  /// A timestamped event.
  struct Log {
    /// In microseconds since 1970.
    var timestamp: Int64 = 0
    var fields: [Attribute] = []
  }

  /// A reference to another span.
  struct Reference {
    var isChildOf = true
    var traceID: TraceID?
    var spanID: UInt64 = 0
  }

  var traceID = TraceID(low: 0)
  var id: UInt64 = 0
  var references: [Reference] = []
  var operation = ""
  /// In microseconds since 1970.
  var start: Int64 = 0
  /// In microseconds.
  var duration: Int64 = 0
  var isDebug = false
  var tags: [Attribute] = []
  var logs: [Log] = []
  var process = Process()
}

// MARK: Conversion

extension JaegerSpan {
  /// The placeholder for a missing name, which Jaeger's page requires.
  private static let unknown = "unknown"

  /// Converts a span of Zipkin's.
  ///
  /// - Parameters:
  ///   - id: its unique id in the trace: Jaeger has no ids shared by the sides of a call.
  ///   - parent: the unique id of its parent.
  package init(_ span: Span, traceID: TraceID, id: UInt64, parent: UInt64?) {
    self.traceID = traceID
    self.id = id
    if let parent { references = [Reference(traceID: traceID, spanID: parent)] }
    operation = span.name.isEmpty ? Self.unknown : span.name
    start = span.timestamp
    duration = span.duration
    isDebug = span.isDebug
    if let kind = span.kind {
      tags.append(Attribute(key: "span.kind", value: .text(kind.zipkinName.description.lowercased())))
    }
    for tag in span.tags {
      guard tag.key == "error", tag.value != "false" else {
        tags.append(Attribute(key: tag.key, value: Self.value(tag.value)))
        continue
      }
      // Jaeger's page detects an error only by this tag. Zipkin's value is kept in another tag.
      tags.append(Attribute(key: "error", value: .bool(true)))
      if !tag.value.isEmpty, tag.value != "true" {
        tags.append(Attribute(key: "error.message", value: .text(tag.value)))
      }
    }
    if let peer = span.remoteEndpoint {
      if !peer.serviceName.isEmpty, span.tag("peer.service") == nil {
        tags.append(Attribute(key: "peer.service", value: .text(peer.serviceName)))
      }
      tags += Self.addresses(peer, prefix: "peer.", ipv4: "ipv4")
    }
    logs = span.sortedAnnotations.map {
      Log(timestamp: $0.timestamp, fields: [Attribute(key: "event", value: .text($0.value))])
    }
    let host = span.localEndpoint ?? Endpoint()
    process = Process(
      service: host.serviceName.isEmpty ? Self.unknown : host.serviceName,
      tags: Self.addresses(host, prefix: "", ipv4: "ip"))
  }

  private static func addresses(_ host: Endpoint, prefix: String, ipv4: String) -> [Attribute] {
    var tags: [Attribute] = []
    if !host.ipv4.isEmpty { tags.append(Attribute(key: prefix + ipv4, value: .text(host.ipv4))) }
    if !host.ipv6.isEmpty { tags.append(Attribute(key: prefix + "ipv6", value: .text(host.ipv6))) }
    if host.port != 0 { tags.append(Attribute(key: prefix + "port", value: .integer(Int64(host.port)))) }
    return tags
  }

  /// The typed value of a tag. Zipkin has only texts. A text in the form of a number or a boolean becomes one, since Jaeger searches
  /// and sorts by type.
  private static func value(_ text: String) -> AttributeText {
    if text == "true" || text == "false" { return .literal(text) }
    // JavaScript cannot represent larger numbers exactly.
    if let number = Int64(text), String(number) == text, number.magnitude <= 1 << 53 { return .literal(text) }
    if text.utf8.count <= 24, text.utf8.contains(0x2E), let number = Double(text), "\(number)" == text,
      number.isFinite
    {
      return .literal(text)
    }
    return .text(text)
  }

  /// Converts to a span of Zipkin's.
  package var span: Span {
    var span = Span(
      traceID: traceID, id: id, name: operation.lowercased(), timestamp: max(0, start), duration: max(0, duration),
      isDebug: isDebug)
    let own = references.filter { $0.traceID == nil || $0.traceID == traceID }
    let parent = own.first(where: \.isChildOf) ?? own.first
    span.parentID = parent.flatMap { $0.spanID == 0 || $0.spanID == id ? nil : $0.spanID }
    var host = Endpoint(serviceName: process.service.lowercased())
    var tags = TagList()
    for tag in process.tags where tag.value != .null {
      if !Self.take(tag, prefix: "", ipv4: "ip", into: &host) { tags.set(tag.key, tag.value.text) }
    }
    span.localEndpoint = host.isEmpty ? nil : host
    takeTags(&span, &tags)
    var links = 0
    for reference in references where reference.spanID != parent?.spanID || reference.traceID != parent?.traceID {
      tags.set(
        "otlp.link.\(links)",
        "\((reference.traceID ?? traceID).description)|\(Hexadecimal.text(reference.spanID))||{}|0")
      links += 1
    }
    if span.remoteEndpoint == nil { span.remoteEndpoint = OTLPConversion.remoteEndpoint(span.kind, tags) }
    span.tags = tags.tags
    span.annotations = logs.map { Span.Annotation(timestamp: $0.timestamp, value: $0.text) }
    return span
  }

  /// Sets the tags, without those for which Zipkin has fields.
  private func takeTags(_ span: inout Span, _ tags: inout TagList) {
    var peer = Endpoint()
    var message: String?
    for tag in self.tags where tag.value != .null {
      let text = tag.value.text
      switch tag.key {
      case "span.kind" where span.kind == nil:
        span.kind = Span.Kind.allCases.first { $0.zipkinName.description.lowercased() == text }
        if span.kind == nil, text != "internal" { tags.set(tag.key, text) }
      case "peer.service": peer.serviceName = text.lowercased()
      case "error.message" where tags.value("error") == "true" && message == nil: message = text
      default:
        if !Self.take(tag, prefix: "peer.", ipv4: "ipv4", into: &peer) { tags.set(tag.key, text) }
      }
    }
    if let message { tags.set("error", message) }
    span.remoteEndpoint = peer.isEmpty ? nil : peer
  }

  /// Sets an address or a port from a tag; false if it is neither.
  private static func take(_ tag: Attribute, prefix: String, ipv4: String, into host: inout Endpoint) -> Bool {
    guard tag.key.hasPrefix(prefix) else { return false }
    let text = tag.value.text
    switch tag.key.dropFirst(prefix.count) {
    case ipv4[...]:
      guard host.ipv4.isEmpty, IPAddressText.isIPv4(text) else { return false }
      host.ipv4 = text
    case "ipv6":
      guard host.ipv6.isEmpty, IPAddressText.isIPv6(text) else { return false }
      host.ipv6 = text.lowercased()
    case "port":
      guard host.port == 0, let port = UInt16(text), port > 0 else { return false }
      host.port = port
    default: return false
    }
    return true
  }
}

extension JaegerSpan.Log {
  /// A single event becomes its text. With other fields, it becomes the name before them.
  fileprivate var text: String {
    let name = fields.first { $0.key == "event" }?.value.text ?? ""
    let others = fields.filter { $0.key != "event" }
    return name.isEmpty && !others.isEmpty ? AttributeText.object(others).text : AttributeText.event(name, others)
  }
}
