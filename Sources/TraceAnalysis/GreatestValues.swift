extension [Int64] {
  /// Inserts a value into a sorted list that keeps its greatest values. Most values belong at the end.
  ///
  /// - Parameter limit: how many are kept; at least 1.
  mutating func insert(_ value: Int64, keepingGreatest limit: Int) {
    var index = count
    while index > 0, self[index - 1] > value { index -= 1 }
    if count == limit {
      guard index > 0 else { return }
      removeFirst()
      index -= 1
    }
    insert(value, at: index)
  }
}
