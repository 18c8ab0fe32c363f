package import TraceModel

/// Reads lists of spans in Zipkin's v2 JSON.
package struct SpanParser {
  var scanner: JSONScanner
  let bounds: SpanBounds
  var limits: CollectorLimits { bounds.limits }
  private var rejections: [SpanRejection] = []
  /// The span that is being read.
  private var span = SpanDraft()
  /// What is wrong with it; the first thing found counts.
  var problem: String?
  var textBytes = 0
  /// Tags and annotations so far.
  private var values = ValueCount()
  private var tagPositions = TagPositions()
  private var isTooLong = false
  /// What was changed in spans.
  var remarks = SpanRemarks()

  private init(_ bytes: [UInt8], limits: CollectorLimits) {
    scanner = JSONScanner(bytes, nestingLimit: limits.nesting)
    bounds = SpanBounds(limits: limits)
  }

  /// Reads a list and gives each good span to a sink. Throws if it is no JSON or too long, then none of it counts; a bad
  /// span is reported beside the others.
  ///
  /// - Returns: the rejected spans, the number of values, and what was changed.
  package static func parse<Sink: SpanSink>(
    _ bytes: [UInt8], limits: CollectorLimits, into sink: inout Sink
  ) throws(CollectorError) -> (rejections: [SpanRejection], values: ValueCount, remarks: SpanRemarks) {
    var parser = SpanParser(bytes, limits: limits)
    do {
      try parser.list { sink.take($0, $1, index: $2) }
    } catch {
      if parser.isTooLong { throw .tooManySpans(limits) }
      throw .noSpanList(error, in: bytes)
    }
    return (parser.rejections, parser.values, parser.remarks)
  }

  private mutating func list(_ take: (SpanDraft, UnsafeRawBufferPointer, Int) -> Void) throws(JSONError) {
    var index = 0
    if try scanner.enterArray() {
      repeat {
        guard index < limits.spansPerRequest else {
          isTooLong = true
          throw scanner.error("too many spans")
        }
        problem = nil
        textBytes = 0
        try readSpan()
        if let problem {
          let origin = SpanOrigin(span) { scanner.text($0) }
          rejections.append(SpanRejection(index: index, reason: problem, origin: origin))
        } else {
          scanner.bytes.withUnsafeBytes { take(span, $0, index) }
        }
        index += 1
      } while try scanner.moreElements()
    }
    try scanner.end()
  }

  mutating func reject(_ reason: String) {
    if problem == nil { problem = reason }
  }

  /// Counts a tag or an annotation; false if it is one too many, or if the span is refused anyway.
  private mutating func takeValue() -> Bool {
    guard problem == nil else { return false }
    if values.take(1, limits) { return true }
    reject(bounds.tooManyValues)
    return false
  }

  // MARK: A span

  private enum Field {
    case traceID, id, parentID, kind, name, timestamp, duration, localEndpoint, remoteEndpoint, annotations, tags
    case debug, shared
  }

  private func field(_ key: TextSlice) -> Field? {
    switch key.count {
    case 2: scanner.isEqual(key, "id") ? .id : nil
    case 4:
      scanner.isEqual(key, "kind")
        ? .kind : scanner.isEqual(key, "name") ? .name : scanner.isEqual(key, "tags") ? .tags : nil
    case 5: scanner.isEqual(key, "debug") ? .debug : nil
    case 6: scanner.isEqual(key, "shared") ? .shared : nil
    case 7: scanner.isEqual(key, "traceId") ? .traceID : nil
    case 8: scanner.isEqual(key, "parentId") ? .parentID : scanner.isEqual(key, "duration") ? .duration : nil
    case 9: scanner.isEqual(key, "timestamp") ? .timestamp : nil
    case 11: scanner.isEqual(key, "annotations") ? .annotations : nil
    case 13: scanner.isEqual(key, "localEndpoint") ? .localEndpoint : nil
    case 14: scanner.isEqual(key, "remoteEndpoint") ? .remoteEndpoint : nil
    default: nil
    }
  }

  /// Reads the next span into ``span``.
  private mutating func readSpan() throws(JSONError) {
    span.clear()
    guard try scanner.next("a span") == 0x7B else {
      reject("a span must be an object")
      try scanner.skipValue()
      return
    }
    guard try scanner.enterObject() else {
      reject(SpanBounds.missingTraceID)
      return
    }
    repeat {
      let key = try scanner.keySlice()
      if try scanner.null() { continue }
      switch field(key) {
      case .traceID:
        guard let text = try text("traceId") else { break }
        if let (high, low) = hexadecimal(text) {
          span.traceID = TraceID(high: high, low: low)
        } else {
          reject("traceId must have 1 to 32 hexadecimal digits and not be zero")
        }
      case .id: span.id = try id("id", mayBeZero: false)
      case .parentID:
        let parent = try id("parentId", mayBeZero: true)
        span.parentID = parent == 0 ? nil : parent
      case .kind: span.kind = try kind()
      case .name: span.name = lowercased(try operation())
      case .timestamp: span.timestamp = time(try integer("timestamp"))
      case .duration: span.duration = time(try integer("duration"))
      case .localEndpoint: span.localEndpoint = try endpoint("localEndpoint")
      case .remoteEndpoint: span.remoteEndpoint = try endpoint("remoteEndpoint")
      case .annotations: try annotations()
      case .tags: try tags()
      case .debug: span.isDebug = try flag("debug")
      case .shared: span.isShared = try flag("shared")
      case nil:
        let name = scanner.text(key)
        remarks.addUnknownKey(name, isMisspelled: Self.isMisspelled(name))
        try scanner.skipValue()
      }
    } while try scanner.moreMembers()
    if let problem = bounds.missingID(span.traceID, span.id) { reject(problem) }
    if span.parentID == span.id, span.id != 0 {
      span.parentID = nil
      remarks.add(.parentIsItself)
    }
  }

  /// Keys of Zipkin's spans in a spelling that others use.
  private static func isMisspelled(_ key: String) -> Bool {
    let plain = key.lowercased().filter { $0 != "_" && $0 != "-" }
    return ["traceid", "spanid", "parentid", "parentspanid", "localendpoint", "remoteendpoint"].contains(plain)
  }

  /// A time or a duration; 0 for unknown if it is negative.
  private mutating func time(_ value: Int64) -> Int64 {
    guard value < 0 else { return value }
    remarks.add(.negativeTime)
    return 0
  }

  private func hexadecimal(_ text: TextSlice) -> (high: UInt64, low: UInt64)? {
    scanner.bytes.withUnsafeBytes { Hexadecimal.parse(text.of($0)) }
  }

  private mutating func id(_ field: String, mayBeZero: Bool) throws(JSONError) -> UInt64 {
    guard let text = try text(field) else { return 0 }
    if text.count <= 16, let (_, low) = hexadecimal(text) { return low }
    if !mayBeZero || text.isEmpty || text.count > 16 || !scanner.bytes[text.range].allSatisfy({ $0 == 0x30 }) {
      reject("\(field) must have 1 to 16 hexadecimal digits" + (mayBeZero ? "" : " and not be zero"))
    }
    return 0
  }

  private mutating func kind() throws(JSONError) -> Span.Kind? {
    guard let text = try text("kind") else { return nil }
    for kind in Span.Kind.allCases where scanner.isEqual(text, kind.zipkinName) { return kind }
    reject("kind must be CLIENT, SERVER, PRODUCER or CONSUMER")
    return nil
  }

  private mutating func endpoint(_ field: String) throws(JSONError) -> EndpointDraft? {
    guard try scanner.next("an endpoint") == 0x7B else {
      reject("\(field) must be an object")
      try scanner.skipValue()
      return nil
    }
    var endpoint = EndpointDraft()
    guard try scanner.enterObject() else { return nil }
    repeat {
      let key = try scanner.keySlice()
      if try scanner.null() { continue }
      if scanner.isEqual(key, "serviceName") {
        endpoint.serviceName = lowercased(try serviceName(field))
      } else if scanner.isEqual(key, "ipv4") {
        endpoint.ipv4 = try address(field, version: 4)
      } else if scanner.isEqual(key, "ipv6") {
        endpoint.ipv6 = try address(field, version: 6)
      } else if scanner.isEqual(key, "port") {
        let number = try integer("port")
        if let port = UInt16(exactly: number) {
          endpoint.port = port
        } else {
          reject("\(field).port must be a number from 0 to 65535")
        }
      } else {
        try scanner.skipValue()
      }
    } while try scanner.moreMembers()
    return endpoint.isEmpty ? nil : endpoint
  }

  /// An address; one that cannot be an address is left out, as Zipkin does.
  private mutating func address(_ field: String, version: Int) throws(JSONError) -> TextSlice {
    guard let text = try text(version == 4 ? "ipv4" : "ipv6", of: field) else { return TextSlice() }
    let isPlausible = scanner.bytes.withUnsafeBytes { bytes in
      var separators = 0
      for byte in text.of(bytes) {
        switch byte {
        case 0x2E: separators += version == 4 ? 1 : 0
        case 0x30...0x39: break
        case 0x3A where version == 6: separators += 1
        case 0x41...0x46 where version == 6, 0x61...0x66 where version == 6: break
        default: return false
        }
      }
      return version == 4 ? separators == 3 : separators >= 2
    }
    if isPlausible, text.count <= 45 { return text }
    if text.count > 0 { remarks.add(.noAddress) }
    return TextSlice()
  }

  private mutating func annotations() throws(JSONError) {
    span.annotations.removeAll(keepingCapacity: true)
    guard try scanner.next("a list") == 0x5B else {
      reject("annotations must be a list")
      try scanner.skipValue()
      return
    }
    guard try scanner.enterArray() else { return }
    repeat {
      guard span.annotations.count < limits.annotationsPerSpan else {
        reject(bounds.tooManyAnnotations)
        try scanner.skipValue()
        continue
      }
      guard takeValue() else {
        try scanner.skipValue()
        continue
      }
      guard try scanner.next("an annotation") == 0x7B else {
        reject("an annotation must be an object")
        try scanner.skipValue()
        continue
      }
      var timestamp: Int64?
      var value: TextSlice?
      if try scanner.enterObject() {
        repeat {
          let key = try scanner.keySlice()
          if try scanner.null() { continue }
          if scanner.isEqual(key, "timestamp") {
            timestamp = try integer("annotations.timestamp")
          } else if scanner.isEqual(key, "value") {
            value = try text("annotations.value")
          } else {
            try scanner.skipValue()
          }
        } while try scanner.moreMembers()
      }
      if let timestamp, let value {
        span.annotations.append(AnnotationDraft(timestamp: timestamp, value: value))
      } else {
        reject("an annotation must have a timestamp and a value")
      }
    } while try scanner.moreElements()
  }

  private mutating func tags() throws(JSONError) {
    span.tags.removeAll(keepingCapacity: true)
    guard try scanner.next("an object") == 0x7B else {
      reject("tags must be an object")
      try scanner.skipValue()
      return
    }
    guard try scanner.enterObject() else { return }
    repeat {
      let key = try scanner.keySlice()
      guard span.tags.count < limits.tagsPerSpan else {
        reject(bounds.tooManyTags)
        try scanner.skipValue()
        continue
      }
      guard takeValue() else {
        try takeOriginTag(key)
        continue
      }
      check(key, "the name of a tag")
      guard let value = try tagValue(key) else { continue }
      let tag = scanner.bytes.withUnsafeBytes { TagDraft(key: key, value: value, in: $0) }
      scanner.bytes.withUnsafeBytes { tagPositions.set(tag, in: &span.tags, $0) }
    } while try scanner.moreMembers()
  }

  /// Reads a tag of a span that is rejected, if it names the sender.
  private mutating func takeOriginTag(_ key: TextSlice) throws(JSONError) {
    let keyHash = scanner.bytes.withUnsafeBytes { TextHash.hash(key.of($0)) }
    guard SenderTags.mask >> (keyHash & 63) & 1 == 1, try scanner.next("a value") == 0x22 else {
      return try scanner.skipValue()
    }
    let value = try scanner.slice("a text")
    span.tags.append(scanner.bytes.withUnsafeBytes { TagDraft(key: key, value: value, in: $0) })
  }

  /// A tag's value: a text. Numbers and truth values are taken as they are written, as Zipkin's own reader does.
  private mutating func tagValue(_ key: TextSlice) throws(JSONError) -> TextSlice? {
    switch try scanner.next("the value of a tag") {
    case 0x22: return try text("tags")
    case 0x2D, 0x30...0x39: return try scanner.numberSlice()
    default:
      let start = scanner.position
      if try scanner.literal("true") { return TextSlice(start: start, count: 4) }
      if try scanner.literal("false") { return TextSlice(start: start, count: 5) }
      if problem == nil { reject("the value of the tag \(scanner.text(key).prefix(64)) must be a text") }
      try scanner.skipValue()
      return nil
    }
  }
}
