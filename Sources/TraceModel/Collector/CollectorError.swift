/// Why the collector could not fulfil a request.
public struct CollectorError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Sendable, Hashable {
    /// The request is not valid. The sender has to change it.
    case invalid
    /// The requested object does not exist.
    case notFound
    /// The request is larger than the limits.
    case tooLarge
    /// The format is not supported.
    case unsupported
    /// The store cannot be used now, or ever. Nothing was stored, and the sender may retry.
    case unavailable
  }

  /// The kind of failure.
  public let code: Code
  /// What is wrong and how to fix it: a sentence.
  public let message: String
  /// The underlying error.
  public let cause: (any Error)?

  /// Creates an error.
  public init(code: Code, message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }
}
