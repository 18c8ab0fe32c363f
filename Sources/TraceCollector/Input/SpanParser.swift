/// Reads lists of spans in Zipkin's v2 JSON.
struct SpanParser {
  /// What a list holds.
  struct Result: Sendable, Equatable {
    /// The good spans.
    var spans: [Span] = []
    /// Where each good span stands in the list.
    var indices: [Int] = []
    /// The others.
    var rejections: [SpanRejection] = []
  }

  private var scanner: JSONScanner
  private let limits: CollectorLimits
  /// What is wrong with the span that is being read; the first thing found counts.
  private var problem: String?
  private var textBytes = 0

  private init(_ bytes: [UInt8], limits: CollectorLimits) {
    scanner = JSONScanner(bytes, nestingLimit: limits.nesting)
    self.limits = limits
  }

  /// Reads a list. Throws if it is no JSON or too long, then none of it counts; a bad span is reported beside the others.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> Result {
    var parser = SpanParser(bytes, limits: limits)
    do {
      return try parser.list()
    } catch {
      if parser.isTooLong {
        throw CollectorError(
          code: .tooLarge, message: "the request has more than \(limits.spansPerRequest) spans; send fewer at once")
      }
      let before = bytes[..<min(error.offset, bytes.count)]
      let line = before.count { $0 == 0x0A } + 1
      let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
      throw CollectorError(
        code: .invalid,
        message: "the body is not a JSON list of spans: line \(line), column \(column) (byte \(error.offset)): "
          + error.reason)
    }
  }

  private var isTooLong = false

  private mutating func list() throws(JSONError) -> Result {
    var result = Result()
    var index = 0
    if try scanner.enterArray() {
      repeat {
        guard index < limits.spansPerRequest else {
          isTooLong = true
          throw scanner.error("too many spans")
        }
        problem = nil
        textBytes = 0
        let span = try span()
        if let problem {
          result.rejections.append(SpanRejection(index: index, reason: problem))
        } else if let span {
          result.spans.append(span)
          result.indices.append(index)
        }
        index += 1
      } while try scanner.moreElements()
    }
    try scanner.end()
    return result
  }

  private mutating func reject(_ reason: String) {
    if problem == nil { problem = reason }
  }

  // MARK: A span

  private mutating func span() throws(JSONError) -> Span? {
    guard try scanner.next("a span") == 0x7B else {
      reject("a span must be an object")
      try scanner.skipValue()
      return nil
    }
    var span = Span(traceID: TraceID(low: 0), id: 0)
    guard try scanner.enterObject() else {
      reject("traceId is missing")
      return nil
    }
    repeat {
      let key = try scanner.key()
      if try scanner.literal("null") { continue }
      switch key {
      case "traceId":
        guard let text = try text("traceId") else { break }
        if let id = TraceID(text) {
          span.traceID = id
        } else {
          reject("traceId must have 1 to 32 hexadecimal digits and not be zero")
        }
      case "id": span.id = try id("id", mayBeZero: false)
      case "parentId":
        let parent = try id("parentId", mayBeZero: true)
        span.parentID = parent == 0 ? nil : parent
      case "kind": span.kind = try kind()
      case "name": span.name = try operation().lowercased()
      case "timestamp": span.timestamp = max(0, try integer("timestamp"))
      case "duration": span.duration = max(0, try integer("duration"))
      case "localEndpoint": span.localEndpoint = try endpoint("localEndpoint")
      case "remoteEndpoint": span.remoteEndpoint = try endpoint("remoteEndpoint")
      case "annotations": span.annotations = try annotations()
      case "tags": span.tags = try tags()
      case "debug": span.isDebug = try flag("debug")
      case "shared": span.isShared = try flag("shared")
      default: try scanner.skipValue()
      }
    } while try scanner.moreMembers()
    if span.traceID.low == 0, span.traceID.high == 0 { reject("traceId is missing") }
    if span.id == 0 { reject("id is missing") }
    if span.parentID == span.id { span.parentID = nil }
    return span
  }

  private mutating func id(_ field: String, mayBeZero: Bool) throws(JSONError) -> UInt64 {
    guard let text = try text(field) else { return 0 }
    let digits = text.utf8
    if digits.count <= 16, let (_, low) = Hexadecimal.parse(digits) { return low }
    if !mayBeZero || digits.isEmpty || digits.count > 16 || !digits.allSatisfy({ $0 == 0x30 }) {
      reject("\(field) must have 1 to 16 hexadecimal digits" + (mayBeZero ? "" : " and not be zero"))
    }
    return 0
  }

  private mutating func kind() throws(JSONError) -> Span.Kind? {
    guard let text = try text("kind") else { return nil }
    guard let kind = Span.Kind(zipkinName: text) else {
      reject("kind must be CLIENT, SERVER, PRODUCER or CONSUMER")
      return nil
    }
    return kind
  }

  private mutating func endpoint(_ field: String) throws(JSONError) -> Endpoint? {
    guard try scanner.next("an endpoint") == 0x7B else {
      reject("\(field) must be an object")
      try scanner.skipValue()
      return nil
    }
    var endpoint = Endpoint()
    guard try scanner.enterObject() else { return nil }
    repeat {
      let key = try scanner.key()
      if try scanner.literal("null") { continue }
      switch key {
      case "serviceName": endpoint.serviceName = try name("\(field).serviceName").lowercased()
      case "ipv4": endpoint.ipv4 = try address("\(field).ipv4", version: 4)
      case "ipv6": endpoint.ipv6 = try address("\(field).ipv6", version: 6)
      case "port":
        let number = try integer("\(field).port")
        if let port = UInt16(exactly: number) {
          endpoint.port = port
        } else {
          reject("\(field).port must be a number from 0 to 65535")
        }
      default: try scanner.skipValue()
      }
    } while try scanner.moreMembers()
    return endpoint.isEmpty ? nil : endpoint
  }

  /// An address; one that cannot be an address is left out, as Zipkin does.
  private mutating func address(_ field: String, version: Int) throws(JSONError) -> String {
    guard let text = try text(field) else { return "" }
    let isPlausible = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x2E: true
      case 0x3A, 0x41...0x46, 0x61...0x66: version == 6
      default: false
      }
    }
    let hasSeparator = version == 4 ? text.utf8.count { $0 == 0x2E } == 3 : text.utf8.count { $0 == 0x3A } >= 2
    return isPlausible && hasSeparator && text.utf8.count <= 45 ? text : ""
  }

  private mutating func annotations() throws(JSONError) -> [Span.Annotation] {
    guard try scanner.next("a list") == 0x5B else {
      reject("annotations must be a list")
      try scanner.skipValue()
      return []
    }
    var annotations: [Span.Annotation] = []
    guard try scanner.enterArray() else { return [] }
    repeat {
      guard annotations.count < limits.annotationsPerSpan else {
        reject("more than \(limits.annotationsPerSpan) annotations")
        try scanner.skipValue()
        continue
      }
      guard try scanner.next("an annotation") == 0x7B else {
        reject("an annotation must be an object")
        try scanner.skipValue()
        continue
      }
      var timestamp: Int64?
      var value: String?
      if try scanner.enterObject() {
        repeat {
          let key = try scanner.key()
          if try scanner.literal("null") { continue }
          switch key {
          case "timestamp": timestamp = try integer("annotations.timestamp")
          case "value": value = try text("annotations.value")
          default: try scanner.skipValue()
          }
        } while try scanner.moreMembers()
      }
      if let timestamp, let value {
        annotations.append(Span.Annotation(timestamp: timestamp, value: value))
      } else {
        reject("an annotation must have a timestamp and a value")
      }
    } while try scanner.moreElements()
    return annotations
  }

  private mutating func tags() throws(JSONError) -> [Span.Tag] {
    guard try scanner.next("an object") == 0x7B else {
      reject("tags must be an object")
      try scanner.skipValue()
      return []
    }
    var tags: [Span.Tag] = []
    var positions: [String: Int] = [:]
    guard try scanner.enterObject() else { return [] }
    repeat {
      let key = try scanner.key()
      guard tags.count < limits.tagsPerSpan else {
        reject("more than \(limits.tagsPerSpan) tags")
        try scanner.skipValue()
        continue
      }
      check(key, "the name of a tag")
      guard let value = try tagValue(key) else { continue }
      if let position = positions.updateValue(tags.count, forKey: key) {
        positions[key] = position
        tags[position].value = value
      } else {
        tags.append(Span.Tag(key, value))
      }
    } while try scanner.moreMembers()
    return tags
  }

  /// A tag's value: a text. Numbers and truth values are taken as they are written, as Zipkin's own reader does.
  private mutating func tagValue(_ key: String) throws(JSONError) -> String? {
    switch try scanner.next("the value of a tag") {
    case 0x22: return try text("tags")
    case 0x2D, 0x30...0x39: return try scanner.number()
    default:
      if try scanner.literal("true") { return "true" }
      if try scanner.literal("false") { return "false" }
      reject("the value of the tag \(key.prefix(64)) must be a text")
      try scanner.skipValue()
      return nil
    }
  }

  // MARK: Values

  /// A text; nil after a value of another kind, which is then the span's problem.
  private mutating func text(_ field: String) throws(JSONError) -> String? {
    guard try scanner.next("a value") == 0x22 else {
      reject("\(field) must be a text")
      try scanner.skipValue()
      return nil
    }
    let text = try scanner.string("a text")
    textBytes += text.utf8.count
    if textBytes > limits.textBytesPerSpan { reject("its texts are longer than \(limits.textBytesPerSpan) bytes") }
    return text
  }

  /// The name of an operation, which may be a whole URL.
  private mutating func operation() throws(JSONError) -> String {
    guard let text = try text("name") else { return "" }
    if text.utf8.contains(0) { reject("name holds a zero byte") }
    return text
  }

  private mutating func name(_ field: String) throws(JSONError) -> String {
    guard let text = try text(field) else { return "" }
    check(text, field)
    return text
  }

  private mutating func check(_ name: String, _ field: String) {
    if name.utf8.count > limits.nameBytes {
      reject("\(field) is \(name.utf8.count) bytes long; at most \(limits.nameBytes) are allowed")
    } else if name.utf8.contains(0) {
      reject("\(field) holds a zero byte")
    }
  }

  private mutating func integer(_ field: String) throws(JSONError) -> Int64 {
    switch try scanner.next("a value") {
    case 0x2D, 0x30...0x39:
      let text = try scanner.number()
      if let value = Int64(text) { return value }
      // Some senders write times as floating-point numbers.
      if text.utf8.count <= 64, let value = Double(text), value.magnitude < 9e18 { return Int64(value) }
      reject("\(field) is out of range")
    default:
      reject("\(field) must be a number")
      try scanner.skipValue()
    }
    return 0
  }

  private mutating func flag(_ field: String) throws(JSONError) -> Bool {
    if try scanner.literal("true") { return true }
    if try scanner.literal("false") { return false }
    reject("\(field) must be true or false")
    try scanner.skipValue()
    return false
  }
}

extension Span.Kind {
  /// The kind's name in Zipkin's JSON.
  var zipkinName: StaticString {
    switch self {
    case .client: "CLIENT"
    case .server: "SERVER"
    case .producer: "PRODUCER"
    case .consumer: "CONSUMER"
    }
  }

  init?(zipkinName: String) {
    switch zipkinName {
    case "CLIENT": self = .client
    case "SERVER": self = .server
    case "PRODUCER": self = .producer
    case "CONSUMER": self = .consumer
    default: return nil
    }
  }
}
