/// The parameters of a query, in their order.
package struct QueryParameters: Sendable {
  /// How invalid encodings are decoded.
  package enum Decoding: Sendable {
    /// An invalid pair, or one with a semicolon, is omitted, as Go's `url.Query` does.
    case strict
    /// Invalid escapes stay as they are.
    case lenient
  }

  private var items: [(name: String, value: String)] = []
  /// The pairs that strict decoding omits, as they came.
  package private(set) var omitted: [String] = []

  /// Decodes `a=1&b=2`.
  package init(_ text: Substring, decoding: Decoding) {
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let (name, value) = (parts[0], parts.count > 1 ? parts[1] : "")
      switch decoding {
      case .lenient:
        items.append(
          (
            PercentCoding.decodeLeniently(name, plusIsSpace: true),
            PercentCoding.decodeLeniently(value, plusIsSpace: true)
          ))
      case .strict:
        guard !pair.contains(";"), let name = PercentCoding.decode(name, plusIsSpace: true),
          let value = PercentCoding.decode(value, plusIsSpace: true)
        else {
          omitted.append(String(pair))
          continue
        }
        items.append((name, value))
      }
    }
  }

  /// The first value of a parameter; nil if it is absent.
  package func first(_ name: String) -> String? { items.first { $0.name == name }?.value }

  /// The first value of a parameter; nil if it is absent or empty.
  package subscript(_ name: String) -> String? {
    guard let value = first(name), !value.isEmpty else { return nil }
    return value
  }

  /// All values of a parameter.
  package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

  /// The encoded parameters with one replaced, sorted by name.
  package func encoded(setting name: String, to value: String) -> String {
    let others = items.filter { $0.name != name } + [(name, value)]
    return others.enumerated()
      .sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }
      .map { "\(PercentCoding.encode($0.element.name))=\(PercentCoding.encode($0.element.value))" }
      .joined(separator: "&")
  }
}
