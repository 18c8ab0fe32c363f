/// Reads `ExportTraceServiceRequest` of OpenTelemetry's protocol from protobuf.
struct OTLPProtobufParser {
  private let limits: CollectorLimits
  private let bounds: SpanBounds
  private var request = OTLPRequest()
  private var isTooLong = false

  /// Reads a request. Throws if it is none or too long, then none of it counts; a bad span is reported beside the others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var parser = OTLPProtobufParser(limits: limits, bounds: SpanBounds(limits: limits))
    do throws(ProtobufError) {
      try parser.readRequest(ProtobufReader(bytes))
    } catch {
      if parser.isTooLong { throw .tooManySpans(limits) }
      throw .unreadable(error, wanted: "an ExportTraceServiceRequest in protobuf")
    }
    return OTLPConversion.spans(of: parser.request, limits: limits)
  }

  private init(limits: CollectorLimits, bounds: SpanBounds) {
    self.limits = limits
    self.bounds = bounds
  }

  private mutating func readRequest(_ message: ProtobufReader) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      if case (1, .bytes) = field {
        request.resources.append(try resource(try reader.message()))
      } else {
        try reader.skip(field)
      }
    }
  }

  private mutating func resource(_ message: ProtobufReader) throws(ProtobufError) -> OTLPRequest.Resource {
    var reader = message
    var resource = OTLPRequest.Resource()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        var inner = try reader.message()
        while let field = try inner.next() {
          if case (1, .bytes) = field {
            try append(try inner.message(), to: &resource.attributes)
          } else {
            try inner.skip(field)
          }
        }
      case (2, .bytes): resource.scopes.append(try scope(try reader.message()))
      default: try reader.skip(field)
      }
    }
    return resource
  }

  private mutating func scope(_ message: ProtobufReader) throws(ProtobufError) -> OTLPRequest.Scope {
    var reader = message
    var scope = OTLPRequest.Scope()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        var inner = try reader.message()
        while let field = try inner.next() {
          switch field {
          case (1, .bytes): scope.name = try inner.text()
          case (2, .bytes): scope.version = try inner.text()
          case (3, .bytes): try append(try inner.message(), to: &scope.attributes)
          default: try inner.skip(field)
          }
        }
      case (2, .bytes):
        guard request.spanCount < limits.spansPerRequest else {
          isTooLong = true
          throw reader.error("too many spans")
        }
        scope.spans.append(span(try reader.message(), index: request.spanCount))
        request.spanCount += 1
      default: try reader.skip(field)
      }
    }
    return scope
  }

  // MARK: Spans

  private func span(_ message: ProtobufReader, index: Int) -> OTLPSpan {
    var span = OTLPSpan()
    span.index = index
    do throws(ProtobufError) {
      try read(message, into: &span)
    } catch {
      span.problem = span.problem ?? "byte \(error.offset): \(error.reason)"
    }
    return span
  }

  private func read(_ message: ProtobufReader, into span: inout OTLPSpan) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        span.traceID = TraceID(bytes: try reader.data())
        if span.traceID == nil { note("trace_id must have 16 bytes and not be zero", &span) }
      case (2, .bytes):
        span.spanID = spanID(try reader.data())
        if span.spanID == 0 { note("span_id must have 8 bytes and not be zero", &span) }
      case (3, .bytes): span.traceState = try reader.text()
      case (4, .bytes):
        let bytes = try reader.data()
        span.parentSpanID = spanID(bytes)
        if bytes.count != 8, !bytes.isEmpty { note("parent_span_id must have 8 bytes", &span) }
      case (5, .bytes): span.name = try reader.text()
      // A number that is not known counts as none, as protobuf wants of enums that may grow.
      case (6, .varint): span.kind = OTLPSpan.Kind(rawValue: try reader.varint()) ?? .unspecified
      case (7, .fixed64): span.start = try reader.fixed64()
      case (8, .fixed64): span.end = try reader.fixed64()
      case (9, .bytes):
        guard span.attributes.count < limits.tagsPerSpan else {
          note(bounds.tooManyTags, &span)
          return
        }
        try append(try reader.message(), to: &span.attributes)
      case (10, .varint): span.droppedAttributes = try reader.varint()
      case (11, .bytes):
        guard span.events.count < limits.annotationsPerSpan else {
          note(bounds.tooManyAnnotations, &span)
          return
        }
        span.events.append(try event(try reader.message()))
      case (12, .varint): span.droppedEvents = try reader.varint()
      case (13, .bytes):
        guard span.links.count < limits.tagsPerSpan else {
          note(bounds.tooManyTags, &span)
          return
        }
        span.links.append(try link(try reader.message()))
      case (14, .varint): span.droppedLinks = try reader.varint()
      case (15, .bytes): try readStatus(try reader.message(), into: &span)
      default: try reader.skip(field)
      }
    }
  }

  private func note(_ problem: String, _ span: inout OTLPSpan) { span.problem = span.problem ?? problem }

  private func spanID(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.count == 8 ? UInt64(bigEndian: bytes) : 0 }

  private func event(_ message: ProtobufReader) throws(ProtobufError) -> OTLPSpan.Event {
    var reader = message
    var event = OTLPSpan.Event()
    while let field = try reader.next() {
      switch field {
      case (1, .fixed64): event.time = try reader.fixed64()
      case (2, .bytes): event.name = try reader.text()
      case (3, .bytes): try append(try reader.message(), to: &event.attributes)
      default: try reader.skip(field)
      }
    }
    return event
  }

  private func link(_ message: ProtobufReader) throws(ProtobufError) -> OTLPSpan.Link {
    var reader = message
    var link = OTLPSpan.Link()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): link.traceID = TraceID(bytes: try reader.data())
      case (2, .bytes): link.spanID = spanID(try reader.data())
      case (3, .bytes): link.traceState = try reader.text()
      case (4, .bytes): try append(try reader.message(), to: &link.attributes)
      default: try reader.skip(field)
      }
    }
    return link
  }

  private func readStatus(_ message: ProtobufReader, into span: inout OTLPSpan) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case (2, .bytes): span.statusMessage = try reader.text()
      case (3, .varint): span.status = OTLPSpan.Status(rawValue: try reader.varint()) ?? .unset
      default: try reader.skip(field)
      }
    }
  }

  // MARK: Attributes

  /// Adds an attribute; one without a key, which the specification does not allow, is left out.
  private func append(
    _ message: ProtobufReader, to attributes: inout [Attribute], depth: Int = 0
  ) throws(ProtobufError) {
    var reader = message
    var attribute = Attribute(key: "", value: .text(""))
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): attribute.key = try reader.text()
      case (2, .bytes): attribute.value = try value(try reader.message(), depth: depth)
      default: try reader.skip(field)
      }
    }
    if !attribute.key.isEmpty { attributes.append(attribute) }
  }

  private func value(_ message: ProtobufReader, depth: Int) throws(ProtobufError) -> AttributeText {
    var reader = message
    // Each level is a call within a call; the limit keeps the stack small.
    guard depth <= limits.nesting else { throw reader.error("nested deeper than \(limits.nesting) levels") }
    var value = AttributeText.text("")
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): value = .text(try reader.text())
      case (2, .varint): value = .bool(try reader.varint() != 0)
      case (3, .varint): value = .integer(Int64(bitPattern: try reader.varint()))
      case (4, .fixed64): value = .double(Double(bitPattern: try reader.fixed64()))
      case (5, .bytes):
        var inner = try reader.message()
        var values: [AttributeText] = []
        while let field = try inner.next() {
          if case (1, .bytes) = field {
            values.append(try self.value(try inner.message(), depth: depth + 1))
          } else {
            try inner.skip(field)
          }
        }
        value = .list(values)
      case (6, .bytes):
        var inner = try reader.message()
        var members: [Attribute] = []
        while let field = try inner.next() {
          if case (1, .bytes) = field {
            try append(try inner.message(), to: &members, depth: depth + 1)
          } else {
            try inner.skip(field)
          }
        }
        value = .object(members)
      case (7, .bytes): value = .bytes(try reader.data())
      default: try reader.skip(field)
      }
    }
    return value
  }
}
