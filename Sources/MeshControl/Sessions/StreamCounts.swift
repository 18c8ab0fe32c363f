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
    /// Streams that refused something, or no longer do, since they were asked for.
    var verdicts: Set<String> = []
  }

  private let state = Mutex(State())
  /// Yields when there are the first verdicts, or counts, since they were taken.
  let news: AsyncStream<Void>
  private let announce: AsyncStream<Void>.Continuation

  init() { (news, announce) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  /// What became of all responses since the start.
  package var total: DataplaneInsight.Counts { state.withLock { $0.total } }

  /// Starts to count for a stream.
  func open(_ stream: String) { state.withLock { $0.entries[stream] = Entry() } }

  /// Stops counting for a stream.
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

  /// Whether counts changed since they were taken.
  var haveChanged: Bool { state.withLock { !$0.changed.isEmpty } }

  /// The streams whose counts changed since this was asked last.
  func takeChanged() -> Set<String> {
    state.withLock { state in
      defer { state.changed = [] }
      return state.changed
    }
  }

  /// The streams that refused something, or no longer do, since this was asked last.
  func takeVerdicts() -> Set<String> {
    state.withLock { state in
      defer { state.verdicts = [] }
      return state.verdicts
    }
  }

  /// A response was sent.
  func sent(_ stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery, \.responsesSent) { _ in false }
  }

  /// A response was accepted.
  func acknowledged(_ stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery, \.responsesAcknowledged) { entry in
      entry.status.lastAcknowledgementTime = .now
      return discovery.flatMap { entry.rejections.removeValue(forKey: $0) } != nil
    }
  }

  /// A response was refused.
  func rejected(_ stream: String, _ rejection: DataplaneInsight.Rejection) {
    count(stream, rejection.discovery, \.responsesRejected) { entry in
      entry.rejections[rejection.discovery] = rejection
      return true
    }
  }

  /// - Parameter note: notes what else there is, and says whether the proxy's verdict has changed.
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
      // An accepted kind says nothing of another that is still refused.
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
