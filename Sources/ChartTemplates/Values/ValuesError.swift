/// Why values cannot be used.
package struct ValuesError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The setting, where it stands and what is wrong with it.
  package var message: String

  package var description: String { message }
}
