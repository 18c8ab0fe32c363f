import Synchronization

/// What the canary and the collector share: which trace is on its way, and what is known of all.
///
/// The collector knows a trace of its canary by the whole body that it expects, with 256 random bits. Nobody else can send it before
/// the canary does, and each counts once: the same body sent again is a trace as any other.
package final class Canary: Sendable {
  private struct Shared {
    var expected: [UInt8]?
    var record: CanaryRecord
  }

  private let shared: Mutex<Shared>
  /// Whether a trace is expected, so that requests of others take no lock.
  private let isExpecting = Atomic(false)

  /// Makes a canary that has sent nothing.
  ///
  /// - Parameter interval: from the sending of one trace to that of the next; nil for a collector without a canary.
  package init(interval: Duration?) { shared = Mutex(Shared(record: CanaryRecord(interval: interval))) }

  /// What is known of the traces.
  package var record: CanaryRecord { shared.withLock { $0.record } }

  /// Has the collector expect a trace, in place of an earlier one.
  package func expect(_ trace: CanaryTrace) {
    shared.withLock { $0.expected = trace.body }
    isExpecting.store(true, ordering: .releasing)
  }

  /// Whether a body is the expected trace, which counts once.
  func takes(_ body: [UInt8]) -> Bool {
    guard isExpecting.load(ordering: .acquiring) else { return false }
    return shared.withLock { shared in
      guard shared.expected == body else { return false }
      shared.expected = nil
      isExpecting.store(false, ordering: .releasing)
      return true
    }
  }

  /// Notes what became of a trace; see ``CanaryRecord/add(_:of:at:)``.
  package func note(_ outcome: CanaryPlan.Outcome, of trace: CanaryTrace, at time: Int64) -> CanaryRecord.Remark? {
    shared.withLock { $0.record.add(outcome, of: trace.id, at: time) }
  }
}
