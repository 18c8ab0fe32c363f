import OrderedCollections
import Yams

extension DocumentValue {
  /// How many values one document may hold, aliases counted as often as they are used.
  static let valueLimit = 200_000

  /// Reads every document of a YAML text; empty documents are `null`. JSON text is accepted too, as YAML includes it.
  ///
  /// - Throws: ``DocumentError`` with line and column.
  public static func yamlDocuments(_ text: String) throws(DocumentError) -> [DocumentValue] {
    try checkAliases(text)
    do {
      var values: [DocumentValue] = []
      // Scalars are resolved by PlainScalar.
      let parser = try Parser(yaml: text, resolver: .basic)
      while let node = try parser.nextRoot() {
        var budget = valueLimit
        values.append(try DocumentValue(node, depth: 0, budget: &budget))
      }
      return values
    } catch let error as DocumentError {
      throw error
    } catch let error as YamlError {
      throw DocumentError(error)
    } catch {
      throw DocumentError(code: .syntax, message: "the YAML document cannot be read: \(error)")
    }
  }

  /// Refuses text whose aliases could stand for more than can be held ("billion laughs").
  ///
  /// It has to be known before the text is parsed, as the parser compares keys, written out in full. The bound takes the
  /// worst arrangement of so many anchors and aliases: levels that each repeat the one below. `*` and `&` within text
  /// count too, which does not matter but in the extreme.
  private static func checkAliases(_ text: String) throws(DocumentError) {
    var anchors = 0
    var aliases = 0
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if previous == UInt8(ascii: "*") || previous == UInt8(ascii: "&") {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          if previous == UInt8(ascii: "*") { aliases += 1 } else { anchors += 1 }
        default: break
        }
      }
      previous = byte
    }
    guard aliases > 0, anchors > 0 else { return }
    var size = 0.0
    for levels in 1...min(anchors, aliases, 64) {
      var product = 1.0
      for _ in 0..<levels { product *= Double(aliases) / Double(levels) }
      size = max(size, product)
    }
    guard size * Double(text.utf8.count) <= Double(1 << 24) else {
      throw DocumentError(
        code: .tooLarge,
        message: "the text has \(aliases) aliases of \(anchors) anchors, which could stand for too many values; "
          + "write them out")
    }
  }

  private init(_ node: Node, depth: Int, budget: inout Int) throws(DocumentError) {
    budget -= 1
    guard depth <= Self.depthLimit, budget >= 0 else {
      throw DocumentError(
        code: .tooLarge, message: "the document is nested too deeply or holds more than \(Self.valueLimit) values",
        line: node.mark?.line, column: node.mark?.column)
    }
    switch node {
    case .mapping(let mapping):
      var object = Object(minimumCapacity: mapping.count)
      var merged: [DocumentValue] = []
      for (key, value) in mapping {
        guard case .scalar(let scalar) = key else {
          throw DocumentError(
            code: .syntax, message: "a key has to be text", line: key.mark?.line, column: key.mark?.column)
        }
        let value = try DocumentValue(value, depth: depth + 1, budget: &budget)
        if scalar.style == .plain, scalar.string == "<<" {
          merged += value.array ?? [value]
          continue
        }
        // The parser compares keys with their tags, which a document may write out.
        guard object.updateValue(value, forKey: scalar.string) == nil else {
          throw DocumentError(
            code: .syntax, message: "the key \"\(scalar.string)\" is given more than once", line: key.mark?.line,
            column: key.mark?.column)
        }
      }
      for value in merged {
        guard case .object(let other) = value else {
          throw DocumentError(
            code: .syntax, message: "the merge key \"<<\" takes an object or a list of objects",
            line: mapping.mark?.line, column: mapping.mark?.column)
        }
        object.merge(other) { present, _ in present }
      }
      self = .object(object)
    case .sequence(let sequence):
      var items: [DocumentValue] = []
      items.reserveCapacity(sequence.count)
      for item in sequence { items.append(try DocumentValue(item, depth: depth + 1, budget: &budget)) }
      self = .array(items)
    case .scalar(let scalar): self = try Self.resolve(scalar, node: node)
    case .alias:
      throw DocumentError(
        code: .syntax, message: "the alias has no anchor", line: node.mark?.line, column: node.mark?.column)
    }
  }

  private static func resolve(_ scalar: Node.Scalar, node: Node) throws(DocumentError) -> DocumentValue {
    guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
    switch tag(of: scalar) {
    case .null: return .null
    case .bool:
      // The library does not make a truth value of a scalar that it has resolved as text.
      return Node(scalar.string, Tag(.bool, .basic)).bool.map(DocumentValue.bool) ?? .string(scalar.string)
    case .int:
      if let integer = node.int { return .integer(Int64(integer)) }
      return try number(node) ?? .string(scalar.string)
    case .float: return try number(node) ?? .string(scalar.string)
    default: return .string(scalar.string)
    }
  }

  /// The name of a scalar's tag: the one that is written, or else what the text stands for.
  private static func tag(of scalar: Node.Scalar) -> Tag.Name {
    let written = Tag.Name(rawValue: scalar.tag.description)
    guard written == .implicit else { return written }
    guard scalar.style == .plain || scalar.style == .any else { return .str }
    return PlainScalar.tag(of: scalar.string)
  }

  private static func number(_ node: Node) throws(DocumentError) -> DocumentValue? {
    guard let value = node.float else { return nil }
    guard value.isFinite else {
      throw DocumentError(
        code: .syntax, message: "a number has to be finite; put it in quotes if it is text", line: node.mark?.line,
        column: node.mark?.column)
    }
    return DocumentValue(number: value)
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
    if PlainScalar.tag(of: text) != .str { return .doubleQuoted }
    if text == "*" { return .singleQuoted }
    return .any
  }
}

extension DocumentError {
  fileprivate init(_ error: YamlError) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      self.init(code: .syntax, message: problem, line: mark.line, column: mark.column)
    case .reader(let problem, let offset, _, _):
      let place = offset.map { " at byte \($0)" } ?? ""
      self.init(code: .syntax, message: problem + place)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.map { "\"\($0)\"" }.joined(separator: ", ")
      self.init(
        code: .syntax, message: "the key \(keys) is given more than once", line: context.mark.line,
        column: context.mark.column)
    default: self.init(code: .syntax, message: "the YAML document cannot be read: \(error)")
    }
  }
}
