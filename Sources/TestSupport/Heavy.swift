package import Testing

/// A test that keeps a processor busy for seconds. Such tests take turns, so that those that wait for something find a
/// free processor and keep their deadlines.
package struct HeavyTrait: TestTrait, SuiteTrait, TestScoping {
  /// Every test of a suite takes its own turn.
  package let isRecursive = true

  /// Whether the task has the turn: a suite and a test in it may both ask for it.
  @TaskLocal private static var hasTurn = false

  /// Runs a test when its turn comes.
  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard !Self.hasTurn else { return try await function() }
    await Turns.heavy.take()
    do {
      try await Self.$hasTurn.withValue(true) { try await function() }
    } catch {
      await Turns.heavy.giveBack()
      throw error
    }
    await Turns.heavy.giveBack()
  }
}

extension Trait where Self == HeavyTrait {
  /// Takes turns with other heavy tests.
  package static var heavy: HeavyTrait { HeavyTrait() }
}
