package import Documents
package import MeshPolicy
import Notifications
package import ProxyEvidence
import Synchronization

/// What the Envoys of proxies count, as far as it came to this control plane: the newest, and ten minutes of the past.
///
/// It is in memory only. After a restart proxies are asked for all they have. Evidence of a proxy without a stream here is kept for
/// ten minutes: that of one that left, and that of one whose stream is at another control plane with the same address.
package final class EvidenceTable: Sendable {
  /// Most proxies with evidence: as many as there can be streams.
  package static let proxiesAtMost = 20_000
  /// How long evidence of a proxy without a stream here is kept.
  package static let keeping = Duration.seconds(600)
  private static let pause = Duration.seconds(60)
  private static let metricsServiceEpoch = "metrics-service"

  private struct Entry: Sendable {
    var history: EvidenceHistory
    var sequence: Int
  }

  private struct State {
    var entries: [ProxyID: Entry] = [:]
    /// The streams of proxies to this control plane.
    var streams: [ProxyID: Int] = [:]
    var verdicts: [EvidenceVerdict: Int] = [:]
    var unknown = 0
    var lastSweep: Timestamp?
  }

  private let limit: Int
  private let state = Mutex(State())
  /// When the collector of this control plane stored the last spans of a proxy.
  private let stored = Mutex<(@Sendable (ProxyID) -> Timestamp?)?>(nil)
  private let broadcast = Broadcast<Void>()

  /// - Parameter limit: most proxies with evidence.
  package init(limit: Int = EvidenceTable.proxiesAtMost) { self.limit = limit }

  // MARK: Reads

  /// The evidence of a proxy; `nil` if none came.
  package func evidence(of proxy: ProxyID) -> EvidenceHistory? { state.withLock { $0.entries[proxy]?.history } }

  /// The evidence of all proxies of a mesh, or of all meshes.
  package func all(mesh: String?) -> [ProxyID: EvidenceHistory] {
    state.withLock { state in
      state.entries.reduce(into: [:]) { result, entry in
        if mesh == nil || entry.key.mesh == mesh { result[entry.key] = entry.value.history }
      }
    }
  }

  /// The evidence of all proxies of which some has come after a time.
  package func changed(since time: Timestamp) -> [ProxyID: EvidenceHistory] {
    state.withLock { state in
      var result: [ProxyID: EvidenceHistory] = [:]
      for (proxy, entry) in state.entries where entry.history.time > time { result[proxy] = entry.history }
      return result
    }
  }

  /// Whether a stream of the proxy is open here. If not, its evidence came past the control plane that has it.
  package func isConnected(_ proxy: ProxyID) -> Bool { state.withLock { $0.streams[proxy] != nil } }

  /// Compares what Envoys count with what the collector of this control plane has.
  ///
  /// - Parameter stored: when the last spans of a proxy were stored; `nil` if none was.
  package func compare(with stored: @escaping @Sendable (ProxyID) -> Timestamp?) {
    self.stored.withLock { $0 = stored }
  }

  /// Whether more is wanted of a proxy soon: its Envoy has counted a report as answered, and the collector has stored none since. One
  /// that is just under way is there with the next message. If not, the spans vanish, which has to be found out within seconds.
  package func isAwaited(_ proxy: ProxyID) -> Bool {
    guard let answered = evidence(of: proxy)?.answered, let last = stored.withLock({ $0 })?(proxy) else { return false }
    // What vanishes for longer is known already.
    let seconds = answered.secondsSince(last)
    return seconds > 0 && seconds <= EvidenceLimits.answer / .seconds(1)
  }

  /// Yields after evidence of any proxy has come. A slow reader gets one element for several.
  package func changes() -> AsyncStream<Void> { broadcast.stream() }

  /// How many proxies have evidence here.
  package var count: Int { state.withLock { $0.entries.count } }

  /// What became of reports since the start.
  package var verdicts: [EvidenceVerdict: Int] { state.withLock { $0.verdicts } }

  /// How many statistics came whose names are not known.
  package var unknownStatistics: Int { state.withLock { $0.unknown } }

  /// The memory of all histories, in bytes, without what allocators add.
  package var size: Int {
    state.withLock { state in
      state.entries.values.reduce(0) { $0 + $1.history.size + MemoryLayout<EvidenceHistory>.stride }
    }
  }

  // MARK: What arrives

  /// Takes a report of a proxy that has proved who it is, and that there is.
  ///
  /// - Parameter now: when it came.
  package func take(_ report: EvidenceReport, now: Timestamp = .now) -> EvidenceVerdict {
    let proxy = ProxyID(mesh: report.mesh, name: report.name)
    let verdict = state.withLock { state in
      let verdict = Self.take(report, of: proxy, now: now, limit: limit, &state)
      state.verdicts[verdict, default: 0] += 1
      state.unknown += report.unknown
      Self.sweep(now: now, &state)
      return verdict
    }
    if verdict == .kept { broadcast.send() }
    return verdict
  }

  private static func take(
    _ report: EvidenceReport, of proxy: ProxyID, now: Timestamp, limit: Int, _ state: inout State
  ) -> EvidenceVerdict {
    let known = state.entries[proxy]
    // A message whose answer was lost is sent again, with the same number and perhaps with more.
    let continues = known.map {
      $0.history.source == .kumaDp && $0.history.epoch == report.epoch
        && ($0.sequence...($0.sequence + 1)).contains(report.sequence)
    }
    guard report.isWhole || continues == true else { return .wholeWanted }
    if known == nil || known?.history.source != .kumaDp {
      guard known != nil || state.entries.count < limit else { return .full }
      state.entries[proxy] = Entry(history: EvidenceHistory(source: .kumaDp, at: now), sequence: 0)
    }
    state.entries[proxy]?.sequence = report.sequence
    if report.values.isEmpty && !report.isWhole {
      state.entries[proxy]?.history.recordSignOfLife(sent: report.time, at: now)
    } else {
      state.entries[proxy]?.history.record(
        report.values, isWhole: report.isWhole, epoch: report.epoch, isFirstOfEpoch: report.sequence <= 1,
        envoyVersion: report.envoyVersion, sent: report.time, answerAge: report.answerAge, at: now)
    }
    return .kept
  }

  /// Takes what an Envoy sent by its metrics service: all of its statistics. Evidence of a `kuma-dp` is kept as long as it comes.
  package func take(_ values: [Statistic: Int], of proxy: ProxyID, now: Timestamp = .now) -> EvidenceVerdict {
    let verdict = state.withLock { state -> EvidenceVerdict in
      let known = state.entries[proxy]?.history
      if let known, known.source == .kumaDp, known.isFresh(at: now) { return .kept }
      if known?.source != .metricsService {
        guard known != nil || state.entries.count < limit else { return .full }
        state.entries[proxy] = Entry(history: EvidenceHistory(source: .metricsService, at: now), sequence: 0)
      }
      // A process that starts again is known by counters that go back.
      state.entries[proxy]?.history.record(values, isWhole: true, epoch: Self.metricsServiceEpoch, at: now)
      state.verdicts[.kept, default: 0] += 1
      Self.sweep(now: now, &state)
      return .kept
    }
    if verdict == .kept { broadcast.send() }
    return verdict
  }

  /// A stream of a proxy is open.
  func connect(_ proxy: ProxyID) { state.withLock { $0.streams[proxy, default: 0] += 1 } }

  /// A stream of a proxy has ended.
  func disconnect(_ proxy: ProxyID) {
    state.withLock { state in
      let streams = (state.streams[proxy] ?? 0) - 1
      state.streams[proxy] = streams > 0 ? streams : nil
    }
  }

  /// Forgets the evidence of a proxy whose Dataplane is gone, unless it is connected.
  func forget(_ proxy: ProxyID) {
    state.withLock { state in
      if state.streams[proxy] == nil { state.entries[proxy] = nil }
    }
  }

  /// Forgets proxies that have left, once a minute.
  private static func sweep(now: Timestamp, _ state: inout State) {
    let pause = Double(pause.components.seconds)
    if let last = state.lastSweep, abs(now.secondsSince(last)) < pause { return }
    state.lastSweep = now
    let streams = state.streams
    state.entries = state.entries.filter { streams[$0.key] != nil || $0.value.history.age(at: now) < keeping }
  }
}
