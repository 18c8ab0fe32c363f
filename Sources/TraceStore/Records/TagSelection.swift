/// Some keys of tags, which are found in records without making a `String` of every key.
struct TagSelection {
  private let keys: [String]
  /// The numbers of the keys as texts; nil for a key without a number, which records then hold as it is.
  private let numbers: [UInt64?]

  init(_ keys: [String], _ texts: TextTable) {
    self.keys = keys
    numbers = keys.map { texts.number(ofKnown: $0).map(UInt64.init) }
  }

  var count: Int { keys.count }

  /// The key with a number as a text; nil if it is not selected.
  func key(_ number: UInt64) -> String? { numbers.firstIndex(of: number).map { keys[$0] } }

  /// The key itself; nil if it is not selected.
  func key(_ text: String) -> String? { keys.first { $0 == text } }
}
