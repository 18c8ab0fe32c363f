package import MeshModel
import MeshStore
import Synchronization

/// What each stream was sent and how its proxy answered.
///
/// Counted at once, where it happens: a push to thousands of proxies does not queue up for it.
package final class StreamCounts: Sendable {
  private struct Entry {
    var status = DataplaneInsight.Status()
    /// The rejections that no acceptance of their kind has followed.
    var rejections: [DataplaneInsight.Discovery: DataplaneInsight.Rejection] = [:]
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var total = DataplaneInsight.Counts()
    /// Streams whose counts changed since they were asked for.
    var changed: Set<String> = []
  }

  private let state = Mutex(State())

  /// What became of all responses since the start.
  package var total: DataplaneInsight.Counts { state.withLock { $0.total } }

  /// Begins to count for a stream.
  func open(_ stream: String) { state.withLock { $0.entries[stream] = Entry() } }

  /// Ends to count for a stream.
  func close(_ stream: String) {
    state.withLock { state in
      state.entries[stream] = nil
      state.changed.remove(stream)
    }
  }

  /// What a stream was sent and how it was answered.
  func status(of stream: String) -> DataplaneInsight.Status {
    state.withLock { $0.entries[stream]?.status ?? DataplaneInsight.Status() }
  }

  /// The streams whose counts changed since this was asked last.
  func takeChanged() -> Set<String> {
    state.withLock { state in
      defer { state.changed = [] }
      return state.changed
    }
  }

  /// A response was sent.
  func sent(_ stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery, \.responsesSent) { _ in }
  }

  /// A response was accepted.
  ///
  /// - Returns: whether one of its kind had been refused, and is no longer.
  func acknowledged(_ stream: String, _ discovery: DataplaneInsight.Discovery?) -> Bool {
    var isCleared = false
    count(stream, discovery, \.responsesAcknowledged) { entry in
      entry.status.lastAcknowledgementTime = .now
      isCleared = discovery.flatMap { entry.rejections.removeValue(forKey: $0) } != nil
    }
    return isCleared
  }

  /// A response was refused.
  func rejected(_ stream: String, _ rejection: DataplaneInsight.Rejection) {
    count(stream, rejection.discovery, \.responsesRejected) { $0.rejections[rejection.discovery] = rejection }
  }

  private func count(
    _ stream: String, _ discovery: DataplaneInsight.Discovery?,
    _ number: WritableKeyPath<DataplaneInsight.Counts, UInt64>, _ note: (inout Entry) -> Void
  ) {
    state.withLock { state in
      state.total[keyPath: number] &+= 1
      guard let discovery, var entry = state.entries[stream] else { return }
      entry.status.counts[discovery, default: DataplaneInsight.Counts()][keyPath: number] &+= 1
      entry.status.lastUpdateTime = .now
      note(&entry)
      // An accepted kind says nothing of another that is still refused.
      entry.status.lastRejection = entry.rejections.values.max { $0.time < $1.time }
      state.entries[stream] = entry
      state.changed.insert(stream)
    }
  }
}
