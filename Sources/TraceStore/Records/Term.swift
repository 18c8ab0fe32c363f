import TraceModel

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
