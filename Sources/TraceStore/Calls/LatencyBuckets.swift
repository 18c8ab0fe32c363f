/// Classes of durations: exact up to 63 µs, then 32 classes for each octave, which is an error of at most 1.6 %.
package enum LatencyBuckets {
  /// The class of a duration in microseconds. Class 0 is for unknown durations.
  package static func bucket(of length: Int64) -> UInt16 {
    let length = UInt64(clamping: length)
    guard length >= 64 else { return UInt16(length) }
    let shift = 58 - length.leadingZeroBitCount
    return UInt16(shift * 32) + UInt16(length >> UInt64(shift))
  }

  /// The duration in the middle of a class, in microseconds.
  package static func length(of bucket: UInt16) -> Int64 {
    guard bucket >= 64 else { return Int64(bucket) }
    let shift = min(Int(bucket) / 32 - 1, 57)
    let base = UInt64(Int(bucket) - shift * 32) << UInt64(shift)
    return Int64(clamping: base + (1 << UInt64(shift)) / 2)
  }
}

/// Counts of calls and failures, and a histogram of durations.
struct CallTally: Sendable, Hashable {
  private(set) var calls: Int64 = 0
  private(set) var errors: Int64 = 0
  /// The longest, in microseconds.
  private(set) var longest: Int64 = 0
  /// The counts of each class of ``LatencyBuckets``, in sorted pages of 64 classes. Calls of one kind use neighbouring classes, so
  /// few pages exist.
  private var pages: [Page] = []

  private struct Page: Sendable, Hashable {
    let number: UInt16
    var counts = [Int64](repeating: 0, count: 64)
  }

  /// Adds calls of a class. A negative count subtracts calls that were counted elsewhere.
  mutating func add(_ count: Int64, bucket: UInt16) {
    calls &+= count
    pages[page(bucket >> 6)].counts[Int(bucket & 63)] &+= count
  }

  /// The index of a page. Inserts the page if it does not exist.
  private mutating func page(_ number: UInt16) -> Int {
    let place = pages.firstIndex { $0.number >= number } ?? pages.count
    if place == pages.count || pages[place].number != number { pages.insert(Page(number: number), at: place) }
    return place
  }

  mutating func add(errors: Int64, longest: Int64) {
    self.errors &+= errors
    self.longest = max(self.longest, longest)
  }

  /// A quantile of the known durations, in microseconds; 0 if no duration is known.
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
