/// Classes of lengths: exact up to 63 µs, then 32 to each octave, so that a length is known to 1.6 %.
enum LatencyBuckets {
  /// The class of a length in microseconds. Class 0 are the lengths that are unknown.
  static func bucket(of length: Int64) -> UInt16 {
    let length = UInt64(clamping: length)
    guard length >= 64 else { return UInt16(length) }
    let shift = 58 - length.leadingZeroBitCount
    return UInt16(shift * 32) + UInt16(length >> UInt64(shift))
  }

  /// The length in the middle of a class, in microseconds.
  static func length(of bucket: UInt16) -> Int64 {
    guard bucket >= 64 else { return Int64(bucket) }
    let shift = min(Int(bucket) / 32 - 1, 57)
    let base = UInt64(Int(bucket) - shift * 32) << UInt64(shift)
    return Int64(clamping: base + (1 << UInt64(shift)) / 2)
  }
}

/// How many calls there were, how many failed, and how long they took.
struct CallTally: Sendable, Hashable {
  private(set) var calls: Int64 = 0
  private(set) var errors: Int64 = 0
  /// The longest, in microseconds.
  private(set) var longest: Int64 = 0
  /// How many of each class of ``LatencyBuckets``.
  private var counts: [UInt16: Int64] = [:]

  /// Counts calls of a class. Fewer than none take back what was counted elsewhere.
  mutating func add(_ count: Int64, bucket: UInt16) {
    calls &+= count
    counts[bucket, default: 0] &+= count
  }

  mutating func add(errors: Int64, longest: Int64) {
    self.errors &+= errors
    self.longest = max(self.longest, longest)
  }

  /// The length that a share of the calls of known length does not exceed, in microseconds; 0 if there are none.
  func quantile(_ share: Double) -> Int64 {
    let known = counts.filter { $0.key > 0 && $0.value > 0 }.sorted { $0.key < $1.key }
    let total = known.reduce(0) { $0 &+ $1.value }
    let wanted = max(1, Int64((share * Double(total)).rounded(.up)))
    var seen: Int64 = 0
    for (bucket, count) in known {
      seen &+= count
      if seen >= wanted { return min(LatencyBuckets.length(of: bucket), longest) }
    }
    return 0
  }
}
