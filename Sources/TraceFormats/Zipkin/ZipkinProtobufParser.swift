import TraceModel

/// Parses lists of spans in Zipkin's v2 protobuf (`ListOfSpans` of openzipkin's zipkin.proto).
///
/// Not generated code: spans are decoded directly into ``Span`` without intermediate messages, and an invalid span does not affect
/// others. The collector needs no protobuf runtime.
enum ZipkinProtobufParser {
  /// Parses a list. Throws if it is not valid or too large, then none of it counts. A rejected span does not affect others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    let list: (result: ParsedSpans, isTooLong: Bool)
    do throws(ProtobufError) {
      list = try read(bytes, limits)
    } catch {
      throw .unreadable(error, wanted: "a list of spans in protobuf")
    }
    guard !list.isTooLong else { throw .tooManySpans(limits) }
    return list.result
  }

  private static func read(
    _ bytes: [UInt8], _ limits: CollectorLimits
  ) throws(ProtobufError) -> (result: ParsedSpans, isTooLong: Bool) {
    let bounds = SpanBounds(limits: limits)
    var reader = ProtobufReader(bytes)
    var result = ParsedSpans()
    var index = 0
    while let field = try reader.next() {
      guard case (1, .bytes) = field else {
        try reader.skip(field)
        continue
      }
      guard index < limits.spansPerRequest else { return (result, true) }
      let message = try reader.message()
      do throws(ProtobufError) {
        let span = try readSpan(message, limits, &result)
        if let problem = bounds.problem(span) { throw .content(problem) }
        result.spans.append(span)
        result.indices.append(index)
      } catch {
        result.rejections.append(SpanRejection(index: index, reason: error.text))
      }
      index += 1
    }
    return (result, false)
  }

  private static func readSpan(
    _ message: ProtobufReader, _ limits: CollectorLimits, _ result: inout ParsedSpans
  ) throws(ProtobufError) -> Span {
    let bounds = SpanBounds(limits: limits)
    var reader = message
    var span = Span(traceID: TraceID(low: 0), id: 0)
    var tags = TagList()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): span.traceID = try traceID(try reader.data())
      case (2, .bytes):
        let parent = try id(try reader.data(), "parent_id")
        span.parentID = parent == 0 ? nil : parent
      case (3, .bytes): span.id = try id(try reader.data(), "id")
      // An unknown kind is omitted, as protobuf specifies for enums.
      case (4, .varint): span.kind = Span.Kind(rawValue: UInt8(truncatingIfNeeded: min(try reader.varint(), 255)))
      case (5, .bytes): span.name = try reader.text().lowercased()
      case (6, .fixed64): span.timestamp = Int64(clamping: try reader.fixed64())
      case (7, .varint): span.duration = Int64(clamping: try reader.varint())
      case (8, .bytes): span.localEndpoint = try endpoint(try reader.message())
      case (9, .bytes): span.remoteEndpoint = try endpoint(try reader.message())
      case (10, .bytes):
        guard span.annotations.count < limits.annotationsPerSpan else { throw .content(bounds.tooManyAnnotations) }
        guard result.values.take(1, limits) else { throw .content(bounds.tooManyValues) }
        span.annotations.append(try annotation(try reader.message()))
      case (11, .bytes):
        guard tags.tags.count < limits.tagsPerSpan else { throw .content(bounds.tooManyTags) }
        guard result.values.take(1, limits) else { throw .content(bounds.tooManyValues) }
        let (key, value) = try tag(try reader.message())
        tags.set(key, value)
      case (12, .varint): span.isDebug = try reader.varint() != 0
      case (13, .varint): span.isShared = try reader.varint() != 0
      default: try reader.skip(field)
      }
    }
    span.tags = tags.tags
    if span.parentID == span.id { span.parentID = nil }
    return span
  }

  private static func traceID(_ bytes: ArraySlice<UInt8>) throws(ProtobufError) -> TraceID {
    guard let id = TraceID(bytes: bytes) else { throw .content("trace_id must have 8 or 16 bytes and not be zero") }
    return id
  }

  private static func id(_ bytes: ArraySlice<UInt8>, _ field: String) throws(ProtobufError) -> UInt64 {
    guard bytes.count == 8 else { throw .content("\(field) must have 8 bytes") }
    return UInt64(bigEndian: bytes)
  }

  private static func endpoint(_ message: ProtobufReader) throws(ProtobufError) -> Endpoint? {
    var reader = message
    var endpoint = Endpoint()
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): endpoint.serviceName = try reader.text().lowercased()
      case (2, .bytes), (3, .bytes): IPAddressText.set(try reader.data(), in: &endpoint)
      case (4, .varint):
        guard let port = UInt16(exactly: try reader.varint()) else {
          throw .content("the port of an endpoint must be a number from 0 to 65535")
        }
        endpoint.port = port
      default: try reader.skip(field)
      }
    }
    return endpoint.isEmpty ? nil : endpoint
  }

  private static func annotation(_ message: ProtobufReader) throws(ProtobufError) -> Span.Annotation {
    var reader = message
    var annotation = Span.Annotation(timestamp: 0, value: "")
    while let field = try reader.next() {
      switch field {
      case (1, .fixed64): annotation.timestamp = Int64(clamping: try reader.fixed64())
      case (2, .bytes): annotation.value = try reader.text()
      default: try reader.skip(field)
      }
    }
    return annotation
  }

  private static func tag(_ message: ProtobufReader) throws(ProtobufError) -> (key: String, value: String) {
    var reader = message
    var tag = (key: "", value: "")
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): tag.key = try reader.text()
      case (2, .bytes): tag.value = try reader.text()
      default: try reader.skip(field)
      }
    }
    return tag
  }
}

extension TraceID {
  /// Decodes an id of 8 or 16 bytes; `nil` for another length, or zero.
  package init?(bytes: ArraySlice<UInt8>) {
    switch bytes.count {
    case 8: self.init(low: UInt64(bigEndian: bytes))
    case 16: self.init(high: UInt64(bigEndian: bytes.prefix(8)), low: UInt64(bigEndian: bytes.suffix(8)))
    default: return nil
    }
    if high == 0, low == 0 { return nil }
  }
}

extension UInt64 {
  /// Decodes up to 8 bytes, the most significant first.
  package init(bigEndian bytes: ArraySlice<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
