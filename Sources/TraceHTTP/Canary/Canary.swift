import Synchronization

/// What the canary and the collector share: which trace is on its way, and what is known of all.
///
/// The collector knows a trace of its canary by the whole body that it expects, with 256 random bits. Nobody else can send it before
/// the canary does, and each counts once: the same body sent again is a trace as any other. A busy collector may come to a trace when
/// the canary has given it up and sent others, so the last few are expected.
package final class Canary: Sendable {
  private struct Shared {
    /// The bodies that have not come yet, the oldest first.
    var expected: [[UInt8]] = []
    var record: CanaryRecord
  }

  /// How many traces are expected at most: at one in a second, a request that comes
  /// later than the last of these has waited for half a minute and its sender for ten seconds.
  static let expectedAtMost = 32

  private let shared: Mutex<Shared>
  /// Whether a trace is expected, so that requests of others take no lock.
  private let isExpecting = Atomic(false)

  /// Makes a canary that has sent nothing.
  ///
  /// - Parameter interval: from the sending of one trace to that of the next; nil for a collector without a canary.
  package init(interval: Duration?) { shared = Mutex(Shared(record: CanaryRecord(interval: interval))) }

  /// What is known of the traces.
  package var record: CanaryRecord { shared.withLock { $0.record } }

  /// Has the collector expect a trace, beside the last ones that have not come.
  package func expect(_ trace: CanaryTrace) {
    shared.withLock { shared in
      if shared.expected.count >= Self.expectedAtMost { shared.expected.removeFirst() }
      shared.expected.append(trace.body)
      isExpecting.store(true, ordering: .releasing)
    }
  }

  /// Whether a body is an expected trace, which counts once.
  func takes(_ body: [UInt8]) -> Bool {
    guard isExpecting.load(ordering: .acquiring) else { return false }
    return shared.withLock { shared in
      guard let index = shared.expected.firstIndex(of: body) else { return false }
      shared.expected.remove(at: index)
      isExpecting.store(!shared.expected.isEmpty, ordering: .releasing)
      return true
    }
  }

  /// Notes what became of a trace; see ``CanaryRecord/add(_:of:at:)``.
  package func note(_ outcome: CanaryPlan.Outcome, of trace: CanaryTrace, at time: Int64) -> CanaryRecord.Remark? {
    shared.withLock { $0.record.add(outcome, of: trace.id, at: time) }
  }
}
