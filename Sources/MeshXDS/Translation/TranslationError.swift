/// Why a configuration could not be put into Envoy's form.
public struct TranslationError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Sendable {
    /// A message could not be encoded; it is larger than protobuf allows.
    case encoding
  }

  /// The kind of failure.
  public var code: Code
  /// What could not be done.
  public var message: String
  /// What the encoder said.
  public var cause: any Error

  /// The message and its cause.
  public var description: String { "\(message): \(cause)" }
}
