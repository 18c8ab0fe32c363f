import TraceModel

/// Parses OpenTelemetry's `ExportTraceServiceRequest` from protobuf.
///
/// Values are counted while parsing. Those of a span beyond its limits are skipped.
struct OTLPProtobufParser {
  let limits: CollectorLimits
  let bounds: SpanBounds
  var request = OTLPRequest()
  /// Why the whole request is refused, although it is valid protobuf.
  private var refusal: CollectorError?

  /// Parses a request. Throws if it is not valid or too large, then none of it counts. A rejected span does not affect others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var parser = OTLPProtobufParser(limits: limits, bounds: SpanBounds(limits: limits))
    let result = ProtobufReader.read(bytes) { (reader) throws(ProtobufError) in try parser.readRequest(reader) }
    if case .failure(let error) = result {
      throw parser.refusal ?? .unreadable(error, wanted: "an ExportTraceServiceRequest in protobuf")
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

  /// Counts a part of the request. Beyond the limit, parsing ends.
  private mutating func take<Value>(
    _ count: (inout OTLPRequest) throws(CollectorError) -> Value
  ) throws(ProtobufError) -> Value {
    do throws(CollectorError) {
      return try count(&request)
    } catch {
      refusal = error
      throw .content(error.message)
    }
  }

  private mutating func resource(_ message: ProtobufReader) throws(ProtobufError) -> OTLPRequest.Resource {
    var reader = message
    var resource = OTLPRequest.Resource()
    let limits = limits
    try take { (request) throws(CollectorError) in try request.takePart(limits) }
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        let inner = try reader.message()
        resource.problem = try problem { (parser) throws(ProtobufError) in
          try parser.readAttributes(inner, field: 1, into: &resource.attributes)
        }
      case (2, .bytes): resource.scopes.append(try scope(try reader.message()))
      case (Self.librarySpans, .bytes): try countLibrarySpans(try reader.message())
      default: try reader.skip(field)
      }
    }
    return resource
  }

  /// `instrumentation_library_spans`, the name of `scope_spans` before version 0.15 of the protocol, which 0.20 removed.
  private static let librarySpans: UInt32 = 1_000

  private mutating func countLibrarySpans(_ message: ProtobufReader) throws(ProtobufError) {
    request.remarks.addUnknownKey("instrumentation_library_spans", isMisspelled: true)
    var reader = message
    while let field = try reader.next() {
      if field == (2, .bytes) { request.unreadSpans += 1 }
      try reader.skip(field)
    }
  }

  /// Parses data shared by many spans. Returns an error in its content, if any.
  private mutating func problem(
    _ read: (inout OTLPProtobufParser) throws(ProtobufError) -> Void
  ) throws(ProtobufError) -> String? {
    do throws(ProtobufError) {
      request.textBytes = 0
      try read(&self)
      return nil
    } catch {
      guard error.isContent, refusal == nil else { throw error }
      return error.reason
    }
  }

  private mutating func readAttributes(
    _ message: ProtobufReader, field number: UInt32, into attributes: inout [Attribute]
  ) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      if field == (number, .bytes) {
        try append(try reader.message(), to: &attributes)
      } else {
        try reader.skip(field)
      }
    }
  }

  private mutating func scope(_ message: ProtobufReader) throws(ProtobufError) -> OTLPRequest.Scope {
    var reader = message
    var scope = OTLPRequest.Scope()
    let limits = limits
    try take { (request) throws(CollectorError) in try request.takePart(limits) }
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        let inner = try reader.message()
        scope.problem = try problem { (parser) throws(ProtobufError) in try parser.readScope(inner, into: &scope) }
      case (2, .bytes):
        let index = try take { (request) throws(CollectorError) in try request.takeSpan(limits) }
        scope.spans.append(span(try reader.message(), index: index))
      default: try reader.skip(field)
      }
    }
    return scope
  }

  private mutating func readScope(
    _ message: ProtobufReader, into scope: inout OTLPRequest.Scope
  ) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): scope.name = try text(&reader)
      case (2, .bytes): scope.version = try text(&reader)
      case (3, .bytes): try append(try reader.message(), to: &scope.attributes)
      default: try reader.skip(field)
      }
    }
  }

  // MARK: Spans

  private mutating func span(_ message: ProtobufReader, index: Int) -> OTLPSpan {
    var span = OTLPSpan()
    span.index = index
    do throws(ProtobufError) {
      // Beyond the limit of the request, spans are only counted.
      guard !request.values.isBeyond else { throw .content(bounds.tooManyValues) }
      try read(message, into: &span)
    } catch {
      span.problem = span.problem ?? error.text
    }
    span.textBytes = request.textBytes
    return span
  }

  private mutating func read(_ message: ProtobufReader, into span: inout OTLPSpan) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        let bytes = try reader.data()
        span.traceID = TraceID(bytes: bytes)
        if span.traceID == nil {
          noteText(bytes, "trace_id", 16, &span)
          note("trace_id must have 16 bytes and not be zero", &span)
        }
      case (2, .bytes):
        let bytes = try reader.data()
        span.spanID = spanID(bytes)
        if span.spanID == 0 {
          noteText(bytes, "span_id", 8, &span)
          note("span_id must have 8 bytes and not be zero", &span)
        }
      case (3, .bytes): span.traceState = try text(&reader)
      case (4, .bytes):
        let bytes = try reader.data()
        span.parentSpanID = spanID(bytes)
        if bytes.count != 8, !bytes.isEmpty {
          noteText(bytes, "parent_span_id", 8, &span)
          note("parent_span_id must have 8 bytes", &span)
        }
      case (5, .bytes): span.name = try text(&reader)
      case (6, .varint): span.kind = request.kind(try reader.varint())
      case (7, .fixed64): span.start = try reader.fixed64()
      case (8, .fixed64): span.end = try reader.fixed64()
      case (9, .bytes): try append(try reader.message(), to: &span.attributes)
      case (10, .varint): span.droppedAttributes = try reader.varint()
      case (11, .bytes):
        guard span.events.count < limits.annotationsPerSpan else { throw .content(bounds.tooManyAnnotations) }
        span.events.append(try event(try reader.message()))
      case (12, .varint): span.droppedEvents = try reader.varint()
      case (13, .bytes):
        guard span.links.count < limits.tagsPerSpan else { throw .content(bounds.tooManyTags) }
        span.links.append(try link(try reader.message()))
      case (14, .varint): span.droppedLinks = try reader.varint()
      case (15, .bytes): try readStatus(try reader.message(), into: &span)
      default: try reader.skip(field)
      }
    }
  }

  private func note(_ problem: String, _ span: inout OTLPSpan) { span.problem = span.problem ?? problem }

  /// Notes that an id is a text of hexadecimal digits, as in JSON.
  private mutating func noteText(
    _ bytes: UnsafeRawBufferPointer, _ field: String, _ length: Int, _ span: inout OTLPSpan
  ) {
    guard bytes.count == 2 * length, bytes.allSatisfy({ Hexadecimal.value($0) != nil }) else { return }
    request.hasTextIDs = true
    note("\(field) has \(2 * length) hexadecimal digits in the place of \(length) bytes", &span)
  }

  private func spanID(_ bytes: UnsafeRawBufferPointer) -> UInt64 { bytes.count == 8 ? UInt64(bigEndian: bytes) : 0 }

  private mutating func event(_ message: ProtobufReader) throws(ProtobufError) -> OTLPSpan.Event {
    try takeValue()
    var reader = message
    var event = OTLPSpan.Event()
    while let field = try reader.next() {
      switch field {
      case (1, .fixed64): event.time = try reader.fixed64()
      case (2, .bytes): event.name = try text(&reader)
      case (3, .bytes): try append(try reader.message(), to: &event.attributes)
      default: try reader.skip(field)
      }
    }
    return event
  }

  private mutating func link(_ message: ProtobufReader) throws(ProtobufError) -> OTLPSpan.Link {
    try takeValue()
    var reader = message
    var link = OTLPSpan.Link()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): link.traceID = TraceID(bytes: try reader.data())
      case (2, .bytes): link.spanID = spanID(try reader.data())
      case (3, .bytes): link.traceState = try text(&reader)
      case (4, .bytes): try append(try reader.message(), to: &link.attributes)
      default: try reader.skip(field)
      }
    }
    return link
  }

  private mutating func readStatus(_ message: ProtobufReader, into span: inout OTLPSpan) throws(ProtobufError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case (2, .bytes): span.statusMessage = try text(&reader)
      case (3, .varint): span.status = OTLPSpan.Status(rawValue: try reader.varint()) ?? .unset
      default: try reader.skip(field)
      }
    }
  }
}
