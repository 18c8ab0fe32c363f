import TraceModel

/// A 32-bit hash of a property by which searches find spans. Two properties may have the same term, so a search compares the spans
/// that a term leads to.
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

  /// A tag with its value, by the hashes of both texts.
  @inline(__always) static func tag(_ key: UInt64, _ value: UInt64) -> UInt32 { term(.tag, key, value) }

  /// A tag of any value, or an annotation.
  static func present(_ text: UInt64) -> UInt32 { term(.present, text) }

  static func operation(_ name: UInt64) -> UInt32 { term(.operation, name) }

  static func remoteService(_ name: UInt64) -> UInt32 { term(.remoteService, name) }

  /// The service that reported a span. It is only in filters, not in posting lists, because each row of a segment names its service.
  static func service(_ name: UInt64) -> UInt32 { term(.service, name) }

  static let error = term(.error, 0)

  /// A class of durations.
  static func duration(_ bucket: Int) -> UInt32 { term(.duration, UInt64(truncatingIfNeeded: bucket)) }

  /// The class of a duration above 0. There are four classes for each octave.
  static func bucket(ofDuration duration: Int64) -> Int {
    let length = UInt64(clamping: min(duration, 1 << 60)) << 2
    let exponent = 63 - length.leadingZeroBitCount
    return exponent * 4 + Int(length >> UInt64(exponent - 2) & 3)
  }
}
