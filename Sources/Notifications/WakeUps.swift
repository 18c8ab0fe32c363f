/// Wakes one loop: at once when something has happened, and at the time for which the loop itself has asked.
package final class WakeUps: Sendable {
  private let wakes: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  /// Makes wake-ups for a loop that does not run yet; those until then become one.
  package init() { (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// Wakes the loop. Wake-ups that come while it is busy become one.
  package func wake() { continuation.yield() }

  /// Runs the loop until the task is cancelled. There may be one only.
  ///
  /// - Parameter action: what is to be done when the loop wakes up; it returns after how much time it has to wake up again, `nil` for
  ///   no such time. Every wake-up replaces the time.
  package func run(isolation: isolated (any Actor)? = #isolation, _ action: () async -> Duration?) async {
    var timer: Task<Void, Never>?
    defer { timer?.cancel() }
    for await _ in wakes {
      timer?.cancel()
      timer = await action().map { wait in
        Task { [continuation] in
          guard (try? await Task.sleep(for: wait)) != nil else { return }
          continuation.yield()
        }
      }
    }
  }
}
