import TraceModel

/// A Bloom filter for the traces and terms of a segment, with about one false positive in 2000 lookups.
///
/// It consists of blocks of eight 32-bit words. An element sets one bit in each word of its block, so a lookup reads one cache line.
struct SegmentFilter: Sendable {
  private static let odd: [UInt32] = [
    0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1, 0xa54f_f53b, 0x510e_527f, 0x5be0_cd1d,
  ]
  /// 256 KiB.
  private static let maximumBlocks = 8_192
  /// Each false positive costs a read from the disk, and a search asks all segments for each of its traces.
  private static let bitsPerElement = 20

  private(set) var words: [UInt32]

  /// Makes an empty filter for a number of elements.
  init(capacity: Int) {
    let blocks = min(Self.maximumBlocks, max(1, capacity * Self.bitsPerElement / 256 + 1))
    words = [UInt32](repeating: 0, count: blocks * 8)
  }

  /// Reads a filter. Without words it contains everything.
  init(words: [UInt32]) { self.words = words.count % 8 == 0 ? words : [] }

  /// The key of a trace.
  static func key(trace low: UInt64) -> UInt64 { TextHash.fold(low ^ 0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9) }

  /// The key of a ``Term``.
  static func key(term: UInt32) -> UInt64 {
    TextHash.fold(UInt64(term) ^ 0x4b33_a62e_d433_d4a3, 0x4d5a_2da5_1de1_aa47)
  }

  mutating func insert(_ key: UInt64) {
    let block = Self.block(key, words.count / 8)
    for lane in 0..<8 { words[block + lane] |= Self.bit(key, lane) }
  }

  func mayContain(_ key: UInt64) -> Bool {
    guard !words.isEmpty else { return true }
    let block = Self.block(key, words.count / 8)
    for lane in 0..<8 where words[block + lane] & Self.bit(key, lane) == 0 { return false }
    return true
  }

  @inline(__always) private static func block(_ key: UInt64, _ count: Int) -> Int {
    Int(((key >> 32) * UInt64(count)) >> 32) * 8
  }

  @inline(__always) private static func bit(_ key: UInt64, _ lane: Int) -> UInt32 {
    1 << ((UInt32(truncatingIfNeeded: key) &* odd[lane]) >> 27)
  }
}
