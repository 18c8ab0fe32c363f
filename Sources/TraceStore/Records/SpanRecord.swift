import TraceModel

/// A span as it is stored in blocks and segments: a few dozen bytes.
///
/// Layout of version 1: version; flags; the high half of the trace's id, the span's id and its parent's id (8 bytes each, omitted
/// where a flag says that it is absent or equals the low half); times; kind; texts. Other numbers have variable length: seven bits
/// per byte, the lowest first. A text is a number n whose lowest two bits are the encoding: 0, text number n/4 of the table `text`;
/// 1, n/4 bytes follow; 2, a UUID in 16 bytes; 3, the decimal number n/4.
enum SpanRecord {
  private static let version: UInt8 = 1

  private struct Flags: OptionSet {
    let rawValue: UInt64
    static let high = Flags(rawValue: 1)
    static let idIsLow = Flags(rawValue: 2)
    static let parent = Flags(rawValue: 4)
    static let parentIsLow = Flags(rawValue: 8)
    static let shared = Flags(rawValue: 16)
    static let debug = Flags(rawValue: 32)
    static let local = Flags(rawValue: 64)
    static let tags = Flags(rawValue: 128)
    static let remote = Flags(rawValue: 256)
    static let annotations = Flags(rawValue: 512)
    static let kind = Flags(rawValue: 1024)
    static let doubtfulIDs = Flags(rawValue: 2048)
  }

  // MARK: Encoding

  /// Encodes a span. `received` is when it was received, in milliseconds since 1970.
  ///
  /// - Parameter known: the tags of spans in the same bytes that have been encoded.
  static func encode(
    _ span: SpanDraft, in bytes: UnsafeRawBufferPointer, received: Int64, texts: TextTable,
    to writer: inout ByteWriter, _ known: inout EncodedTags?
  ) {
    let low = span.traceID.low
    var flags: Flags = []
    if span.traceID.high != 0 { flags.insert(.high) }
    if span.id == low { flags.insert(.idIsLow) }
    if let parent = span.parentID { flags.formUnion(parent == low ? [.parent, .parentIsLow] : .parent) }
    if span.isShared { flags.insert(.shared) }
    if span.isDebug { flags.insert(.debug) }
    if span.localEndpoint != nil { flags.insert(.local) }
    if span.remoteEndpoint != nil { flags.insert(.remote) }
    if !span.annotations.isEmpty { flags.insert(.annotations) }
    if !span.tags.isEmpty { flags.insert(.tags) }
    if span.kind != nil { flags.insert(.kind) }
    if span.hasDoubtfulIDs { flags.insert(.doubtfulIDs) }

    writer.bytes.append(version)
    writer.number(flags.rawValue)
    if flags.contains(.high) { writer.fixed(span.traceID.high) }
    if !flags.contains(.idIsLow) { writer.fixed(span.id) }
    if let parent = span.parentID, !flags.contains(.parentIsLow) { writer.fixed(parent) }
    writer.signed(received)
    writer.signed(received &* 1_000 &- span.timestamp)
    writer.signed(span.duration)
    if let kind = span.kind { writer.bytes.append(kind.rawValue) }
    writer.text(span.name.of(bytes), texts)
    if let endpoint = span.localEndpoint { writer.endpoint(endpoint, bytes, texts) }
    if let endpoint = span.remoteEndpoint { writer.endpoint(endpoint, bytes, texts) }
    if !span.annotations.isEmpty {
      writer.number(span.annotations.count)
      for annotation in span.annotations {
        writer.signed(annotation.timestamp &- span.timestamp)
        writer.text(annotation.value.of(bytes), texts)
      }
    }
    if !span.tags.isEmpty {
      writer.number(span.tags.count)
      for tag in span.tags {
        if known?.write(tag, to: &writer) ?? false { continue }
        let start = writer.bytes.count
        writer.text(tag.key.of(bytes), hash: tag.keyHash, texts)
        writer.text(tag.value.of(bytes), hash: tag.valueHash, texts)
        known?.add(tag, writer.bytes, from: start)
      }
    }
  }

  // MARK: Decoding

