/// Objects of one namespace by the labels that they have or ask for, so that a selector finds its pods and a pod its Services
/// without a look at all others.
struct LabelIndex: Sendable {
  /// A label with its value.
  struct Pair: Hashable, Sendable {
    var key: String
    var value: String
  }

  private var names: [Pair: Set<String>] = [:]

  /// The names of the objects with a label.
  subscript(pair: Pair) -> Set<String> { names[pair] ?? [] }

  mutating func insert(_ name: String, _ pairs: some Sequence<Pair>) {
    for pair in pairs { names[pair, default: []].insert(name) }
  }

  mutating func remove(_ name: String, _ pairs: some Sequence<Pair>) {
    for pair in pairs {
      guard let index = names.index(forKey: pair) else { continue }
      names.values[index].remove(name)
      if names.values[index].isEmpty { names.remove(at: index) }
    }
  }
}

extension Sequence<(key: String, value: String)> {
  /// The labels as pairs.
  var pairs: [LabelIndex.Pair] { map { LabelIndex.Pair(key: $0.key, value: $0.value) } }
}
