/// Why a request to the API server failed.
package struct KubernetesError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  package enum Code: Sendable, Hashable {
    /// There is no such object.
    case notFound
    /// The kind is not served: its CustomResourceDefinition is missing, or has just been made or deleted.
    case kindNotServed
    /// The object was written meanwhile (409 `Conflict`).
    case conflict
    /// An object of that name exists already (409 `AlreadyExists`).
    case alreadyExists
    /// The version is too old: the list has to be made anew (410, or an `ERROR` event).
    case expired
    /// Who asks is not known (401).
    case unauthorized
    /// Who asks may not do that (403 of RBAC), or an admission webhook said no.
    case forbidden
    /// The object is not valid, or an admission webhook refused it (400, 422).
    case invalid
    /// The server is there and asks to be left alone for a while (429).
    case tooManyRequests
    /// The server cannot be reached, does not answer in time, or fails (5xx).
    case unavailable
    /// The answer is not what an API server says.
    case unreadable
  }

  /// The kind of failure.
  package var code: Code
  /// What was asked, what is wrong and what to do, in a sentence.
  package var message: String
  /// The status of the answer; `nil` when there was none.
  package var status: Int?
  /// For how many seconds the server asks to wait.
  package var retryAfter: Int?

  /// Describes a failure.
  package init(code: Code, message: String, status: Int? = nil, retryAfter: Int? = nil) {
    self.code = code
    self.message = message
    self.status = status
    self.retryAfter = retryAfter
  }

  /// The message.
  package var description: String { message }
}
