package import Testing

/// A test that takes turns with others of its kind, so that those that wait for something find a free processor and keep their
/// deadlines.
package struct TurnTrait: TestTrait, SuiteTrait, TestScoping {
  /// Every case of every test of a suite takes its own turn.
  package let isRecursive = true

  let turns: Turns

  /// The turns that the task has: a suite and a test in it may both ask for one.
  @TaskLocal private static var held: Set<ObjectIdentifier> = []

  /// Runs a test when its turn comes. A time limit of the test goes on meanwhile.
  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let held = Self.held
    guard !held.contains(ObjectIdentifier(turns)) else { return try await function() }
    await turns.take()
    do {
      try await Self.$held.withValue(held.union([ObjectIdentifier(turns)])) { try await function() }
    } catch {
      await turns.giveBack()
      throw error
    }
    await turns.giveBack()
  }
}

extension Trait where Self == TurnTrait {
  /// Takes turns with other tests that keep a processor busy for seconds, or fail when others do: one at a time.
  package static var heavy: TurnTrait { TurnTrait(turns: .heavy) }

  /// Takes turns with other long tests that have a cluster of their own and wait for it half of the time: one at a time, beside one of
  /// ``heavy``.
  package static var cluster: TurnTrait { TurnTrait(turns: .cluster) }

  /// Takes turns with other tests that run programs: twice as many at a time as there are processors. Programs for debugging take
  /// seconds of a processor to start, and dozens at once would miss deadlines of their own.
  package static var fewAtATime: TurnTrait { TurnTrait(turns: .few) }
}
