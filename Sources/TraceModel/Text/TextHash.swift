/// 64-bit hashes of texts, by which traces are found.
///
/// Hashes are stored on disk, so the function and its constants must never change. Matches are compared by their texts. The one
/// exception is lists of names: two names with the same hash would be one entry.
public enum TextHash {
  @inlinable static var first: UInt64 { 0x9e37_79b9_7f4a_7c15 }
  @inlinable static var second: UInt64 { 0xd1b5_4a32_d192_ed03 }

  /// Folds both halves of a product.
  @inlinable @inline(__always) public static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  @inlinable @inline(__always) static func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inlinable @inline(__always) static func half(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
  }

  /// The hash of a number of bytes.
  @inlinable @inline(__always) public static func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
    var state = second
    let head: UInt64
    let tail: UInt64
    if count >= 16 {
      var offset = 0
      while offset < count - 16 {
        state = fold(word(bytes, offset) ^ first, word(bytes, offset + 8) ^ state)
        offset += 16
      }
      head = word(bytes, count - 16)
      tail = word(bytes, count - 8)
    } else if count >= 8 {
      head = word(bytes, 0)
      tail = word(bytes, count - 8)
    } else if count >= 4 {
      head = half(bytes, 0)
      tail = half(bytes, count - 4)
    } else if count > 0 {
      head = UInt64(bytes.load(as: UInt8.self)) << 8 | UInt64(bytes.load(fromByteOffset: count / 2, as: UInt8.self))
      tail = UInt64(bytes.load(fromByteOffset: count - 1, as: UInt8.self))
    } else {
      head = 0
      tail = 0
    }
    return fold(head ^ first, tail ^ state ^ UInt64(count) &* second) ^ state
  }

  /// The hash of a text.
  public static func hash(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { bytes in
      bytes.baseAddress.map { hash(UnsafeRawPointer($0), bytes.count) }
        ?? withUnsafeBytes(of: UInt8(0)) { empty in
          empty.baseAddress.map { hash($0, 0) } ?? 0
        }
    }
  }

  /// The hash of the bytes of a text.
  @inlinable @inline(__always) public static func hash(_ text: UnsafeRawBufferPointer) -> UInt64 {
    guard let start = text.baseAddress else { return empty }
    return hash(start, text.count)
  }

  /// The hash of the empty text.
  public static let empty: UInt64 = hash("")
}
