import OrderedCollections

/// Puts what is stored in the places of the masks of a document that comes back.
struct Restoration {
  /// The masks in whose places nothing is stored.
  private(set) var lost: [Violation] = []
  /// The paths at which something was put back.
  private(set) var paths: [String] = []

  static let nothingStored =
    "is \"\(Redaction.mask)\", which keeps a value that is stored, but none is stored here: give the value"
  static let otherAddress =
    "is \"\(Redaction.mask)\", which keeps the stored value, but that one is for another address: give the value again"

  mutating func restored(
    _ new: DocumentValue, from old: DocumentValue?, at place: Redaction.Place
  ) -> DocumentValue {
    switch new {
    case .object(let object):
      var result = object
      for (key, value) in object { result[key] = restored(value, from: old?[key], at: place.field(key)) }
      return .object(result)
    case .array(let items):
      let stored = StoredItems(old?.array ?? [])
      var counts: [String: Int] = [:]
      return .array(
        items.enumerated().map { index, item in
          restored(item, from: stored.item(for: item, at: index, &counts), at: place.item(index))
        })
    case .string(let text):
      if text == Redaction.mask {
        guard let old, old != new, Redaction.masked(old, at: place) == new else { return lose(new, place) }
        paths.append(place.path)
        return old
      }
      guard SecretText.hasMask(text) else { return new }
      guard let value = old?.string.flatMap({ SecretText.restored(text, from: $0) }) else { return lose(new, place) }
      paths.append(place.path)
      return .string(value)
    case .null, .bool, .integer, .number: return new
    }
  }

  private mutating func lose(_ value: DocumentValue, _ place: Redaction.Place) -> DocumentValue {
    lost.append(Violation(field: place.path, message: Self.nothingStored))
    return value
  }

  /// What was put back is refused, because it would go to another address than before.
  mutating func refuse(_ paths: some Sequence<String>) {
    lost += paths.map { Violation(field: $0, message: Self.otherAddress) }
  }
}

/// The items of a stored list: the same as those of a new one where their names are, or else where their places are.
private struct StoredItems {
  private let items: [DocumentValue]
  private var named: [String: [DocumentValue]] = [:]

  init(_ items: [DocumentValue]) {
    self.items = items
    for item in items { if let name = item["name"]?.string { named[name, default: []].append(item) } }
  }

  /// - Parameter counts: how many items of each name were asked for.
  func item(for new: DocumentValue, at index: Int, _ counts: inout [String: Int]) -> DocumentValue? {
    guard let name = new["name"]?.string else {
      return items.indices.contains(index) && items[index]["name"] == nil ? items[index] : nil
    }
    let number = counts[name, default: 0]
    counts[name] = number + 1
    return named[name].flatMap { $0.indices.contains(number) ? $0[number] : nil }
  }
}
