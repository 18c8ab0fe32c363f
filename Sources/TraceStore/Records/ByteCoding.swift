/// Encodes numbers and texts as bytes. Variable-length numbers have seven bits per byte, the lowest first.
struct ByteWriter {
  var bytes: [UInt8] = []

  @inline(__always) mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func number(_ value: Int) { number(UInt64(clamping: value)) }

  /// A number that may be negative. Its lowest bit is the sign.
  mutating func signed(_ value: Int64) { number(UInt64(bitPattern: value << 1 ^ value >> 63)) }

  /// Eight bytes, the lowest first.
  mutating func fixed(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }

  /// Four bytes, the lowest first.
  mutating func fixed(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }

  /// A text after its length.
  mutating func text(_ text: String) {
    number(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func fixed(_ values: [UInt64]) {
    number(values.count)
    for value in values { fixed(value) }
  }

  mutating func fixed(_ values: [UInt32]) {
    number(values.count)
    for value in values { fixed(value) }
  }
}

/// Decodes what ``ByteWriter`` encoded. Damaged bytes are decoded as zeros and set ``isDamaged``; nothing traps.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0
  private(set) var isDamaged = false

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { position >= bytes.count }

  mutating func fail() { isDamaged = true }

  @inline(__always) mutating func byte() -> UInt8 {
    guard position < bytes.count else {
      isDamaged = true
      return 0
    }
    defer { position += 1 }
    return bytes[position]
  }

  @inline(__always) mutating func number() -> UInt64 {
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
    guard position + 8 <= bytes.count else {
      isDamaged = true
      position = bytes.count
      return 0
    }
    defer { position += 8 }
    return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  mutating func fixed32() -> UInt32 {
    guard position + 4 <= bytes.count else {
      isDamaged = true
      position = bytes.count
      return 0
    }
    defer { position += 4 }
    return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
  }

  /// The number of elements that follow. It is never more than fit into the remaining bytes.
  ///
  /// - Parameter size: the smallest size of an element.
  mutating func count(ofSize size: Int = 1) -> Int {
    guard let count = Int(exactly: number()), count <= (bytes.count - position) / size else {
      isDamaged = true
      return 0
    }
    return count
  }

  /// A number of bytes as they are.
  mutating func slice(_ count: Int) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - position else {
      isDamaged = true
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  mutating func text() -> String { String(decoding: slice(count()), as: UTF8.self) }

  mutating func fixed64s() -> [UInt64] { (0..<count(ofSize: 8)).map { _ in fixed() } }

  mutating func fixed32s() -> [UInt32] { (0..<count(ofSize: 4)).map { _ in fixed32() } }
}
