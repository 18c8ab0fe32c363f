/// Why the collector could not do what was asked.
public struct CollectorError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Code: Sendable, Hashable {
    /// What was sent is not as it must be: the sender has to change it.
    case invalid
    /// What was asked for is not there.
    case notFound
    /// What was sent is larger than the limits allow.
    case tooLarge
    /// It is of a kind that is not understood.
    case unsupported
    /// The store can do nothing at the moment, or ever: nothing was stored, and the sender may send again.
    case unavailable
  }

  /// What kind of failure it is.
  public let code: Code
  /// What is wrong and what to do about it: a sentence.
  public let message: String
  /// What caused it.
  public let cause: (any Error)?

  /// Makes an error.
  public init(code: Code, message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }
}
