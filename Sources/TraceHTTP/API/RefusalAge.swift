import Synchronization

/// Measures for how long the store has refused spans, and decides when refused senders should retry.
///
/// OpenTelemetry's exporters try at most six times within ten seconds, and follow `Retry-After`. Values of one second and then two
/// make them retry until the ninth second. Of all measured values these lose the fewest spans; `Benchmarks/exporters/outage.py`
/// repeats the measurement.
final class RefusalAge: Sendable {
  /// The first refusal in milliseconds since 1970; nil while spans are stored.
  private let begin = Mutex<Int64?>(nil)

  /// Ends the outage, because spans were stored.
  func end() { begin.withLock { $0 = nil } }

  /// How many seconds a sender that is refused now should wait.
  func retryAfter(_ now: Int64) -> Int {
    begin.withLock { begin in
      let first = begin ?? now
      begin = first
      return now &- first < 1_000 ? 1 : 2
    }
  }
}
