/// Numbers that stand for texts, for what traces are found by.
///
/// They are on the disk, so neither the function nor its constants may ever change. Whatever is found by them is compared
/// with the texts themselves before it counts, except that two names with one number would be one name in the lists.
enum TextHash {
  private static let first: UInt64 = 0x9e37_79b9_7f4a_7c15
  private static let second: UInt64 = 0xd1b5_4a32_d192_ed03

  /// The two halves of a product, folded.
  @inline(__always) static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  @inline(__always) private static func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always) private static func half(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
    UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
  }

  /// The number of the bytes of a text.
  @inline(__always) static func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
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

  /// The number of a text.
  static func hash(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { bytes in
      bytes.baseAddress.map { hash(UnsafeRawPointer($0), bytes.count) }
        ?? withUnsafeBytes(of: UInt8(0)) { empty in
          empty.baseAddress.map { hash($0, 0) } ?? 0
        }
    }
  }
}

/// Something that a span has and by which traces are found. Terms are 32 bits wide: two things may share one, so that what
/// a term leads to has to be looked at.
enum Term {
  private enum Kind: UInt64 {
    case tag = 0x51
    case present = 0x52
    case operation = 0x53
    case remoteService = 0x54
    case duration = 0x55
    case error = 0x56
    case service = 0x57
  }

  @inline(__always) private static func term(_ kind: Kind, _ left: UInt64, _ right: UInt64 = 0) -> UInt32 {
    let mixed = TextHash.fold(left ^ kind.rawValue &* 0xa076_1d64_78bd_642f, right ^ 0xe703_7ed1_a0b4_28db)
    return UInt32(truncatingIfNeeded: mixed ^ mixed >> 32)
  }

  /// A tag with its value, by the numbers of both texts.
  @inline(__always) static func tag(_ key: UInt64, _ value: UInt64) -> UInt32 { term(.tag, key, value) }

  /// A tag of any value, or an annotation.
  static func present(_ text: UInt64) -> UInt32 { term(.present, text) }

  static func operation(_ name: UInt64) -> UInt32 { term(.operation, name) }

  static func remoteService(_ name: UInt64) -> UInt32 { term(.remoteService, name) }

  /// The service that reported a span. No list has it, only filters: each row of a segment names its service.
  static func service(_ name: UInt64) -> UInt32 { term(.service, name) }

  static let error = term(.error, 0)

  /// One of the classes of lengths.
  static func duration(_ bucket: Int) -> UInt32 { term(.duration, UInt64(truncatingIfNeeded: bucket)) }

  /// The class of a length above 0: four to the octave.
  static func bucket(ofDuration duration: Int64) -> Int {
    let length = UInt64(clamping: min(duration, 1 << 60)) << 2
    let exponent = 63 - length.leadingZeroBitCount
    return exponent * 4 + Int(length >> UInt64(exponent - 2) & 3)
  }
}
