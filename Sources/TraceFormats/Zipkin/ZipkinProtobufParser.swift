package import TraceModel

/// Parses lists of spans in Zipkin's v2 protobuf (`ListOfSpans` of openzipkin's zipkin.proto).
///
/// Not generated code: spans are decoded directly into ``SpanDraft``s without intermediate messages, and an invalid span does not
/// affect others. The collector needs no protobuf runtime.
package struct ZipkinProtobufParser {
  private let bounds: SpanBounds
  private var limits: CollectorLimits { bounds.limits }
  private let body: UnsafeRawBufferPointer
  /// Texts that the body does not have. They will follow it.
  private var madeTexts: [UInt8] = []
  private var report = ReportedSpans()
  /// The span that is being read.
  private var span = SpanDraft()
  private var nameHoldsZero = false
  /// What is wrong with the names of its endpoints.
  private var localProblem: String?
  private var remoteProblem: String?
  private var tagPositions = TagPositions()
  private var knownTags = KnownTags()
  private var lastAddress = (bytes: UInt32(0), text: TextSlice())
  private var isTooLong = false

  private init(_ body: UnsafeRawBufferPointer, limits: CollectorLimits) {
    bounds = SpanBounds(limits: limits)
    self.body = body
  }

  /// Parses a list. Throws if it is not valid or too large, then none of it counts. A rejected span does not affect others.
  package static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ReportedSpans {
    let result = ProtobufReader.read(bytes) { (reader) throws(ProtobufError) in
      var parser = ZipkinProtobufParser(reader.bytes, limits: limits)
      try parser.read(reader)
      return parser.isTooLong ? nil : (parser.report, parser.madeTexts)
    }
    switch result {
    case .failure(let error): throw .unreadable(error, wanted: "a list of spans in protobuf")
    case .success(nil): throw .tooManySpans(limits)
    case .success((var report, let texts)?):
      report.bytes.reserveCapacity(bytes.count + texts.count)
      report.bytes.append(contentsOf: bytes)
      report.bytes.append(contentsOf: texts)
      return report
    }
  }

  private mutating func read(_ message: ProtobufReader) throws(ProtobufError) {
    var reader = message
    var index = 0
    while let field = try reader.next() {
      guard case (1, .bytes) = field else {
        try reader.skip(field)
        continue
      }
      guard index < limits.spansPerRequest else {
        isTooLong = true
        return
      }
      let message = try reader.message()
      do throws(ProtobufError) {
        try readSpan(message)
        if let problem { throw .content(problem) }
        report.append(span, index: index)
      } catch {
        readOriginTags(message)
        report.rejections.append(SpanRejection(index: index, reason: error.text, origin: origin))
      }
      index += 1
    }
  }

  /// Reads the next span into ``span``.
  private mutating func readSpan(_ message: ProtobufReader) throws(ProtobufError) {
    var reader = message
    span.clear()
    nameHoldsZero = false
    localProblem = nil
    remoteProblem = nil
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        guard let id = TraceID(bytes: try reader.data()) else {
          throw .content("trace_id must have 8 or 16 bytes and not be zero")
        }
        span.traceID = id
      case (2, .bytes):
        let parent = try id(try reader.data(), "parent_id")
        span.parentID = parent == 0 ? nil : parent
      case (3, .bytes): span.id = try id(try reader.data(), "id")
      // An unknown kind is omitted, as protobuf specifies for enums.
      case (4, .varint):
        let number = try reader.varint()
        span.kind = Span.Kind(rawValue: UInt8(truncatingIfNeeded: min(number, 255)))
        if span.kind == nil, number != 0 { report.remarks.add(.unknownKind) }
      case (5, .bytes):
        let name = try reader.textSlice()
        nameHoldsZero = name.of(body).holdsZero
        span.name = lowercased(name)
      case (6, .fixed64): span.timestamp = Int64(clamping: try reader.fixed64())
      case (7, .varint): span.duration = Int64(clamping: try reader.varint())
      case (8, .bytes): (span.localEndpoint, localProblem) = try endpoint(try reader.message(), "the service's name")
      case (9, .bytes):
        (span.remoteEndpoint, remoteProblem) = try endpoint(try reader.message(), "the remote service's name")
      case (10, .bytes):
        guard span.annotations.count < limits.annotationsPerSpan else { throw .content(bounds.tooManyAnnotations) }
        guard report.values.take(1, limits) else { throw .content(bounds.tooManyValues) }
        span.annotations.append(try annotation(try reader.message()))
      case (11, .bytes):
        guard span.tags.count < limits.tagsPerSpan else { throw .content(bounds.tooManyTags) }
        guard report.values.take(1, limits) else { throw .content(bounds.tooManyValues) }
        tagPositions.set(try tag(try reader.slice(), reader), in: &span.tags, body)
      case (12, .varint): span.isDebug = try reader.varint() != 0
      case (13, .varint): span.isShared = try reader.varint() != 0
      default: try reader.skip(field)
      }
    }
    if span.parentID == span.id, span.id != 0 {
      span.parentID = nil
      report.remarks.add(.parentIsItself)
    }
  }

  /// Reads the tags of a span that is rejected, as far as they name the sender.
  private mutating func readOriginTags(_ message: ProtobufReader) {
    var reader = message
    span.tags.removeAll(keepingCapacity: true)
    while let field = try? reader.next() {
      guard field == (11, .bytes) else {
        guard (try? reader.skip(field)) != nil else { return }
        continue
      }
      guard let slice = try? reader.slice(), let tag = try? self.tag(slice, reader) else { return }
      if SenderTags.mask >> (tag.keyHash & 63) & 1 == 1, span.tags.count < limits.tagsPerSpan { span.tags.append(tag) }
    }
  }

  /// The sender, as far as the span was read.
  private var origin: SpanOrigin {
    SpanOrigin(span) { slice in
      guard slice.start >= body.count else { return String(decoding: slice.of(body), as: UTF8.self) }
      let start = slice.start - body.count
      return String(decoding: madeTexts[start..<(start + slice.count)], as: UTF8.self)
    }
  }

  /// What is wrong with the span; nil if it is valid.
  private var problem: String? {
    if let problem = bounds.missingID(span.traceID, span.id) { return problem }
    if nameHoldsZero { return bounds.holdsZero("name") }
    if let problem = localProblem ?? remoteProblem { return problem }
    var textBytes =
      span.name.count + (span.localEndpoint?.serviceName.count ?? 0) + (span.remoteEndpoint?.serviceName.count ?? 0)
    for tag in span.tags {
      let key = tag.key.of(body)
      if let problem = bounds.problem(nameBytes: key.count, holdsZero: key.holdsZero, "the name of a tag") {
        return problem
      }
      textBytes += tag.key.count + tag.value.count
    }
    for annotation in span.annotations { textBytes += annotation.value.count }
    return textBytes > limits.textBytesPerSpan ? bounds.textsTooLong : nil
  }

  // MARK: Values

  private func id(_ bytes: UnsafeRawBufferPointer, _ field: String) throws(ProtobufError) -> UInt64 {
    guard bytes.count == 8 else { throw .content("\(field) must have 8 bytes") }
    return UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
  }

  private mutating func endpoint(
    _ message: ProtobufReader, _ what: String
  ) throws(ProtobufError) -> (EndpointDraft?, problem: String?) {
    var reader = message
    var endpoint = EndpointDraft()
    var problem: String?
    while let field = try reader.next() {
      switch field {
      case (1, .bytes):
        let name = try reader.textSlice()
        problem = bounds.problem(nameBytes: name.count, holdsZero: name.of(body).holdsZero, what)
        endpoint.serviceName = lowercased(name)
      case (2, .bytes), (3, .bytes): setAddress(try reader.data(), in: &endpoint)
      case (4, .varint):
        guard let port = UInt16(exactly: try reader.varint()) else {
          throw .content("the port of an endpoint must be a number from 0 to 65535")
        }
        endpoint.port = port
      default: try reader.skip(field)
      }
    }
    return (endpoint.isEmpty ? nil : endpoint, problem)
  }

  private mutating func setAddress(_ bytes: UnsafeRawBufferPointer, in endpoint: inout EndpointDraft) {
    if bytes.count == 4 {
      // The spans of a report mostly have one address.
      let address = bytes.loadUnaligned(as: UInt32.self)
      if lastAddress.text.isEmpty || lastAddress.bytes != address {
        lastAddress = (address, made(IPAddressText.ipv4(bytes)))
      }
      endpoint.ipv4 = lastAddress.text
    } else if bytes.count == 16 {
      let (text, isIPv6) = IPAddressText.ipv6(bytes)
      if isIPv6 { endpoint.ipv6 = made(text) } else { endpoint.ipv4 = made(text) }
    } else if !bytes.isEmpty {
      report.remarks.add(.noAddress)
    }
  }

  private func annotation(_ message: ProtobufReader) throws(ProtobufError) -> AnnotationDraft {
    var reader = message
    var annotation = AnnotationDraft(timestamp: 0, value: TextSlice())
    while let field = try reader.next() {
      switch field {
      case (1, .fixed64): annotation.timestamp = Int64(clamping: try reader.fixed64())
      case (2, .bytes): annotation.value = try reader.textSlice()
      default: try reader.skip(field)
      }
    }
    return annotation
  }

  /// Parses a tag. One that an earlier span of the report had is not parsed again.
  private mutating func tag(_ message: TextSlice, _ list: ProtobufReader) throws(ProtobufError) -> TagDraft {
    let slot = knownTags.slot(message.of(body))
    if let known = knownTags.tag(in: slot, message.of(body), body) { return known }
    var reader = list.reader(of: message)
    var (key, value) = (TextSlice(), TextSlice())
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): key = try reader.textSlice()
      case (2, .bytes): value = try reader.textSlice()
      default: try reader.skip(field)
      }
    }
    let tag = TagDraft(key: key, value: value, in: body)
    knownTags.add(tag, of: message, to: slot)
    return tag
  }

  // MARK: Texts

  private mutating func lowercased(_ slice: TextSlice) -> TextSlice {
    let text = slice.of(body)
    let isLowercased = text.allSatisfy { $0 < 0x80 && !($0 >= 0x41 && $0 <= 0x5A) }
    return isLowercased ? slice : made(String(decoding: text, as: UTF8.self).lowercased())
  }

  private mutating func made(_ text: String) -> TextSlice {
    let start = body.count + madeTexts.count
    madeTexts.append(contentsOf: text.utf8)
    return TextSlice(start: start, count: text.utf8.count)
  }
}

/// Tags of a report by their encoded bytes. Most tags of a proxy are the same in many of its spans.
private struct KnownTags {
  private struct Entry {
    var message = TextSlice()
    var tag = TagDraft()
  }

  private var entries = [Entry](repeating: Entry(), count: 256)

  func slot(_ message: UnsafeRawBufferPointer) -> Int {
    Int(truncatingIfNeeded: TextHash.hash(message)) & (entries.count - 1)
  }

  /// The tag of a message; nil if it is not known.
  func tag(in slot: Int, _ message: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> TagDraft? {
    let entry = entries[slot]
    return !message.isEmpty && entry.message.of(body).isEqual(to: message) ? entry.tag : nil
  }

  /// Replaces what is in a slot.
  mutating func add(_ tag: TagDraft, of message: TextSlice, to slot: Int) {
    entries[slot] = Entry(message: message, tag: tag)
  }
}

extension TraceID {
  /// Decodes an id of 8 or 16 bytes; `nil` for another length, or zero.
  package init?(bytes: some RandomAccessCollection<UInt8>) {
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
  package init(bigEndian bytes: some Sequence<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
