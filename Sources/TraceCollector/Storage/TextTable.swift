/// Texts that many spans have in common, by number: the writer's half of the store's table `text`.
///
/// A text is taken in when it has been seen a few times, so that what is different in every span (paths with ids, request
/// ids) does not fill it. It only grows, up to a bound, except when a transaction fails.
struct TextTable {
  /// How many texts it holds at most.
  private static let capacity = 65_536
  /// How often a text must have been seen.
  private static let threshold: UInt8 = 4
  private static let counterCount = 1 << 16

  /// The texts; a text's number is its index.
  private(set) var texts: [String]
  private var numbers: [String: UInt32] = [:]
  /// How often texts with a hash were seen; forgotten now and then.
  private var counters = [UInt8](repeating: 0, count: counterCount)
  private var seen = 0

  init(texts: [String] = []) {
    self.texts = texts
    for (index, text) in texts.enumerated() { numbers[text] = UInt32(truncatingIfNeeded: index) }
  }

  /// The number of a text; nil if it is to be written out.
  mutating func number(of text: String) -> UInt32? {
    if let number = numbers[text] { return number }
    let count = text.utf8.count
    // SQLite's texts end at a zero byte.
    guard count <= 128, texts.count < Self.capacity, !text.utf8.contains(0) else { return nil }
    if count > 0 {
      seen += 1
      if seen > Self.counterCount {
        seen = 0
        for index in counters.indices { counters[index] /= 2 }
      }
      let slot = Int(UInt(bitPattern: text.hashValue) % UInt(Self.counterCount))
      counters[slot] = counters[slot] &+ (counters[slot] < .max ? 1 : 0)
      guard counters[slot] >= Self.threshold else { return nil }
    }
    let number = UInt32(truncatingIfNeeded: texts.count)
    texts.append(text)
    numbers[text] = number
    return number
  }

  /// Forgets the newest texts: the transaction that would have stored them failed.
  mutating func shrink(to count: Int) {
    while texts.count > count { numbers[texts.removeLast()] = nil }
  }
}
