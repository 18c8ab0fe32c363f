import Yams

/// What an unquoted YAML scalar stands for.
enum PlainScalar {
  /// The name of its tag, by the rules of the library's default resolver.
  ///
  /// What can be told from the first character and a few words is told here: the resolver's regular expressions take
  /// longer to compile than a short document takes to read.
  static func tag(of text: String) -> Tag.Name {
    guard let first = text.utf8.first else { return .null }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      return isShortDecimal(text.utf8) ? .int : Resolver.default.resolveTag(of: .scalar(Node.Scalar(text)))
    case UInt8(ascii: "<"): return text == "<<" ? .merge : .str
    case UInt8(ascii: "="): return text == "=" ? .value : .str
    default: return words[text] ?? .str
    }
  }

  private static func isShortDecimal(_ digits: String.UTF8View) -> Bool {
    guard let first = digits.first, digits.count <= 18, first != UInt8(ascii: "0") || digits.count == 1 else {
      return false
    }
    return digits.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
  }

  private static let words: [String: Tag.Name] = {
    var words: [String: Tag.Name] = ["~": .null, "null": .null, "Null": .null, "NULL": .null]
    for word in ["yes", "no", "true", "false", "on", "off"] {
      words[word] = .bool
      words[word.prefix(1).uppercased() + word.dropFirst()] = .bool
      words[word.uppercased()] = .bool
    }
    return words
  }()
}
