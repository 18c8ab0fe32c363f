import OrderedCollections
import Yams

extension DocumentValue {
  /// Reads every document of a YAML text; empty documents are `null`. JSON text is accepted too, as YAML includes it.
  ///
  /// Byte order marks before documents are left out. What a text may cost is bounded: ``YAMLBounds``.
  ///
  /// - Throws: ``DocumentError`` with line and column.
  public static func yamlDocuments(_ text: String) throws(DocumentError) -> [DocumentValue] {
    var composer = try YAMLComposer(text.withoutByteOrderMarks)
    var values: [DocumentValue] = []
    while let value = try composer.nextDocument() { values.append(value) }
    return values
  }

  /// The value as a YAML document with a line feed at the end.
  ///
  /// - Parameter sortKeys: whether keys are sorted, as Kuma's command line prints them.
  public func yaml(sortKeys: Bool = true) -> String {
    let value = sortKeys ? sortedByKey() : self
    // Serialising a tree of plain nodes cannot fail; were it to, JSON is YAML too.
    return (try? Yams.serialize(node: value.node, width: -1, allowUnicode: true)) ?? value.json() + "\n"
  }

  private var node: Node {
    switch self {
    case .null: return Node("null", Tag(.null, .basic))
    case .bool(let value): return Node(value ? "true" : "false", Tag(.bool, .basic))
    case .integer(let value): return Node(String(value), Tag(.int, .basic))
    case .number(let value): return Node(Self.text(of: value), Tag(.float, .basic))
    case .string(let value): return .scalar(Node.Scalar(value, Tag(.str, .basic), Self.style(of: value)))
    case .array(let items):
      return .sequence(Node.Sequence(items.map(\.node), Tag(.seq, .basic), items.isEmpty ? .flow : .block))
    case .object(let object):
      let pairs = object.map { (DocumentValue.string($0.key).node, $0.value.node) }
      return .mapping(Node.Mapping(pairs, Tag(.map, .basic), pairs.isEmpty ? .flow : .block))
    }
  }

  /// Text that a reader would take for something else is quoted; several lines stand as a block.
  private static func style(of text: String) -> Node.Scalar.Style {
    // A byte order mark is dropped by readers unless it is escaped.
    if text.unicodeScalars.contains("\u{feff}") { return .doubleQuoted }
    if text.contains("\n") { return .literal }
    if YAMLScalar.needsQuotes(text) { return .doubleQuoted }
    if text == "*" { return .singleQuoted }
    return .any
  }
}
