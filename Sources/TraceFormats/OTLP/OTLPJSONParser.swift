import Foundation
import TraceModel

/// Parses OpenTelemetry's `ExportTraceServiceRequest` from protobuf's JSON, with ids in hexadecimal digits. Numbers of 64 bits may
/// be quoted, and enums may be numbers or names.
enum OTLPJSONParser {
  /// The nesting depth of a request: a few levels around an attribute, and three for each level of its value.
  static func nesting(_ limits: CollectorLimits) -> Int { 14 + 3 * max(0, min(limits.nesting, 1_000)) }

  /// Parses a request. Throws if it is not JSON or too large, then none of it counts. A rejected span does not affect others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var reader = JSONFieldReader(bytes, nestingLimit: nesting(limits))
    var builder = OTLPJSONBuilder(limits: limits)
    do throws(JSONError) {
      try builder.readRequest(&reader)
      try reader.scanner.end()
    } catch {
      throw builder.refusal ?? .unreadable(error, in: bytes, wanted: "an ExportTraceServiceRequest in JSON")
    }
    if let problem = reader.problem {
      throw CollectorError(code: .invalid, message: "the body is not an ExportTraceServiceRequest in JSON: \(problem)")
    }
    return OTLPConversion.spans(of: builder.request, limits: limits)
  }
}

/// The parsed part of a request. Values are counted while parsing, and those of a span beyond its limits are skipped.
struct OTLPJSONBuilder: BoundedReading {
  let limits: CollectorLimits
  let bounds: SpanBounds
  var request = OTLPRequest()
  var values: ValueCount {
    get { request.values }
    set { request.values = newValue }
  }
  var textBytes: Int {
    get { request.textBytes }
    set { request.textBytes = newValue }
  }
  /// Why the whole request is refused, although it is valid JSON.
  var refusal: CollectorError?

  var excess: String?

  init(limits: CollectorLimits) {
    self.limits = limits
    bounds = SpanBounds(limits: limits)
  }

  mutating func readRequest(_ reader: inout JSONFieldReader) throws(JSONError) {
    try reader.object("the request") { (reader, key) throws(JSONError) in
      switch key {
      // "batches" is Tempo's name.
      case "resourceSpans", "batches":
        try reader.list(key) { (reader) throws(JSONError) in
          let resource = try resource(&reader)
          request.resources.append(resource)
        }
      // Wrappers in answers of Jaeger's and of Tempo's.
      case "result", "trace": try readRequest(&reader)
      default: try skipUnknown(&reader, key, mayHoldSpans: true)
      }
    }
  }

  /// Counts a part of the request. Beyond the limit, parsing ends.
  private mutating func take<Value>(
    _ reader: JSONFieldReader, _ count: (inout OTLPRequest) throws(CollectorError) -> Value
  ) throws(JSONError) -> Value {
    do throws(CollectorError) {
      return try count(&request)
    } catch {
      refusal = error
      throw reader.scanner.error(error.message)
    }
  }

  /// Parses data shared by many spans. Returns an error if it exceeds the limits.
  private mutating func problem(
    _ reader: inout JSONFieldReader,
    _ read: (inout OTLPJSONBuilder, inout JSONFieldReader) throws(JSONError) -> Void
  ) throws(JSONError) -> String? {
    request.textBytes = 0
    excess = nil
    try read(&self, &reader)
    return excess
  }

