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
    await HeavyTurn.shared.take()
    do {
      try await Self.$hasTurn.withValue(true) { try await function() }
    } catch {
      await HeavyTurn.shared.giveBack()
      throw error
    }
    await HeavyTurn.shared.giveBack()
  }
}

extension Trait where Self == HeavyTrait {
  /// Takes turns with other heavy tests.
  package static var heavy: HeavyTrait { HeavyTrait() }
}

/// The one turn, given to those that wait in their order.
private actor HeavyTurn {
  static let shared = HeavyTurn()
  private var isTaken = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func take() async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func giveBack() {
    guard !waiting.isEmpty else {
      isTaken = false
      return
    }
    waiting.removeFirst().resume()
  }
}
