import TraceModel

/// Parses lists of spans in Zipkin's v1 JSON and converts them to v2.
struct ZipkinV1Parser {
  private var reader: JSONFieldReader
  private let limits: CollectorLimits
  private let bounds: SpanBounds
  private var values = ValueCount()
  private var textBytes = 0
  private var isTooLong = false
  private var remarks = SpanRemarks()

  private init(_ bytes: [UInt8], limits: CollectorLimits) {
    reader = JSONFieldReader(bytes, nestingLimit: limits.nesting)
    self.limits = limits
    bounds = SpanBounds(limits: limits)
  }

  /// Parses a list. Throws if it is not JSON or too large, then none of it counts. A rejected span does not affect others. Indices
  /// are those of the v1 spans, each of which may become several spans.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var parser = ZipkinV1Parser(bytes, limits: limits)
    do throws(JSONError) {
      return try parser.list()
    } catch {
      if parser.isTooLong { throw .tooManySpans(limits) }
      throw .noSpanList(error, in: bytes)
    }
  }

  private mutating func list() throws(JSONError) -> ParsedSpans {
    var result = ParsedSpans()
    var index = 0
    if try reader.scanner.enterArray() {
      repeat {
        guard index < limits.spansPerRequest, result.spans.count < limits.spansPerRequest else {
          isTooLong = true
          throw reader.scanner.error("too many spans")
        }
        reader.beginItem()
        let source = try span()
        let spans = reader.problem == nil ? ZipkinV1Conversion.spans(of: source) : []
        if spans == nil { reader.reject("more than \(ZipkinV1Conversion.sidesPerSpan) services in one span") }
        var bytes = 0
        for span in spans ?? [] {
          if let problem = bounds.problem(span) { reader.reject(problem) }
          bytes += bounds.textBytes(span)
        }
        // The span's name is copied to each side.
        if bytes > limits.textBytesPerRequest - textBytes { reader.reject(bounds.tooMuchText) }
        textBytes += reader.problem == nil ? bytes : 0
        if let problem = reader.problem {
          result.rejections.append(SpanRejection(index: index, reason: problem, origin: source.origin))
        } else if let spans {
          result.spans += spans
          result.indices += spans.map { _ in index }
        }
        index += 1
      } while try reader.scanner.moreElements()
    }
    try reader.scanner.end()
    result.values = values
    result.remarks = remarks
    return result
  }

  /// Counts an annotation. Beyond the limit, its span is rejected.
  private static func takeValue(
    _ reader: inout JSONFieldReader, _ values: inout ValueCount, _ limits: CollectorLimits
  ) -> Bool {
    guard reader.problem == nil else { return false }
    if values.take(1, limits) { return true }
    reader.reject(SpanBounds(limits: limits).tooManyValues)
    return false
  }

  private mutating func span() throws(JSONError) -> ZipkinV1Span {
    var span = ZipkinV1Span()
    let limits = limits
    let bounds = bounds
    var values = values
    defer { self.values = values }
    try reader.object("a span") { (reader, key) throws(JSONError) in
      // A rejected span is skipped.
      guard reader.problem == nil else { return try reader.skip() }
      switch key {
      case "traceId":
        guard let text = try reader.text("traceId") else { break }
        if let id = TraceID(text) {
          span.traceID = id
        } else {
          reader.reject("traceId must have 1 to 32 hexadecimal digits and not be zero")
        }
      case "id": span.id = try reader.spanID("id") ?? 0
      case "parentId": span.parentID = try reader.spanID("parentId", mayBeZero: true)
      case "name": span.name = try reader.text("name")?.lowercased() ?? ""
      case "timestamp": span.timestamp = try reader.integer("timestamp")
      case "duration": span.duration = try reader.integer("duration")
      case "debug": span.isDebug = try reader.flag("debug")
      case "annotations":
        try reader.list("annotations") { (reader) throws(JSONError) in
          guard span.annotations.count < limits.annotationsPerSpan else {
            reader.reject(bounds.tooManyAnnotations)
            try reader.skip()
            return
          }
          guard Self.takeValue(&reader, &values, limits) else { return try reader.skip() }
          if let annotation = try Self.annotation(&reader) { span.annotations.append(annotation) }
        }
      case "binaryAnnotations":
        try reader.list("binaryAnnotations") { (reader) throws(JSONError) in
          guard span.binaryAnnotations.count < limits.tagsPerSpan else {
            reader.reject(bounds.tooManyTags)
            try reader.skip()
            return
          }
          guard Self.takeValue(&reader, &values, limits) else { return try reader.skip() }
          if let annotation = try Self.binaryAnnotation(&reader) { span.binaryAnnotations.append(annotation) }
        }
      default: try reader.skip()
      }
    }
    if reader.problem == nil, let problem = bounds.missingID(span.traceID, span.id) { reader.reject(problem) }
    for time in [\ZipkinV1Span.timestamp, \.duration] where span[keyPath: time] < 0 {
      span[keyPath: time] = 0
      remarks.add(.negativeTime)
    }
    if span.parentID == span.id, span.id != 0 {
      span.parentID = nil
      remarks.add(.parentIsItself)
    }
    return span
  }

  private static func annotation(
    _ reader: inout JSONFieldReader
  ) throws(JSONError) -> ZipkinV1Span.Annotation? {
    var timestamp: Int64?
    var value: String?
    var endpoint: Endpoint?
    try reader.object("an annotation") { (reader, key) throws(JSONError) in
      switch key {
      case "timestamp": timestamp = try reader.integer("annotations.timestamp")
      case "value": value = try reader.text("annotations.value")
      case "endpoint": endpoint = try reader.endpoint("annotations.endpoint")
      default: try reader.skip()
      }
    }
    guard let timestamp, let value else {
      reader.reject("an annotation must have a timestamp and a value")
      return nil
    }
    return ZipkinV1Span.Annotation(timestamp: timestamp, value: value, endpoint: endpoint)
  }

  private static func binaryAnnotation(
    _ reader: inout JSONFieldReader
  ) throws(JSONError) -> ZipkinV1Span.BinaryAnnotation? {
    var key: String?
    var value: String?
    var isAddress = false
    var endpoint: Endpoint?
    try reader.object("a binary annotation") { (reader, member) throws(JSONError) in
      switch member {
      case "key": key = try reader.text("binaryAnnotations.key")
      case "value":
        switch try reader.scanner.next("a value") {
        case 0x22: value = try reader.text("binaryAnnotations.value")
        // Numbers are kept as written, so that no precision is lost.
        case 0x2D, 0x30...0x39: value = try reader.scanner.number()
        case 0x74, 0x66: isAddress = try reader.flag("binaryAnnotations.value")
        default: try reader.skip()
        }
      case "endpoint": endpoint = try reader.endpoint("binaryAnnotations.endpoint")
      default: try reader.skip()
      }
    }
    guard let key else {
      reader.reject("a binary annotation must have a key")
      return nil
    }
    if value == nil, !isAddress || endpoint == nil || !["sa", "ca", "ma"].contains(key) { return nil }
    return ZipkinV1Span.BinaryAnnotation(key: key, value: value, endpoint: endpoint)
  }
}