  private mutating func resource(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPRequest.Resource {
    var resource = OTLPRequest.Resource()
    let limits = limits
    try take(reader) { (request) throws(CollectorError) in try request.takePart(limits) }
    try reader.object("an element of resourceSpans") { (reader, key) throws(JSONError) in
      switch key {
      case "resource":
        try reader.object(key) { (reader, key) throws(JSONError) in
          guard key == "attributes" else { return try skipUnknown(&reader, key) }
          resource.problem = try problem(&reader) { (builder, reader) throws(JSONError) in
            resource.attributes = try builder.attributes(&reader)
          }
        }
      case "scopeSpans":
        try reader.list(key) { (reader) throws(JSONError) in
          let scope = try scope(&reader)
          resource.scopes.append(scope)
        }
      default: try skipUnknown(&reader, key, mayHoldSpans: true)
      }
    }
    return resource
  }

  private mutating func scope(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPRequest.Scope {
    var scope = OTLPRequest.Scope()
    let limits = limits
    try take(reader) { (request) throws(CollectorError) in try request.takePart(limits) }
    try reader.object("an element of scopeSpans") { (reader, key) throws(JSONError) in
      switch key {
      case "scope":
        scope.problem = try problem(&reader) { (builder, reader) throws(JSONError) in
          try reader.object(key) { (reader, key) throws(JSONError) in
            switch key {
            case "name": scope.name = try builder.text(&reader, "scope.name")
            case "version": scope.version = try builder.text(&reader, "scope.version")
            case "attributes": scope.attributes = try builder.attributes(&reader)
            default: try builder.skipUnknown(&reader, key)
            }
          }
        }
      case "spans":
        try reader.list(key) { (reader) throws(JSONError) in
          let index = try take(reader) { (request) throws(CollectorError) in try request.takeSpan(limits) }
          // An error in the resource or scope applies to all its spans. An error in a span applies only to that span.
          let around = reader.problem
          reader.beginItem()
          excess = request.values.isBeyond ? bounds.tooManyValues : nil
          var span = try span(&reader)
          span.index = index
          span.problem = reader.problem ?? excess
          span.textBytes = request.textBytes
          scope.spans.append(span)
          reader.beginItem()
          if let around { reader.reject(around) }
        }
      default: try skipUnknown(&reader, key, mayHoldSpans: true)
      }
    }
    return scope
  }

  // MARK: Spans

  private mutating func span(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan {
    var span = OTLPSpan()
    try reader.object("a span") { (reader, key) throws(JSONError) in
      // A rejected span is skipped.
      guard excess == nil, reader.problem == nil else { return try reader.skip() }
      switch key {
      case "traceId":
        guard let text = try reader.text(key) else { break }
        span.traceID = TraceID(text)
        if span.traceID == nil, let bytes = Self.bytes(text, count: 16) {
          span.traceID = TraceID(bytes: bytes)
          request.remarks.add(.base64ID)
        }
        if span.traceID == nil { reader.reject("traceId must have 32 hexadecimal digits and not be zero") }
      case "spanId": span.spanID = try spanID(&reader, key, mayBeZero: false)
      case "parentSpanId": span.parentSpanID = try spanID(&reader, key, mayBeZero: true)
      case "traceState": span.traceState = try text(&reader, key)
      case "name": span.name = try text(&reader, key)
      case "kind":
        let number = try number(
          &reader, key, names: ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"],
          prefix: "SPAN_KIND_")
        span.kind = request.kind(number)
      case "startTimeUnixNano": span.start = try reader.unsigned(key)
      case "endTimeUnixNano": span.end = try reader.unsigned(key)
      case "attributes": span.attributes = try attributes(&reader)
      case "droppedAttributesCount": span.droppedAttributes = try reader.unsigned(key)
      case "events":
        try reader.list(key) { (reader) throws(JSONError) in
          guard span.events.count < limits.annotationsPerSpan else {
            return try skip(&reader, bounds.tooManyAnnotations)
          }
          guard takeValue() else { return try reader.skip() }
          let event = try event(&reader)
          span.events.append(event)
        }
      case "droppedEventsCount": span.droppedEvents = try reader.unsigned(key)
      case "links":
        try reader.list(key) { (reader) throws(JSONError) in
          guard span.links.count < limits.tagsPerSpan else { return try skip(&reader, bounds.tooManyTags) }
          guard takeValue() else { return try reader.skip() }
          let link = try link(&reader)
          span.links.append(link)
        }
      case "droppedLinksCount": span.droppedLinks = try reader.unsigned(key)
      case "status":
        try reader.object(key) { (reader, key) throws(JSONError) in
          switch key {
          case "message": span.statusMessage = try text(&reader, "status.message")
          case "code":
            let number = try number(
              &reader, "status.code", names: ["UNSET", "OK", "ERROR"], prefix: "STATUS_CODE_")
            span.status = OTLPSpan.Status(rawValue: number) ?? .unset
          default: try skipUnknown(&reader, key)
          }
        }
      default: try skipUnknown(&reader, key)
      }
    }
    return span
  }

  private mutating func spanID(
    _ reader: inout JSONFieldReader, _ field: String, mayBeZero: Bool
  ) throws(JSONError) -> UInt64 {
    guard let text = try reader.text(field) else { return 0 }
    if let bytes = Self.bytes(text, count: 8) {
      request.remarks.add(.base64ID)
      return UInt64(bigEndian: bytes)
    }
    return reader.spanID(text, field, mayBeZero: mayBeZero) ?? 0
  }

  /// Decodes an id in base64, as in protobuf's standard JSON; `nil` if the text is not base64 of so many bytes.
  private static func bytes(_ text: String, count: Int) -> ArraySlice<UInt8>? {
    guard text.utf8.count == (count + 2) / 3 * 4, let data = Data(base64Encoded: text), data.count == count else {
      return nil
    }
    return Array(data)[...]
  }

  /// Parses an enum, given by number or name.
  private func number(
    _ reader: inout JSONFieldReader, _ field: String, names: [String], prefix: String
  ) throws(JSONError) -> UInt64 {
    guard try reader.scanner.next("a value") == 0x22 else { return try reader.unsigned(field) }
    let text = try reader.text(field) ?? ""
    if let number = UInt64(text) { return number }
    if let index = names.firstIndex(where: { text == prefix + $0 }) { return UInt64(index) }
    reader.reject("\(field) must be a number or a name such as \(prefix)\(names[names.count - 1])")
    return 0
  }

  private mutating func event(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan.Event {
    var event = OTLPSpan.Event()
    try reader.object("an event") { (reader, key) throws(JSONError) in
      switch key {
      case "timeUnixNano": event.time = try reader.unsigned("events.timeUnixNano")
      case "name": event.name = try text(&reader, "events.name")
      case "attributes": event.attributes = try attributes(&reader)
      default: try skipUnknown(&reader, key)
      }
    }
    return event
  }

  private mutating func link(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan.Link {
    var link = OTLPSpan.Link()
    try reader.object("a link") { (reader, key) throws(JSONError) in
      switch key {
      case "traceId": link.traceID = try reader.text("links.traceId").flatMap { TraceID($0) }
      case "spanId": link.spanID = try reader.spanID("links.spanId", mayBeZero: true) ?? 0
      case "traceState": link.traceState = try text(&reader, "links.traceState")
      case "attributes": link.attributes = try attributes(&reader)
      default: try skipUnknown(&reader, key)
      }
    }
    return link
  }
}