  /// When the span of a record was received, in milliseconds since 1970; nil if the record is damaged.
  static func received(_ bytes: UnsafeRawBufferPointer) throws(UnknownVersion) -> Int64? {
    var reader = ByteReader(bytes)
    _ = try reader.version(.record, known: version...version)
    let flags = Flags(rawValue: reader.number())
    if flags.contains(.high) { _ = reader.slice(8) }
    if !flags.contains(.idIsLow) { _ = reader.slice(8) }
    if flags.contains(.parent), !flags.contains(.parentIsLow) { _ = reader.slice(8) }
    let received = reader.signed()
    return reader.isDamaged ? nil : received
  }

  /// What is decoded of annotations and tags, of which there may be hundreds.
  enum Part {
    case all
    case nothing
    /// Some tags.
    case tags(TagSelection)
  }

  /// A span, and when it was received in milliseconds since 1970; nil if the record is damaged.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, low: UInt64, texts: TextList, _ part: Part = .all
  ) throws(UnknownVersion) -> (span: Span, received: Int64)? {
    var reader = ByteReader(bytes)
    _ = try reader.version(.record, known: version...version)
    let flags = Flags(rawValue: reader.number())
    var span = Span(traceID: TraceID(high: flags.contains(.high) ? reader.fixed() : 0, low: low), id: low)
    if !flags.contains(.idIsLow) { span.id = reader.fixed() }
    if flags.contains(.parent) { span.parentID = flags.contains(.parentIsLow) ? low : reader.fixed() }
    span.isShared = flags.contains(.shared)
    span.isDebug = flags.contains(.debug)
    span.hasDoubtfulIDs = flags.contains(.doubtfulIDs)
    let received = reader.signed()
    span.timestamp = received &* 1_000 &- reader.signed()
    span.duration = reader.signed()
    if flags.contains(.kind) { span.kind = Span.Kind(rawValue: reader.byte()) }
    span.name = reader.text(texts)
    if flags.contains(.local) { span.localEndpoint = reader.endpoint(texts) }
    if flags.contains(.remote) { span.remoteEndpoint = reader.endpoint(texts) }
    switch part {
    case .nothing: break
    case .all: readValues(&reader, flags, texts, into: &span)
    case .tags(let selection): readTags(&reader, flags, texts, selection, into: &span)
    }
    return reader.isDamaged ? nil : (span, received)
  }

  private static func readValues(_ reader: inout ByteReader, _ flags: Flags, _ texts: TextList, into span: inout Span) {
    if flags.contains(.annotations) {
      for _ in 0..<reader.count() {
        let offset = reader.signed()
        span.annotations.append(Span.Annotation(timestamp: span.timestamp &+ offset, value: reader.text(texts)))
      }
    }
    if flags.contains(.tags) {
      let count = reader.count()
      span.tags.reserveCapacity(count)
      for _ in 0..<count {
        let key = reader.text(texts)
        span.tags.append(Span.Tag(key, reader.text(texts)))
      }
    }
  }

  private static func readTags(
    _ reader: inout ByteReader, _ flags: Flags, _ texts: TextList, _ selection: TagSelection, into span: inout Span
  ) {
    if flags.contains(.annotations) {
      for _ in 0..<reader.count() {
        _ = reader.signed()
        reader.skipText()
      }
    }
    guard flags.contains(.tags) else { return }
    span.tags.reserveCapacity(selection.count)
    for _ in 0..<reader.count() {
      let number = reader.number()
      if let key = number & 3 == 0 ? selection.key(number >> 2) : selection.key(reader.text(number, texts)) {
        span.tags.append(Span.Tag(key, reader.text(texts)))
      } else {
        reader.skipText()
      }
    }
  }
}

/// The encodings of tags by the position of their texts in a report. Most tags of a proxy are the same in many of its spans.
struct EncodedTags {
  private struct Entry {
    var key = 0
    var value = 0
    /// The encoding, the first byte lowest, and its length; 0 for a free entry.
    var bytes: UInt64 = 0
    var count = 0
  }

  private var entries = [Entry](repeating: Entry(), count: 256)

  private func slot(_ tag: TagDraft) -> Int {
    Int(truncatingIfNeeded: tag.keyHash ^ tag.valueHash) & (entries.count - 1)
  }