extension JSONFieldReader {
  /// Parses an id of 64 bits; `nil` for any other value, and for zero.
  mutating func spanID(_ field: String, mayBeZero: Bool = false) throws(JSONError) -> UInt64? {
    guard let text = try text(field) else { return nil }
    return spanID(text, field, mayBeZero: mayBeZero)
  }

  /// Like ``spanID(_:mayBeZero:)``, from a parsed text.
  mutating func spanID(_ text: String, _ field: String, mayBeZero: Bool) -> UInt64? {
    let digits = text.utf8
    if digits.count <= 16, let (_, low) = Hexadecimal.parse(digits) { return low }
    if !mayBeZero || digits.count > 16 || !digits.allSatisfy({ $0 == 0x30 }) {
      reject("\(field) must have 1 to 16 hexadecimal digits" + (mayBeZero ? "" : " and not be zero"))
    }
    return nil
  }

  /// Parses a host; `nil` if nothing is known of it.
  mutating func endpoint(_ field: String) throws(JSONError) -> Endpoint? {
    var endpoint = Endpoint()
    try object(field) { (reader, key) throws(JSONError) in
      switch key {
      case "serviceName": endpoint.serviceName = try reader.text("\(field).serviceName")?.lowercased() ?? ""
      case "ipv4", "ipv6":
        // A text that is not an address is ignored, as in Zipkin.
        if let text = try reader.text("\(field).\(key)") { _ = IPAddressText.set(text, in: &endpoint) }
      case "port":
        let number = try reader.integer("\(field).port")
        if let port = UInt16(exactly: number) {
          endpoint.port = port
        } else {
          reader.reject("\(field).port must be a number from 0 to 65535")
        }
      default: try reader.skip()
      }
    }
    return endpoint.isEmpty ? nil : endpoint
  }
}
