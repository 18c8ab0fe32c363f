import Backoff

/// Tries something until it succeeds or the task is cancelled, with waits of a second at first and of a minute at most.
///
/// - Parameter failed: told each error, unless the task is cancelled.
func tryUntilDone(_ attempt: () async throws -> Void, failed: (any Error) -> Void) async {
  var schedule = BackoffSchedule(minimum: .seconds(1), maximum: .seconds(60))
  while !Task.isCancelled {
    do {
      return try await attempt()
    } catch {
      guard !Task.isCancelled else { return }
      failed(error)
      try? await Task.sleep(for: schedule.failed(.random(in: 0...1)))
    }
  }
}
