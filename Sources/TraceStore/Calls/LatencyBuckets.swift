/// Classes of lengths: exact up to 63 µs, then 32 to each octave, so that a length is known to 1.6 %.
package enum LatencyBuckets {
  /// The class of a length in microseconds. Class 0 are the lengths that are unknown.
  package static func bucket(of length: Int64) -> UInt16 {
    let length = UInt64(clamping: length)
    guard length >= 64 else { return UInt16(length) }
    let shift = 58 - length.leadingZeroBitCount
    return UInt16(shift * 32) + UInt16(length >> UInt64(shift))
  }

  /// The length in the middle of a class, in microseconds.
  package static func length(of bucket: UInt16) -> Int64 {
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
  /// How many of each class of ``LatencyBuckets``, in pages of 64 classes in their order: calls of a kind are of neighbouring
  /// classes, of which hours have millions.
  private var pages: [Page] = []

  private struct Page: Sendable, Hashable {
    let number: UInt16
    var counts = [Int64](repeating: 0, count: 64)
  }

  /// Counts calls of a class. Fewer than none take back what was counted elsewhere.
  mutating func add(_ count: Int64, bucket: UInt16) {
    calls &+= count
    pages[page(bucket >> 6)].counts[Int(bucket & 63)] &+= count
  }

  /// The place of a page, which is made if there is none.
  private mutating func page(_ number: UInt16) -> Int {
    let place = pages.firstIndex { $0.number >= number } ?? pages.count
    if place == pages.count || pages[place].number != number { pages.insert(Page(number: number), at: place) }
    return place
  }

  mutating func add(errors: Int64, longest: Int64) {
    self.errors &+= errors
    self.longest = max(self.longest, longest)
  }

  /// The length that a share of the calls of known length does not exceed, in microseconds; 0 if there are none.
  func quantile(_ share: Double) -> Int64 {
    var known = pages.flatMap { page in
      page.counts.indices.map { (bucket: page.number << 6 | UInt16($0), count: page.counts[$0]) }
    }
    known.removeAll { $0.bucket == 0 || $0.count <= 0 }
    let total = known.reduce(0) { $0 &+ $1.count }
    let wanted = max(1, Int64((share * Double(total)).rounded(.up)))
    var seen: Int64 = 0
    for (bucket, count) in known {
      seen &+= count
      if seen >= wanted { return min(LatencyBuckets.length(of: bucket), longest) }
    }
    return 0
  }
}
