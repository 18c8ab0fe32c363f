package import JSONText
package import TraceModel

extension JSONWriter {
  /// Writes a span in Zipkin's v2 JSON. Unknown fields are omitted.
  package mutating func span(_ span: Span) {
    beginObject()
    key("traceId")
    string(span.traceID.description)
    if let parent = span.parentID {
      key("parentId")
      string(Hexadecimal.text(parent))
    }
    key("id")
    string(Hexadecimal.text(span.id))
    if let kind = span.kind {
      key("kind")
      string(kind.zipkinName.description)
    }
    if !span.name.isEmpty {
      key("name")
      string(span.name)
    }
    if span.timestamp > 0 {
      key("timestamp")
      number(span.timestamp)
    }
    if span.duration > 0 {
      key("duration")
      number(span.duration)
    }
    if let endpoint = span.localEndpoint { self.endpoint("localEndpoint", endpoint) }
    if let endpoint = span.remoteEndpoint { self.endpoint("remoteEndpoint", endpoint) }
    if !span.annotations.isEmpty {
      key("annotations")
      beginArray()
      for annotation in span.sortedAnnotations {
        beginObject()
        key("timestamp")
        number(annotation.timestamp)
        key("value")
        string(annotation.value)
        endObject()
      }
      endArray()
    }
    if !span.tags.isEmpty {
      key("tags")
      beginObject()
      for tag in span.tags {
        key(tag.key)
        string(tag.value)
      }
      endObject()
    }
    flag("debug", span.isDebug)
    flag("shared", span.isShared)
    endObject()
  }

  private mutating func flag(_ name: String, _ value: Bool) {
    guard value else { return }
    key(name)
    bool(true)
  }

  private mutating func endpoint(_ name: String, _ endpoint: Endpoint) {
    key(name)
    beginObject()
    for (field, value) in [
      ("serviceName", endpoint.serviceName), ("ipv4", endpoint.ipv4), ("ipv6", endpoint.ipv6),
    ] where !value.isEmpty {
      key(field)
      string(value)
    }
    if endpoint.port != 0 {
      key("port")
      number(endpoint.port)
    }
    endObject()
  }

  package mutating func spans(_ spans: [Span]) {
    beginArray()
    for span in spans { self.span(span) }
    endArray()
  }
}

extension ParsedSpans {
  /// Parses a list of spans in Zipkin's v2 JSON; see ``SpanParser/parse(_:limits:into:)``.
  package static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var result = ParsedSpans()
    let (rejections, values, remarks) = try SpanParser.parse(bytes, limits: limits, into: &result)
    result.rejections = rejections
    result.values = values
    result.remarks = remarks
    return result
  }
}

extension Span.Kind {
  /// The name of the kind in Zipkin's JSON.
  var zipkinName: StaticString {
    switch self {
    case .client: "CLIENT"
    case .server: "SERVER"
    case .producer: "PRODUCER"
    case .consumer: "CONSUMER"
    }
  }
}
