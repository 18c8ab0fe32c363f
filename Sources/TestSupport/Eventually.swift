/// A condition did not come true in time.
package struct NotInTime: Error, CustomStringConvertible {
  /// What was waited for.
  package let description: String
}

/// Asks for a value again and again until it is there: first every 5 ms, later every 100 ms, as the questions of many tests would
/// keep the processors from what they wait for.
///
/// - Parameters:
///   - deadline: how long to wait; long, as it matters only where something is wrong, and many tests share a machine.
///   - what: what is waited for, for the error.
/// - Throws: ``NotInTime``, or what the question throws.
///
/// A truth value is a condition, also where the result is dropped: without the attribute, `try?` would take the first `false` for
/// the value that was waited for.
@_disfavoredOverload @discardableResult
package func eventually<Value: Sendable>(
  deadline: Duration = .seconds(180), _ what: String = "a condition", isolation: isolated (any Actor)? = #isolation,
  _ question: () async throws -> Value?
) async throws -> Value {
  let clock = ContinuousClock()
  let begin = clock.now
  while true {
    if let value = try await question() { return value }
    let waited = clock.now - begin
    guard waited < deadline else { throw NotInTime(description: "\(what) did not come within \(deadline)") }
    try await clock.sleep(for: min(max(waited / 20, .milliseconds(5)), .milliseconds(100)))
  }
}

/// Waits until a condition holds.
package func eventually(
  deadline: Duration = .seconds(180), _ what: String = "a condition", isolation: isolated (any Actor)? = #isolation,
  holds condition: () async throws -> Bool
) async throws {
  try await eventually(deadline: deadline, what) { try await condition() ? () : nil }
}
