import Foundation

/// Reads `ExportTraceServiceRequest` of OpenTelemetry's protocol from JSON: protobuf's JSON, but ids in hexadecimal digits.
/// Numbers of 64 bits may stand in quotes or not, enums may be numbers or names.
enum OTLPJSONParser {
  /// Reads a request. Throws if it is no JSON or too long, then none of it counts; a bad span is reported beside the others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    // Nine levels around an attribute, and three for each level of its value.
    var reader = JSONFieldReader(bytes, nestingLimit: 12 + 3 * max(0, min(limits.nesting, 1_000)))
    var builder = Builder(limits: limits)
    do throws(JSONError) {
      try builder.readRequest(&reader)
      try reader.scanner.end()
    } catch {
      if builder.isTooLong { throw .tooManySpans(limits) }
      throw .unreadable(error, in: bytes, wanted: "an ExportTraceServiceRequest in JSON")
    }
    if let problem = reader.problem {
      throw CollectorError(code: .invalid, message: "the body is not an ExportTraceServiceRequest in JSON: \(problem)")
    }
    return OTLPConversion.spans(of: builder.request, limits: limits)
  }
}

/// What has been read so far.
private struct Builder {
  let limits: CollectorLimits
  let bounds: SpanBounds
  var request = OTLPRequest()
  var isTooLong = false

  init(limits: CollectorLimits) {
    self.limits = limits
    bounds = SpanBounds(limits: limits)
  }

  mutating func readRequest(_ reader: inout JSONFieldReader) throws(JSONError) {
    try reader.object("the request") { (reader, key) throws(JSONError) in
      guard key == "resourceSpans" else { return try reader.skip() }
      try reader.list(key) { (reader) throws(JSONError) in
        let resource = try resource(&reader)
        request.resources.append(resource)
      }
    }
  }

