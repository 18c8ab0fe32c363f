/// Writes JSON without building a tree first. The caller keeps the order: a key before each value of an object.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// A place to which what is written behind it can be taken back.
  struct Mark {
    fileprivate let count: Int
    fileprivate let needsComma: Bool
  }

  var mark: Mark { Mark(count: bytes.count, needsComma: needsComma) }

  mutating func takeBack(to mark: Mark) {
    bytes.removeSubrange(mark.count...)
    needsComma = mark.needsComma
  }

  mutating func beginObject() { begin(0x7B) }
  mutating func endObject() { end(0x7D) }
  mutating func beginArray() { begin(0x5B) }
  mutating func endArray() { end(0x5D) }

  private mutating func begin(_ byte: UInt8) {
    comma()
    bytes.append(byte)
    needsComma = false
  }

  private mutating func end(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(0x2C) }
    needsComma = true
  }

  mutating func key(_ key: String) {
    string(key)
    bytes.append(0x3A)
    needsComma = false
  }

  mutating func string(_ text: String) {
    comma()
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5C:
        bytes.append(0x5C)
        bytes.append(byte)
      case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
      case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
      case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
      case 0..<0x20:
        bytes.append(contentsOf: [0x5C, 0x75, 0x30, 0x30, Hexadecimal.digits[Int(byte >> 4)]])
        bytes.append(Hexadecimal.digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  mutating func number(_ value: some BinaryInteger) {
    comma()
    bytes.append(contentsOf: String(value).utf8)
  }

  /// Writes a share or a probability, to four digits.
  mutating func fraction(_ value: Double) {
    comma()
    let digits = String(Int((min(max(value, 0), 1) * 10_000).rounded()))
    let text = digits.count > 4 ? "1.0" : "0." + String(repeating: "0", count: 4 - digits.count) + digits
    bytes.append(contentsOf: text.utf8)
  }

  /// A number that is finite.
  mutating func decimal(_ value: Double) {
    comma()
    bytes.append(contentsOf: String(value.isFinite ? value : 0).utf8)
  }

  mutating func bool(_ value: Bool) {
    comma()
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
  }

  /// A value that is JSON already.
  mutating func literal(_ json: String) { raw(Array(json.utf8)) }

  mutating func null() { literal("null") }

  /// The same, in bytes.
  mutating func raw(_ value: [UInt8]) {
    comma()
    bytes.append(contentsOf: value)
  }

  mutating func strings(_ values: [String]) {
    beginArray()
    for value in values { string(value) }
    endArray()
  }
}

extension JSONWriter {
  /// Writes a span as Zipkin's v2 JSON has it: what is unknown is left out.
  mutating func span(_ span: Span) {
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

  mutating func spans(_ spans: [Span]) {
    beginArray()
    for span in spans { self.span(span) }
    endArray()
  }

  /// Writes the members of a trace in a line; the caller writes the braces.
  mutating func summary(_ summary: TraceSummary) {
    key("traceId")
    string(summary.traceID.description)
    key("rootService")
    string(summary.rootService)
    key("rootName")
    string(summary.rootName)
    key("timestamp")
    number(summary.timestamp)
    key("duration")
    number(summary.duration)
    key("spanCount")
    number(summary.spanCount)
    key("errorCount")
    number(summary.errorCount)
    key("detachedCount")
    number(summary.detachedCount)
    key("services")
    beginArray()
    for service in summary.services {
      beginObject()
      key("name")
      string(service.name)
      key("spanCount")
      number(service.spanCount)
      key("errorCount")
      number(service.errorCount)
      endObject()
    }
    endArray()
  }
}
