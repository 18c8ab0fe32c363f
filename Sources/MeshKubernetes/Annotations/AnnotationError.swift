/// Why the value of an annotation or label cannot be used.
package struct AnnotationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  package enum Code: Sendable {
    /// The value is not one of those that are possible.
    case wrongValue
    /// The value has another form than it should have.
    case wrongFormat
    /// The value does not go with the rest of the object.
    case conflict
  }

  /// The kind of failure.
  package var code: Code
  /// The key.
  package var key: String
  /// What is wrong, in Kuma's words.
  package var message: String

  /// Describes a failure.
  package init(code: Code, key: String, message: String) {
    self.code = code
    self.key = key
    self.message = message
  }

  /// The same error, with what could not be done because of it before the reason.
  func wrapped(_ step: String) -> AnnotationError {
    AnnotationError(code: code, key: key, message: "\(step): \(message)")
  }

  /// The message.
  package var description: String { message }
}
