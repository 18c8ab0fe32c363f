/// Why a document could not be read.
public struct DocumentError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  public enum Code: Sendable {
    /// The text is no valid YAML or JSON.
    case syntax
    /// The document is nested too deeply or holds too many values.
    case tooLarge
    /// A field has a value of the wrong kind.
    case wrongKind
    /// The document names no resource type, or one that is not known.
    case unknownType
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong, in a sentence.
  public var message: String
  /// The line, from 1, where it is known.
  public var line: Int?
  /// The column, from 1, where it is known.
  public var column: Int?

  /// Describes a failure.
  public init(code: Code, message: String, line: Int? = nil, column: Int? = nil) {
    self.code = code
    self.message = message
    self.line = line
    self.column = column
  }

  /// The message, preceded by the place where it is known.
  public var description: String {
    guard let line else { return message }
    guard let column else { return "line \(line): \(message)" }
    return "line \(line), column \(column): \(message)"
  }
}
