/// What was counted in the past, in little memory: about every five seconds for a minute, every thirty for ten minutes.
///
/// A sample is the numbers of the counters that rose, each with the rise, as variable-length numbers.
struct EvidenceSamples: Sendable, Hashable {
  struct Head: Sendable, Hashable {
    /// When the sample ends, in milliseconds since 1970.
    var time: Int64
    /// How long before that it begins, in milliseconds.
    var span: UInt32
    /// The length of its bytes.
    var length: UInt16
  }

  typealias Rise = (index: Int, rise: Int)

  static let fine: (length: Int64, age: Int64) = (5_000, 60_000)
  static let coarse: (length: Int64, age: Int64) = (30_000, 600_000)

  private(set) var heads: [Head] = []
  private var bytes: [UInt8] = []

  /// The memory in use, in bytes.
  var size: Int { bytes.count + heads.count * MemoryLayout<Head>.stride }

  /// Adds what rose until a time that is not before that of the last sample.
  ///
  /// - Parameter begin: when the rises began, at the earliest.
  mutating func append(_ rises: [Rise], from begin: Int64, at time: Int64) {
    guard !rises.isEmpty else { return }
    if let last = heads.last, last.time / Self.fine.length == time / Self.fine.length {
      let all = Self.sum(self.rises(of: bytes[(bytes.count - Int(last.length))...]), rises)
      bytes.removeLast(Int(last.length))
      heads.removeLast()
      add(all, Head(time: time, span: Self.span(from: last.time - Int64(last.span), to: time), length: 0))
    } else {
      add(rises, Head(time: time, span: Self.span(from: begin, to: time), length: 0))
    }
    coarsen(at: time)
    while size > EvidenceLimits.historyBytes, heads.count > 1 { removeFirst() }
  }

  private mutating func add(_ rises: [Rise], _ head: Head) {
    var (head, count) = (head, bytes.count)
    for (index, rise) in rises {
      appendNumber(UInt64(index))
      appendNumber(UInt64(rise))
    }
    count = bytes.count - count
    // 112 statistics with the largest numbers have less.
    head.length = UInt16(count)
    heads.append(head)
  }

  /// Calls a function with the time and the rises of each sample that ends after a time.
  func forEach(after time: Int64, _ body: (Head, [Rise]) -> Void) {
    var offset = bytes.count
    var chosen: [(Head, ArraySlice<UInt8>)] = []
    for head in heads.reversed() {
      guard head.time > time else { break }
      chosen.append((head, bytes[(offset - Int(head.length))..<offset]))
      offset -= Int(head.length)
    }
    for (head, slice) in chosen.reversed() { body(head, rises(of: slice)) }
  }

  /// Gives counters other numbers, and forgets those without a new one.
  mutating func renumber(_ numbers: [Int?]) {
    let old = self
    self = EvidenceSamples()
    old.forEach(after: .min) { head, rises in
      let kept = rises.compactMap { rise in
        (numbers.indices.contains(rise.index) ? numbers[rise.index] : nil).map { (index: $0, rise: rise.rise) }
      }
      if !kept.isEmpty { add(kept, head) }
    }
  }

  /// Joins samples that are older than a minute, and removes those that are older than ten.
  private mutating func coarsen(at now: Int64) {
    while let first = heads.first, now - first.time > Self.coarse.age { removeFirst() }
    var (index, offset) = (0, 0)
    while index + 1 < heads.count, now - heads[index + 1].time > Self.fine.age {
      let (a, b) = (heads[index], heads[index + 1])
      let end = offset + Int(a.length) + Int(b.length)
      guard a.time / Self.coarse.length == b.time / Self.coarse.length else {
        offset += Int(a.length)
        index += 1
        continue
      }
      let middle = offset + Int(a.length)
      let all = Self.sum(rises(of: bytes[offset..<middle]), rises(of: bytes[middle..<end]))
      var joined = EvidenceSamples()
      joined.add(all, Head(time: b.time, span: Self.span(from: a.time - Int64(a.span), to: b.time), length: 0))
      bytes.replaceSubrange(offset..<end, with: joined.bytes)
      heads.replaceSubrange(index...(index + 1), with: joined.heads)
    }
  }

  private mutating func removeFirst() {
    bytes.removeFirst(Int(heads[0].length))
    heads.removeFirst()
  }

  private static func span(from begin: Int64, to end: Int64) -> UInt32 { UInt32(clamping: end - begin) }

  private static func sum(_ a: [Rise], _ b: [Rise]) -> [Rise] {
    var sums: [Int: Int] = [:]
    for (index, rise) in a + b { sums[index] = EvidenceLimits.sum(sums[index] ?? 0, rise) }
    return sums.sorted { $0.key < $1.key }.map { (index: $0.key, rise: $0.value) }
  }

  // MARK: Numbers

  private mutating func appendNumber(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private func rises(of slice: ArraySlice<UInt8>) -> [Rise] {
    var numbers: [Int] = []
    var (value, shift) = (UInt64(0), UInt64(0))
    for byte in slice {
      value |= UInt64(byte & 0x7f) << shift
      shift += 7
      guard byte < 0x80 else { continue }
      numbers.append(Int(truncatingIfNeeded: value))
      (value, shift) = (0, 0)
    }
    return stride(from: 0, to: numbers.count - 1, by: 2).map { (index: numbers[$0], rise: numbers[$0 + 1]) }
  }
}
