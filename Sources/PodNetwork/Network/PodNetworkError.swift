/// Why pods cannot be run.
package struct PodNetworkError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  package enum Code: Sendable, Hashable {
    /// This machine, or this user, cannot make namespaces.
    case notPossible
    /// No range of addresses, or no address of a range, is free.
    case noAddress
    /// A command that sets up a namespace has failed.
    case failed
    /// A pod asks for something that this node does not have.
    case badPod
  }

  /// The kind of failure.
  package var code: Code
  /// What is wrong and what to do, in a sentence.
  package var message: String

  /// The message.
  package var description: String { message }
}
