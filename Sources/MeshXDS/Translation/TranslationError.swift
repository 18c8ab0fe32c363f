/// Why a configuration could not be translated.
public struct TranslationError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Sendable {
    /// A message could not be encoded because it is larger than protobuf allows.
    case encoding
  }

  /// The kind of failure.
  public var code: Code
  /// What could not be done.
  public var message: String
  /// The encoder's error.
  public var cause: any Error

  /// The message and its cause.
  public var description: String { "\(message): \(cause)" }
}
