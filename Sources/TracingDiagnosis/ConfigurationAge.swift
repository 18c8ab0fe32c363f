import MeshModel
import ProxyEvidence

/// Since when a proxy's requests are traced as they are, and what its Envoy had counted until then.
///
/// What was counted before a change says nothing of what the policy and the backend lead to now.
struct ConfigurationAge: Sendable, Hashable {
  /// What an Envoy had counted at a change.
  private struct Before: Sendable, Hashable {
    /// Since when that Envoy was heard of.
    var epoch: Timestamp
    var accepted = 0
    var traffic = TrafficCounts()
  }

  /// What decides how requests are traced, as a hash.
  private var hash: Int?
  /// Since when it is so; `nil` if nothing was noted.
  private(set) var since: Timestamp?
  /// Whether a change was seen. What was before is not known of a proxy that is looked at for the first time.
  private(set) var isChanged = false
  /// Whether it is known when the proxy accepted the change.
  private var isSettled = true
  private var before: Before?

  /// How long a proxy takes to accept a change at most, in seconds. What it accepts later is another change.
  private static let settling = 20.0

  /// Notes what decides how requests are traced.
  ///
  /// - Parameter acknowledged: when the proxy last accepted a configuration.
  /// - Returns: whether what was counted so far does not count any more.
  mutating func note(_ hash: Int, acknowledged: Timestamp?, now: Timestamp) -> Bool {
    guard self.hash == hash, let since = self.since else {
      isChanged = self.since != nil
      (isSettled, before) = (!isChanged, nil)
      (self.hash, self.since) = (hash, isChanged ? now : acknowledged ?? now)
      return true
    }
    guard !isSettled, let acknowledged, acknowledged > since else { return false }
    isSettled = true
    guard acknowledged.secondsSince(since) <= Self.settling else { return false }
    (self.since, before) = (acknowledged, nil)
    return true
  }

  /// Notes what Envoy has counted.
  mutating func note(_ history: EvidenceHistory, _ newest: EnvoyEvidence, _ groups: [ListenerGroup]) {
    guard isChanged, let since, before?.epoch != history.epochBegin else { return }
    if history.epochBegin >= since {
      before = Before(epoch: history.epochBegin)
    } else if history.time >= since {
      before = Before(
        epoch: history.epochBegin, accepted: newest.tracer.reportsSent,
        traffic: TrafficCounts(newest, groups.filter(\.isTraced)))
    }
  }

  /// What an Envoy has counted since it started or since the change, whichever is later.
  func counted(_ newest: EnvoyEvidence, _ traced: [ListenerGroup]) -> (accepted: Int, traffic: TrafficCounts) {
    let all = TrafficCounts(newest, traced)
    guard isChanged else { return (newest.tracer.reportsSent, all) }
    guard let before else { return (0, TrafficCounts()) }
    return (max(0, newest.tracer.reportsSent - before.accepted), all.less(before.traffic))
  }
}

extension TrafficCounts {
  /// What was counted after something else.
  fileprivate func less(_ before: TrafficCounts) -> TrafficCounts {
    var counts = self
    for path in [
      \TrafficCounts.requests, \TrafficCounts.resets, \TrafficCounts.decided, \TrafficCounts.notTraceable,
      \TrafficCounts.healthChecks,
    ] {
      counts[keyPath: path] = max(0, counts[keyPath: path] - before[keyPath: path])
    }
    return counts
  }
}
