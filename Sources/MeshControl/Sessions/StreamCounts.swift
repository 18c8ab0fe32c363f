package import MeshModel
import MeshStore
import Synchronization

/// Counts the responses to each stream and the answers of its proxy.
///
/// Counted under a lock by the caller, so a push to thousands of proxies does not queue up at an actor.
package final class StreamCounts: Sendable {
  private struct Entry {
    var status = DataplaneInsight.Status()
    /// The rejections without a later acceptance of their kind.
    var rejections: [DataplaneInsight.Discovery: DataplaneInsight.Rejection] = [:]
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var total = DataplaneInsight.Counts()
    /// Streams with changed counts since the last ``takeChanged()``.
    var changed: Set<String> = []
    /// Streams with new or ended rejections since the last ``takeVerdicts()``.
    var verdicts: Set<String> = []
  }

  private let state = Mutex(State())
  /// Yields at the first verdict, or count, after the last take.
  let news: AsyncStream<Void>
  private let announce: AsyncStream<Void>.Continuation

  init() { (news, announce) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// The counts of all streams since the start.
  package var total: DataplaneInsight.Counts { state.withLock { $0.total } }

  func open(_ stream: String) { state.withLock { $0.entries[stream] = Entry() } }

  func close(_ stream: String) {
    state.withLock { state in
      state.entries[stream] = nil
      state.changed.remove(stream)
    }
  }

  /// The counts of a stream.
  func status(of stream: String) -> DataplaneInsight.Status {
    state.withLock { $0.entries[stream]?.status ?? DataplaneInsight.Status() }
  }

  /// Whether counts changed since the last ``takeChanged()``.
  var haveChanged: Bool { state.withLock { !$0.changed.isEmpty } }

  /// The streams with changed counts since the last call.
  func takeChanged() -> Set<String> {
    state.withLock { state in
      defer { state.changed = [] }
      return state.changed
    }
  }

  /// The streams with new or ended rejections since the last call.
  func takeVerdicts() -> Set<String> {
    state.withLock { state in
      defer { state.verdicts = [] }
      return state.verdicts
    }
  }

  func sent(_ stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery, \.responsesSent) { _ in false }
  }

  func acknowledged(_ stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery, \.responsesAcknowledged) { entry in
      entry.status.lastAcknowledgementTime = .now
      return discovery.flatMap { entry.rejections.removeValue(forKey: $0) } != nil
    }
  }

  func rejected(_ stream: String, _ rejection: DataplaneInsight.Rejection) {
    count(stream, rejection.discovery, \.responsesRejected) { entry in
      entry.rejections[rejection.discovery] = rejection
      return true
    }
  }

  /// - Parameter note: applies the answer, and returns whether the proxy's verdict has changed.
  private func count(
    _ stream: String, _ discovery: DataplaneInsight.Discovery?,
    _ number: WritableKeyPath<DataplaneInsight.Counts, UInt64>, _ note: (inout Entry) -> Bool
  ) {
    let isNews = state.withLock { state in
      state.total[keyPath: number] &+= 1
      guard let discovery, var entry = state.entries[stream] else { return false }
      entry.status.counts[discovery, default: DataplaneInsight.Counts()][keyPath: number] &+= 1
      entry.status.lastUpdateTime = .now
      let isVerdict = note(&entry)
      // An accepted kind does not clear the rejection of another kind.
      entry.status.lastRejection = entry.rejections.values.max { $0.time < $1.time }
      state.entries[stream] = entry
      let isFirst = state.changed.isEmpty
      state.changed.insert(stream)
      if isVerdict { state.verdicts.insert(stream) }
      return isFirst || isVerdict
    }
    if isNews { announce.yield() }
  }
}
