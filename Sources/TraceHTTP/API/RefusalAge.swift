import Synchronization

/// How long it has been that nothing can be stored, and so when those who sent something are to try again.
///
/// Exporters of OpenTelemetry try at most six times within ten seconds, and what they are told counts more than what they would
/// do by themselves. Being told one second and then two makes them try until the ninth second, which loses the fewest
/// spans of all answers that were measured; `Benchmarks/exporters/outage.py` measures them again.
final class RefusalAge: Sendable {
  /// Milliseconds since 1970; nil while things are stored.
  private let begin = Mutex<Int64?>(nil)

  /// Something was stored.
  func end() { begin.withLock { $0 = nil } }

  /// In how many seconds one who is refused now is to try again.
  func retryAfter(_ now: Int64) -> Int {
    begin.withLock { begin in
      let first = begin ?? now
      begin = first
      return now &- first < 1_000 ? 1 : 2
    }
  }
}
