import TraceModel

/// Texts that many spans have in common, by number: the store's table `text` in memory.
///
/// A text is taken in when it has been seen a few times, so that what is different in every span (paths with ids, request
/// ids) does not fill it. It only grows, up to a bound. A known text is found by its bytes, without a `String` of it.
struct TextTable {
  /// How many texts it holds at most.
  private static let capacity = 65_536
  /// How often a text must have been seen.
  private static let threshold: UInt8 = 4
  private static let counterCount = 1 << 16
  /// How many places are looked at for a text: whoever sends texts with one hash must not make that long.
  private static let probes = 32

  /// The texts; a text's number is its index.
  private(set) var texts = TextList()
  private var hashes: [UInt64] = []
  /// Where the bytes of each text end in ``bytes``.
  private var ends: [Int] = []
  private var bytes: [UInt8] = []
  /// Numbers plus one, by hash; 0 is free.
  private var slots = [UInt32](repeating: 0, count: 1 << 10)
  /// How often texts with a hash were seen; forgotten now and then.
  private var counters = [UInt8](repeating: 0, count: counterCount)
  private var seen = 0

  init(texts: [String] = []) {
    for text in texts { insert(text, hash: TextHash.hash(text)) }
  }

  /// The number of a text; nil if it is to be written out.
  mutating func number(of text: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    var probe = 0
    while probe < Self.probes, slots[slot] != 0 {
      let number = Int(slots[slot] &- 1)
      if hashes[number] == hash, isEqual(number, text) { return UInt32(truncatingIfNeeded: number) }
      slot = (slot &+ 1) & mask
      probe += 1
    }
    // SQLite's texts end at a zero byte.
    guard text.count <= 128, texts.count < Self.capacity, probe < Self.probes, !text.contains(0) else { return nil }
    if !text.isEmpty {
      seen += 1
      if seen > Self.counterCount {
        seen = 0
        for index in counters.indices { counters[index] /= 2 }
      }
      let counter = Int(truncatingIfNeeded: hash >> 40) & (Self.counterCount - 1)
      counters[counter] = counters[counter] &+ (counters[counter] < .max ? 1 : 0)
      guard counters[counter] >= Self.threshold else { return nil }
    }
    insert(String(decoding: text, as: UTF8.self), hash: hash)
    return UInt32(truncatingIfNeeded: texts.count - 1)
  }

  private func isEqual(_ number: Int, _ text: UnsafeRawBufferPointer) -> Bool {
    let start = number > 0 ? ends[number - 1] : 0
    guard ends[number] - start == text.count else { return false }
    return bytes.withUnsafeBytes { known in
      var offset = 0
      while offset + 8 <= text.count {
        if known.loadUnaligned(fromByteOffset: start + offset, as: UInt64.self)
          != text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        {
          return false
        }
        offset += 8
      }
      while offset < text.count {
        if known[start + offset] != text[offset] { return false }
        offset += 1
      }
      return true
    }
  }

  private mutating func insert(_ text: String, hash: UInt64) {
    texts.append(text)
    hashes.append(hash)
    bytes.append(contentsOf: text.utf8)
    ends.append(bytes.count)
    if texts.count * 3 > slots.count {
      slots = [UInt32](repeating: 0, count: slots.count * 4)
      for number in texts.indices { place(number) }
    } else {
      place(texts.count - 1)
    }
  }

  private mutating func place(_ number: Int) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashes[number]) & mask
    while slots[slot] != 0 { slot = (slot &+ 1) & mask }
    slots[slot] = UInt32(truncatingIfNeeded: number) &+ 1
  }
}
