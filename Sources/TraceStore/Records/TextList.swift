/// Texts by number, in parts. After a copy of the list, appending a text copies only the last part.
struct TextList: Sendable, RandomAccessCollection {
  private static let partSize = 256

  private var parts: [[String]] = []

  init() {}

  var startIndex: Int { 0 }
  var endIndex: Int { parts.isEmpty ? 0 : (parts.count - 1) * Self.partSize + parts[parts.count - 1].count }

  subscript(number: Int) -> String { parts[number / Self.partSize][number % Self.partSize] }

  mutating func append(_ text: String) {
    if parts.isEmpty || parts[parts.count - 1].count == Self.partSize {
      var part: [String] = []
      part.reserveCapacity(Self.partSize)
      parts.append(part)
    }
    parts[parts.count - 1].append(text)
  }
}
