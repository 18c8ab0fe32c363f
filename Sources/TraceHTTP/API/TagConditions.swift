import TraceModel

/// The conditions on tags and annotations of a search, as Zipkin writes them: `error and http.status_code=503`.
enum TagConditions {
  /// The parameter that has the conditions.
  private static let name = "annotationQuery"

  /// Parses `a and b=c`: names of annotations or tags, and tags with values. As in Zipkin, the last value of a key counts, and a key
  /// without a value does not replace one with a value.
  ///
  /// Zipkin accepts conditions that no span can meet (`error and`, `=503`, `"error`). Here they are errors, because an empty answer
  /// would be misleading.
  static func read(_ text: String) throws(CollectorError) -> [(key: String, value: String)] {
    guard text.contains(where: { !$0.isWhitespace }) else { return [] }
    var conditions: [(key: String, value: String)] = []
    for part in parts(text) {
      let (key, value) = try condition(trimmed(part), of: text)
      if let index = conditions.firstIndex(where: { $0.key == key }) {
        if let value { conditions[index].value = value }
      } else {
        conditions.append((key, value ?? ""))
      }
    }
    return conditions
  }

  private static func condition(
    _ part: Substring, of text: String
  ) throws(CollectorError) -> (key: String, value: String?) {
    let words = part.split(whereSeparator: \.isWhitespace).map { $0.lowercased() }
    guard let first = words.first, let last = words.last, !joiners.contains(first), !joiners.contains(last) else {
      throw error("must have a condition on both sides of each 'and'", text)
    }
    guard !isCutOff(part) else { throw error("must close each quote and parenthesis", part) }
    guard let sign = part.firstIndex(of: "=") else {
      guard !words.contains("and") else { throw error("must write 'and' between conditions in small letters", part) }
      return (String(part), nil)
    }
    let key = trimmed(part[..<sign])
    let value = trimmed(part[part.index(after: sign)...])
    guard !key.isEmpty else { throw error("must name a tag before '='", part) }
    guard let end = key.last, !comparisons.contains(end), value.first != "=" else {
      throw error("can compare with one '=' only", part)
    }
    for joiner in joiners {
      // A value may contain the word, but not before another condition.
      let isInKey = key.split(whereSeparator: \.isWhitespace).contains { $0.lowercased() == joiner }
      let isInValue = hasCondition(behind: joiner, in: value)
      guard !isInKey, !isInValue else {
        throw error(
          joiner == "and"
            ? "must write 'and' between conditions in small letters" : "can join conditions with 'and' only",
          part)
      }
    }
    return (String(key), String(value))
  }

  private static let joiners = ["and", "or"]
  private static let comparisons: Set<Character> = ["!", "<", ">", "~"]

  /// Whether a value contains a joiner and another condition: `OR key=`.
  private static func hasCondition(behind joiner: String, in value: Substring) -> Bool {
    let words = value.split(whereSeparator: \.isWhitespace)
    guard let position = words.firstIndex(where: { $0.lowercased() == joiner }) else { return false }
    return words[(position + 1)...].first?.contains("=") == true
  }

  /// Whether a condition, its key or its value begins or ends with an unbalanced quote or parenthesis.
  private static func isCutOff(_ part: Substring) -> Bool {
    let halves = [part] + part.split(separator: "=", maxSplits: 1).map(trimmed)
    return halves.contains { half in
      guard let first = half.first, let last = half.last, marks.contains(first) || marks.contains(last) else {
        return false
      }
      var depth = 0
      var quotes = 0
      for character in half {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        if character == "\"" { quotes += 1 }
        if depth < 0 { return true }
      }
      return depth != 0 || !quotes.isMultiple(of: 2)
    }
  }

  private static let marks: Set<Character> = ["(", ")", "\""]

  private static func error(_ what: String, _ text: some StringProtocol) -> CollectorError {
    CollectorError(code: .invalid, message: "the parameter \(name) \(what): '\(text.prefix(64))'")
  }

  /// Splits a text at ` and ` into at most a hundred parts.
  private static func parts(_ text: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = text[...]
    while parts.count < 99, let separator = rest.firstRange(of: " and ") {
      parts.append(rest[..<separator.lowerBound])
      rest = rest[separator.upperBound...]
    }
    return parts + [rest]
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
