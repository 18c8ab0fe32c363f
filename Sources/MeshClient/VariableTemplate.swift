import Mustache

/// Fills variables into text: `{{ name }}`, dotted names nest, values stand as they are.
public enum VariableTemplate {
  /// Why a template or a variable cannot be used.
  public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public var description: String
  }

  /// Reads a variable in the form `name=value`; the value may hold further equals signs and may be empty.
  ///
  /// - Throws: ``Failure`` when there is no equals sign or no name.
  public static func variable(_ text: String) throws(Failure) -> (name: String, value: String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw Failure(description: "the variable \"\(text)\" has to have the form name=value")
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  /// Reads variables in the form `name=value`; of a name that is given twice the last value counts.
  public static func variables(_ texts: some Sequence<String>) throws(Failure) -> [String: String] {
    var variables: [String: String] = [:]
    for text in texts {
      let (name, value) = try variable(text)
      variables[name] = value
    }
    return variables
  }

  /// The text with variables in their places; a variable that has no value leaves nothing, as in Kuma.
  ///
  /// - Throws: ``Failure`` when the text is no template, or one name is both a value and a group of values.
  public static func render(_ text: String, variables: [String: String]) throws(Failure) -> String {
    var root = Group()
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard !path.contains("") else {
        throw Failure(description: "the variable name \"\(name)\" has an empty part")
      }
      guard root.set(value, at: path[...]) else {
        throw Failure(
          description: "the variable \"\(name)\" is inside another variable that has a value; rename one of them")
      }
    }
    do {
      // Without the pragma values would be escaped for HTML.
      return try MustacheTemplate(string: "{{% CONTENT_TYPE: TEXT}}" + text).render(root.values)
    } catch let error as MustacheTemplate.ParserError {
      let context = error.context
      throw Failure(
        description: "line \(context.lineNumber), column \(context.columnNumber): the variables cannot be filled in: "
          + "\(error.error)")
    } catch {
      throw Failure(description: "the variables cannot be filled in: \(error)")
    }
  }

  /// Values and groups of values by name.
  private struct Group {
    enum Entry {
      case value(String)
      case group(Group)
    }
    var entries: [String: Entry] = [:]

    var values: [String: Any] {
      entries.mapValues { entry in
        switch entry {
        case .value(let value): value as Any
        case .group(let group): group.values as Any
        }
      }
    }

    mutating func set(_ value: String, at path: ArraySlice<String>) -> Bool {
      guard let name = path.first else { return false }
      let rest = path.dropFirst()
      if rest.isEmpty {
        guard entries[name] == nil else { return false }
        entries[name] = .value(value)
        return true
      }
      var group = Group()
      switch entries[name] {
      case .value: return false
      case .group(let existing): group = existing
      case nil: break
      }
      guard group.set(value, at: rest) else { return false }
      entries[name] = .group(group)
      return true
    }
  }
}
