/// A field of a document that is not known and was ignored.
///
/// A body may hold many thousands of them, so nothing is computed before it is asked for.
public struct FieldNotice: Sendable, Hashable {
  /// The field's name.
  package let name: String
  /// The path of the object that it stands in; empty for the document.
  package private(set) var path: String
  private let known: Set<String>

  /// Notes a field.
  ///
  /// - Parameters:
  ///   - name: its name.
  ///   - path: the object that it stands in; empty for the document.
  ///   - known: the fields that the object may have.
  init(name: String, path: String, known: Set<String>) {
    self.name = name
    self.path = path
    self.known = known
  }

  /// The path of the field, from the specification's root.
  public var field: String { path.isEmpty ? name : "\(path).\(name)" }

  /// The known field that was probably meant.
  public var suggestion: String? { NearestName.find(name, among: known) }

  /// The notice as a sentence.
  public var message: String {
    "\(field.abridged()): unknown field, ignored" + (suggestion.map { "; did you mean \"\($0)\"?" } ?? "")
  }

  /// The notice of a document in which the object stands inside another one.
  package func inside(_ parent: String) -> FieldNotice {
    var notice = self
    notice.path = path.isEmpty ? parent : "\(parent).\(path)"
    return notice
  }
}

extension Collection<FieldNotice> {
  /// How many fields are named before the rest is only counted.
  private static var messageLimit: Int { 20 }

  /// The notices as sentences, of which there are never many.
  public var messages: [String] {
    let rest = count - Swift.min(count, Self.messageLimit)
    let sentences = prefix(Self.messageLimit).map(\.message)
    guard rest > 0 else { return sentences }
    return sentences + [rest == 1 ? "and 1 more unknown field, ignored" : "and \(rest) more unknown fields, ignored"]
  }
}

extension String {
  /// The text cut to a length at which it can be quoted in a sentence, with a mark where something is left out.
  ///
  /// - Parameter limit: the most characters that are kept.
  public func abridged(to limit: Int = 200) -> String {
    // Bytes are counted before characters, because counting those of a very long text takes time.
    guard utf8.count > limit, let end = index(startIndex, offsetBy: limit, limitedBy: endIndex), end < endIndex else {
      return self
    }
    return self[..<end] + "…"
  }
}