  /// Writes a known tag; false if it is not known.
  func write(_ tag: TagDraft, to writer: inout ByteWriter) -> Bool {
    let entry = entries[slot(tag)]
    guard entry.count > 0, entry.key == tag.key.start, entry.value == tag.value.start else { return false }
    var rest = entry.bytes
    for _ in 0..<entry.count {
      writer.bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
    return true
  }

  /// Adds a tag whose encoding has just been written, if it is short.
  mutating func add(_ tag: TagDraft, _ bytes: [UInt8], from start: Int) {
    guard bytes.count - start <= 8 else { return }
    var entry = Entry(key: tag.key.start, value: tag.value.start, count: bytes.count - start)
    for byte in bytes[start...].reversed() { entry.bytes = entry.bytes << 8 | UInt64(byte) }
    entries[slot(tag)] = entry
  }
}

extension ByteWriter {
  fileprivate mutating func text(_ text: UnsafeRawBufferPointer, _ texts: TextTable) {
    self.text(text, hash: TextHash.hash(text), texts)
  }

  /// Writes a text in the shortest encoding; `hash` is its ``TextHash``.
  fileprivate mutating func text(_ text: UnsafeRawBufferPointer, hash: UInt64, _ texts: TextTable) {
    if let number = PackedText.decimal(text) {
      self.number(number << 2 | 3)
    } else if let id = texts.number(of: text, hash: hash) {
      number(UInt64(id) << 2)
    } else if let (high, low) = PackedText.uuid(text) {
      number(2)
      fixed(high)
      fixed(low)
    } else {
      number(UInt64(text.count) << 2 | 1)
      bytes.append(contentsOf: text)
    }
  }

  fileprivate mutating func endpoint(
    _ endpoint: EndpointDraft, _ bytes: UnsafeRawBufferPointer, _ texts: TextTable
  ) {
    text(endpoint.serviceName.of(bytes), texts)
    text(endpoint.ipv4.of(bytes), texts)
    text(endpoint.ipv6.of(bytes), texts)
    number(UInt64(endpoint.port))
  }
}

extension ByteReader {
  fileprivate mutating func skipText() {
    let number = number()
    switch number & 3 {
    case 1: _ = slice(Int(clamping: number >> 2))
    case 2: _ = slice(16)
    default: break
    }
  }

  fileprivate mutating func text(_ texts: TextList) -> String { text(number(), texts) }

  /// A text that begins with a number.
  fileprivate mutating func text(_ number: UInt64, _ texts: TextList) -> String {
    switch number & 3 {
    case 0:
      guard let index = Int(exactly: number >> 2), index < texts.count else { break }
      return texts[index]
    case 1:
      guard let count = Int(exactly: number >> 2) else { break }
      return String(decoding: slice(count), as: UTF8.self)
    case 2:
      let high: UInt64 = fixed()
      return PackedText.uuidText(high, fixed())
    default: return String(number >> 2)
    }
    fail()
    return ""
  }

  fileprivate mutating func endpoint(_ texts: TextList) -> Endpoint {
    Endpoint(
      serviceName: text(texts), ipv4: text(texts), ipv6: text(texts), port: UInt16(truncatingIfNeeded: number()))
  }
}

/// Lossless encodings of texts as numbers.
enum PackedText {
  /// A decimal number without leading zeros and below 2^60.
  @inline(__always) static func decimal(_ digits: UnsafeRawBufferPointer) -> UInt64? {
    guard let first = digits.first, first >= 0x30, first <= 0x39, digits.count <= 18,
      first != 0x30 || digits.count == 1
    else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + UInt64(digit - 0x30)
    }
    return value < 1 << 60 ? value : nil
  }

  /// A UUID in lower case with its four hyphens.
  static func uuid(_ text: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64)? {
    guard text.count == 36 else { return nil }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for (index, byte) in text.enumerated() {
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard byte == 0x2D else { return nil }
        continue
      }
      guard let value = Hexadecimal.value(byte), byte < 0x41 || byte > 0x46 else { return nil }
      high = high << 4 | low >> 60
      low = low << 4 | value
    }
    return (high, low)
  }

  static func uuidText(_ high: UInt64, _ low: UInt64) -> String {
    var digits: [UInt8] = []
    digits.reserveCapacity(36)
    Hexadecimal.append(high, to: &digits)
    Hexadecimal.append(low, to: &digits)
    for index in [20, 16, 12, 8] { digits.insert(0x2D, at: index) }
    return String(decoding: digits, as: UTF8.self)
  }
}
