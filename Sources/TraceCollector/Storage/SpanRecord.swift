/// A span as the table `span` holds it: a few dozen bytes.
///
/// Layout of version 1, all numbers variable-length (seven bits per byte, the lowest first) unless said:
/// version; flags; the high half of the trace's id, the span's id and its parent's id (8 bytes each, left out where a flag
/// says that it is absent or equals the low half); times; kind; texts. A text is a number n whose lowest two bits say how
/// to read it: 0, the text number n/4 of the store's table; 1, n/4 bytes follow; 2, a UUID in 16 bytes; 3, the decimal
/// number n/4.
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
  }

  // MARK: Writing

  /// Writes a span. `received` is when it came, in milliseconds since 1970.
  static func encode(_ span: Span, received: Int64, texts: inout TextTable) -> [UInt8] {
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

    var writer = Writer()
    writer.bytes.reserveCapacity(160)
    writer.bytes.append(version)
    writer.number(flags.rawValue)
    if flags.contains(.high) { writer.fixed(span.traceID.high) }
    if !flags.contains(.idIsLow) { writer.fixed(span.id) }
    if let parent = span.parentID, !flags.contains(.parentIsLow) { writer.fixed(parent) }
    writer.signed(received)
    writer.signed(received &* 1_000 &- span.timestamp)
    writer.signed(span.duration)
    if let kind = span.kind { writer.bytes.append(kind.rawValue) }
    writer.text(span.name, &texts)
    if let endpoint = span.localEndpoint { writer.endpoint(endpoint, &texts) }
    if let endpoint = span.remoteEndpoint { writer.endpoint(endpoint, &texts) }
    if !span.annotations.isEmpty {
      writer.number(UInt64(span.annotations.count))
      for annotation in span.annotations {
        writer.signed(annotation.timestamp &- span.timestamp)
        writer.text(annotation.value, &texts)
      }
    }
    if !span.tags.isEmpty {
      writer.number(UInt64(span.tags.count))
      for tag in span.tags {
        writer.text(tag.key, &texts)
        writer.text(tag.value, &texts)
      }
    }
    return writer.bytes
  }

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func number(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func signed(_ value: Int64) { number(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    mutating func fixed(_ value: UInt64) {
      for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func text(_ text: String, _ texts: inout TextTable) {
      let utf8 = text.utf8
      if let number = PackedText.decimal(utf8) {
        self.number(number << 2 | 3)
      } else if let id = texts.number(of: text) {
        number(UInt64(id) << 2)
      } else if let (high, low) = PackedText.uuid(utf8) {
        number(2)
        fixed(high)
        fixed(low)
      } else {
        number(UInt64(utf8.count) << 2 | 1)
        bytes.append(contentsOf: utf8)
      }
    }

    mutating func endpoint(_ endpoint: Endpoint, _ texts: inout TextTable) {
      text(endpoint.serviceName, &texts)
      text(endpoint.ipv4, &texts)
      text(endpoint.ipv6, &texts)
      number(UInt64(endpoint.port))
    }
  }

  // MARK: Reading

  /// A span, and when it came in milliseconds since 1970; nil if the bytes are no record of a known version.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, low: UInt64, texts: [String]
  ) -> (span: Span, received: Int64)? {
    var reader = Reader(bytes: bytes, texts: texts)
    guard reader.byte() == version else { return nil }
    let flags = Flags(rawValue: reader.number())
    var span = Span(traceID: TraceID(high: flags.contains(.high) ? reader.fixed() : 0, low: low), id: low)
    if !flags.contains(.idIsLow) { span.id = reader.fixed() }
    if flags.contains(.parent) { span.parentID = flags.contains(.parentIsLow) ? low : reader.fixed() }
    span.isShared = flags.contains(.shared)
    span.isDebug = flags.contains(.debug)
    let received = reader.signed()
    span.timestamp = received &* 1_000 &- reader.signed()
    span.duration = reader.signed()
    if flags.contains(.kind) { span.kind = Span.Kind(rawValue: reader.byte()) }
    span.name = reader.text()
    if flags.contains(.local) { span.localEndpoint = reader.endpoint() }
    if flags.contains(.remote) { span.remoteEndpoint = reader.endpoint() }
    if flags.contains(.annotations) {
      for _ in 0..<reader.count() {
        let offset = reader.signed()
        span.annotations.append(Span.Annotation(timestamp: span.timestamp &+ offset, value: reader.text()))
      }
    }
    if flags.contains(.tags) {
      let count = reader.count()
      span.tags.reserveCapacity(count)
      for _ in 0..<count {
        let key = reader.text()
        span.tags.append(Span.Tag(key, reader.text()))
      }
    }
    return reader.isDamaged ? nil : (span, received)
  }

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    let texts: [String]
    var position = 0
    var isDamaged = false

    init(bytes: UnsafeRawBufferPointer, texts: [String]) {
      self.bytes = bytes
      self.texts = texts
    }

    mutating func byte() -> UInt8 {
      guard position < bytes.count else {
        isDamaged = true
        return 0
      }
      defer { position += 1 }
      return bytes[position]
    }

    mutating func number() -> UInt64 {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while shift < 64 {
        let byte = byte()
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      isDamaged = true
      return 0
    }

    mutating func signed() -> Int64 {
      let value = number()
      return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func fixed() -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 8) { value |= UInt64(byte()) << shift }
      return value
    }

    /// How many elements follow: never more than there are bytes left.
    mutating func count() -> Int {
      guard let count = Int(exactly: number()), count <= bytes.count - position else {
        isDamaged = true
        return 0
      }
      return count
    }

    mutating func text() -> String {
      let number = number()
      switch number & 3 {
      case 0:
        guard let index = Int(exactly: number >> 2), index < texts.count else { break }
        return texts[index]
      case 1:
        guard let count = Int(exactly: number >> 2), count <= bytes.count - position else { break }
        defer { position += count }
        return String(decoding: bytes[position..<(position + count)], as: UTF8.self)
      case 2:
        let high = fixed()
        return PackedText.uuidText(high, fixed())
      default: return String(number >> 2)
      }
      isDamaged = true
      return ""
    }

    mutating func endpoint() -> Endpoint {
      Endpoint(
        serviceName: text(), ipv4: text(), ipv6: text(), port: UInt16(truncatingIfNeeded: number()))
    }
  }
}

/// Texts that are shorter as numbers and give the same text back.
enum PackedText {
  /// A decimal number without leading zeros and below 2^60.
  static func decimal(_ digits: String.UTF8View) -> UInt64? {
    guard let first = digits.first, digits.count <= 18, first != 0x30 || digits.count == 1 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + UInt64(digit - 0x30)
    }
    return value < 1 << 60 ? value : nil
  }

  /// A UUID in lower case with its four hyphens.
  static func uuid(_ text: String.UTF8View) -> (high: UInt64, low: UInt64)? {
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