  private mutating func resource(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPRequest.Resource {
    var resource = OTLPRequest.Resource()
    try reader.object("an element of resourceSpans") { (reader, key) throws(JSONError) in
      switch key {
      case "resource":
        try reader.object(key) { (reader, key) throws(JSONError) in
          guard key == "attributes" else { return try reader.skip() }
          resource.attributes = try attributes(&reader)
        }
      case "scopeSpans":
        try reader.list(key) { (reader) throws(JSONError) in
          let scope = try scope(&reader)
          resource.scopes.append(scope)
        }
      default: try reader.skip()
      }
    }
    return resource
  }

  private mutating func scope(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPRequest.Scope {
    var scope = OTLPRequest.Scope()
    try reader.object("an element of scopeSpans") { (reader, key) throws(JSONError) in
      switch key {
      case "scope":
        try reader.object(key) { (reader, key) throws(JSONError) in
          switch key {
          case "name": scope.name = try reader.text("scope.name") ?? ""
          case "version": scope.version = try reader.text("scope.version") ?? ""
          case "attributes": scope.attributes = try attributes(&reader)
          default: try reader.skip()
          }
        }
      case "spans":
        try reader.list(key) { (reader) throws(JSONError) in
          guard request.spanCount < limits.spansPerRequest else {
            isTooLong = true
            throw reader.scanner.error("too many spans")
          }
          // What is wrong around the spans concerns all of them, what is wrong within one only that one.
          let around = reader.problem
          reader.beginItem()
          var span = try span(&reader)
          span.index = request.spanCount
          span.problem = reader.problem
          request.spanCount += 1
          scope.spans.append(span)
          reader.beginItem()
          if let around { reader.reject(around) }
        }
      default: try reader.skip()
      }
    }
    return scope
  }

  // MARK: Spans

  private func span(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan {
    var span = OTLPSpan()
    try reader.object("a span") { (reader, key) throws(JSONError) in
      switch key {
      case "traceId":
        guard let text = try reader.text(key) else { break }
        span.traceID = TraceID(text)
        if span.traceID == nil { reader.reject("traceId must have 32 hexadecimal digits and not be zero") }
      case "spanId": span.spanID = try reader.spanID(key) ?? 0
      case "parentSpanId": span.parentSpanID = try reader.spanID(key, mayBeZero: true) ?? 0
      case "traceState": span.traceState = try reader.text(key) ?? ""
      case "name": span.name = try reader.text(key) ?? ""
      case "kind":
        let number = try number(
          &reader, key, names: ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"],
          prefix: "SPAN_KIND_")
        span.kind = OTLPSpan.Kind(rawValue: number) ?? .unspecified
      case "startTimeUnixNano": span.start = try reader.unsigned(key)
      case "endTimeUnixNano": span.end = try reader.unsigned(key)
      case "attributes": span.attributes = try attributes(&reader, limit: limits.tagsPerSpan)
      case "droppedAttributesCount": span.droppedAttributes = try reader.unsigned(key)
      case "events":
        try reader.list(key) { (reader) throws(JSONError) in
          guard span.events.count < limits.annotationsPerSpan else {
            reader.reject(bounds.tooManyAnnotations)
            return try reader.skip()
          }
          span.events.append(try event(&reader))
        }
      case "droppedEventsCount": span.droppedEvents = try reader.unsigned(key)
      case "links":
        try reader.list(key) { (reader) throws(JSONError) in
          guard span.links.count < limits.tagsPerSpan else {
            reader.reject(bounds.tooManyTags)
            return try reader.skip()
          }
          span.links.append(try link(&reader))
        }
      case "droppedLinksCount": span.droppedLinks = try reader.unsigned(key)
      case "status":
        try reader.object(key) { (reader, key) throws(JSONError) in
          switch key {
          case "message": span.statusMessage = try reader.text("status.message") ?? ""
          case "code":
            let number = try number(
              &reader, "status.code", names: ["UNSET", "OK", "ERROR"], prefix: "STATUS_CODE_")
            span.status = OTLPSpan.Status(rawValue: number) ?? .unset
          default: try reader.skip()
          }
        }
      default: try reader.skip()
      }
    }
    return span
  }

  /// The number of an enum, given as such or by its name.
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

  private func event(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan.Event {
    var event = OTLPSpan.Event()
    try reader.object("an event") { (reader, key) throws(JSONError) in
      switch key {
      case "timeUnixNano": event.time = try reader.unsigned("events.timeUnixNano")
      case "name": event.name = try reader.text("events.name") ?? ""
      case "attributes": event.attributes = try attributes(&reader)
      default: try reader.skip()
      }
    }
    return event
  }

  private func link(_ reader: inout JSONFieldReader) throws(JSONError) -> OTLPSpan.Link {
    var link = OTLPSpan.Link()
    try reader.object("a link") { (reader, key) throws(JSONError) in
      switch key {
      case "traceId": link.traceID = try reader.text("links.traceId").flatMap { TraceID($0) }
      case "spanId": link.spanID = try reader.spanID("links.spanId", mayBeZero: true) ?? 0
      case "traceState": link.traceState = try reader.text("links.traceState") ?? ""
      case "attributes": link.attributes = try attributes(&reader)
      default: try reader.skip()
      }
    }
    return link
  }

  // MARK: Attributes

  /// Attributes; those without a key, which the specification does not allow, are left out.
  private func attributes(
    _ reader: inout JSONFieldReader, depth: Int = 0, limit: Int = .max
  ) throws(JSONError) -> [Attribute] {
    var attributes: [Attribute] = []
    try reader.list("attributes") { (reader) throws(JSONError) in
      guard attributes.count < limit else {
        reader.reject(bounds.tooManyTags)
        return try reader.skip()
      }
      var attribute = Attribute(key: "", value: .text(""))
      try reader.object("an attribute") { (reader, key) throws(JSONError) in
        switch key {
        case "key": attribute.key = try reader.text("the key of an attribute") ?? ""
        case "value": attribute.value = try value(&reader, depth: depth)
        default: try reader.skip()
        }
      }
      if !attribute.key.isEmpty { attributes.append(attribute) }
    }
    return attributes
  }

  private func value(_ reader: inout JSONFieldReader, depth: Int) throws(JSONError) -> AttributeText {
    // Each level is a call within a call; the limit keeps the stack small.
    guard depth <= limits.nesting else {
      throw reader.scanner.error("attributes are nested deeper than \(limits.nesting) levels")
    }
    var value = AttributeText.text("")
    try reader.object("the value of an attribute") { (reader, key) throws(JSONError) in
      switch key {
      case "stringValue": value = .text(try reader.text(key) ?? "")
      case "boolValue": value = .bool(try reader.flag(key))
      case "intValue": value = .integer(try reader.integer(key))
      case "doubleValue":
        guard let (text, _) = try reader.textOrNumber(key) else { break }
        switch text {
        case "NaN": value = .double(.nan)
        case "Infinity": value = .double(.infinity)
        case "-Infinity": value = .double(-.infinity)
        default:
          if text.utf8.count <= 512, let number = Double(text) {
            value = .double(number)
          } else {
            reader.reject("doubleValue must be a number")
          }
        }
      case "arrayValue":
        var values: [AttributeText] = []
        try reader.object(key) { (reader, key) throws(JSONError) in
          guard key == "values" else { return try reader.skip() }
          try reader.list(key) { (reader) throws(JSONError) in
            values.append(try self.value(&reader, depth: depth + 1))
          }
        }
        value = .list(values)
      case "kvlistValue":
        var members: [Attribute] = []
        try reader.object(key) { (reader, key) throws(JSONError) in
          guard key == "values" else { return try reader.skip() }
          members = try attributes(&reader, depth: depth + 1)
        }
        value = .object(members)
      case "bytesValue":
        guard let text = try reader.text(key) else { break }
        // It stays as it is written, but must be what it says.
        if Data(base64Encoded: text) == nil { reader.reject("bytesValue must be base64") }
        value = .text(text)
      default: try reader.skip()
      }
    }
    return value
  }
}
