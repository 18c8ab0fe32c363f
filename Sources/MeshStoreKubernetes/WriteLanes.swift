import Synchronization

/// Lets one task at a time write an object, in the order in which they came, so that tasks of one process do not run into
/// each other's conflicts.
final class WriteLanes: Sendable {
  /// The waiting tasks of each object that a task writes.
  private let waiting = Mutex<[ResourceReadings.ObjectID: [CheckedContinuation<Void, Never>]]>([:])

  /// Runs a task's turn.
  func run<Outcome: Sendable, Failure>(
    _ id: ResourceReadings.ObjectID, _ body: () async throws(Failure) -> Outcome
  ) async throws(Failure) -> Outcome {
    await withCheckedContinuation { continuation in
      let isFree = waiting.withLock { waiting in
        if waiting[id] == nil {
          waiting[id] = []
          return true
        }
        waiting[id]?.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
    defer { pass(id) }
    return try await body()
  }

  private func pass(_ id: ResourceReadings.ObjectID) {
    let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
      guard waiting[id]?.isEmpty == false else {
        waiting[id] = nil
        return nil
      }
      return waiting[id]?.removeFirst()
    }
    next?.resume()
  }
}
