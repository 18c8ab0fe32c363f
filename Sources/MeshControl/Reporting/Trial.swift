import MeshModel
import MeshPolicy
import MeshXDS

/// The time in which a proxy on protobuf is watched, until one of its reports has arrived at the collector.
///
/// Two things end it in JSON: the proxy's Envoy has reports that were answered and that the collector does not know, so that
/// something else must have answered; or the Envoy cannot be asked, and nothing has arrived for long.
struct Trial: Sendable {
  /// When the proxy got its configuration.
  var since: ContinuousClock.Instant
  /// Whether the proxy has accepted it.
  var isAcknowledged = false
  /// From when on reports that Envoy counts are those of this configuration.
  var countsFrom: ContinuousClock.Instant
  /// The number of answered reports at the first count.
  var baseline: UInt64?
  /// When the count was seen to have grown.
  var growthTime: ContinuousClock.Instant?
  /// Whether the Envoy can be asked.
  var isCounted = false
  /// When to ask the Envoy; `nil` if it cannot be asked or need not be, and while a question is running.
  var countTime: ContinuousClock.Instant?

  /// Whether the questions are frequent.
  func isClose(at now: ContinuousClock.Instant, _ limits: ReportForms.Limits) -> Bool {
    growthTime != nil || now < since + limits.closeWatch
  }

  /// Notes how many reports were answered.
  mutating func take(_ count: UInt64?, at now: ContinuousClock.Instant, _ limits: ReportForms.Limits) {
    let interval = isClose(at: now, limits) ? limits.closeInterval : limits.countInterval
    countTime = now + (count == nil ? limits.countInterval : interval)
    guard let count else { return }
    isCounted = true
    guard now >= countsFrom else { return }
    guard let baseline, count >= baseline else {
      self.baseline = count
      return
    }
    guard count > baseline else { return }
    growthTime = now
    countTime = nil
  }

  /// Why the proxy falls back to JSON, when the collector was asked at a time and did not know of any report; `nil` if it does
  /// not.
  ///
  /// - Parameter isKnown: whether the collector has answered.
  func refutation(
    askedAt start: ContinuousClock.Instant, isKnown: Bool, of url: CollectorURL, _ limits: ReportForms.Limits
  ) -> ReportReason? {
    if let growthTime, isKnown, start >= growthTime + limits.transit { return .notArriving(url) }
    if !isCounted || !isKnown, start >= since + limits.probation { return .noArrival(url, within: limits.probation) }
    return nil
  }
}

extension ReportForms {
  /// Watches a proxy whose configuration has protobuf, unless it is already known whether its reports arrive.
  mutating func beginTrial(_ proxy: ProxyID, at now: Instant) {
    guard let state = proxies[proxy], let url = state.receiver, case .unknown = state.way else { return }
    var trial = Trial(since: now, countsFrom: now)
    if let moveTime = state.moveTime {
      var drainTime = Duration.zero
      for stream in state.streams {
        drainTime = max(drainTime, stream.traits.drainTime ?? ProxyMetadata.usualDrainTime)
      }
      trial.countsFrom = max(now, moveTime + drainTime)
    }
    if let newest = state.streams.last, newest.isLocal, newest.traits.address.adminPort != nil {
      trial.countTime = now
      schedule(now)
    }
    proxies[proxy]?.way = .unproven(trial)
    receivers[url]?.watched.insert(proxy)
    readSoon(url, at: now + limits.closeInterval)
  }

  /// Stops watching a proxy that is not on protobuf. One whose reports do not arrive is still watched.
  mutating func endTrial(_ proxy: ProxyID) {
    guard case .unproven = proxies[proxy]?.way else { return }
    proxies[proxy]?.way = .unknown
    if let url = proxies[proxy]?.receiver { receivers[url]?.watched.remove(proxy) }
  }

  /// The proxy accepted listeners: its reports can come from now on.
  mutating func acknowledge(_ proxy: ProxyID, at now: Instant) {
    guard case .unproven(var trial) = proxies[proxy]?.way, !trial.isAcknowledged else { return }
    trial.isAcknowledged = true
    trial.since = now
    proxies[proxy]?.way = .unproven(trial)
    if let url = proxies[proxy]?.receiver { readSoon(url, at: now + limits.closeInterval) }
  }

  private mutating func readSoon(_ url: CollectorURL, at time: Instant) {
    guard let receiver = receivers[url], !receiver.isReading else { return }
    receivers[url]?.readTime = min(receiver.readTime, time)
    schedule(time)
  }

  mutating func readIfDue(_ url: CollectorURL, at now: Instant, _ actions: inout [Action]) {
    guard let receiver = receivers[url], !receiver.watched.isEmpty, !receiver.isReading else { return }
    guard receiver.readTime <= now else { return schedule(receiver.readTime) }
    // An answer makes room.
    guard reading < limits.reads else { return }
    reading += 1
    receivers[url]?.isReading = true
    actions.append(.read(url, receiver.watched.sorted()))
  }

  mutating func countIfDue(_ url: CollectorURL, at now: Instant, _ actions: inout [Action]) {
    for proxy in receivers[url]?.watched ?? [] {
      guard let state = proxies[proxy], case .unproven(var trial) = state.way, let time = trial.countTime else {
        continue
      }
      guard time <= now else {
        schedule(time)
        continue
      }
      // An answer makes room.
      guard counting < limits.counts else { continue }
      counting += 1
      trial.countTime = nil
      proxies[proxy]?.way = .unproven(trial)
      actions.append(.count(proxy, backend: state.backend))
    }
  }

  mutating func take(_ count: UInt64?, of proxy: ProxyID, at now: Instant) {
    counting -= 1
    schedule(now)
    guard case .unproven(var trial) = proxies[proxy]?.way else { return }
    trial.take(count, at: now, limits)
    proxies[proxy]?.way = .unproven(trial)
    if let growth = trial.growthTime, let url = proxies[proxy]?.receiver { readSoon(url, at: growth + limits.transit) }
  }

  mutating func take(
    _ ages: [ProxyID: Duration]?, of url: CollectorURL, _ asked: [ProxyID], since start: Instant, at now: Instant,
    _ actions: inout [Action]
  ) {
    reading -= 1
    schedule(now)
    receivers[url]?.isReading = false
    var refuted: [(proxy: ProxyID, reason: ReportReason)] = []
    for proxy in asked where proxies[proxy]?.receiver == url && receivers[url]?.watched.contains(proxy) == true {
      // The earliest time at which the report can have arrived: an age counts from some time after the question.
      let arrival = ages?[proxy].map { start - $0 }
      switch proxies[proxy]?.way {
      case .unproven(let trial):
        if let arrival, arrival >= receivers[url]?.proofTime ?? arrival {
          prove(proxy, url, at: now, &actions)
        } else if let reason = trial.refutation(askedAt: start, isKnown: ages != nil, of: url, limits) {
          proxies[proxy]?.way = .refuted(reason, at: now)
          refuted.append((proxy, reason))
          compare(proxy, at: now, &actions)
        }
      case .refuted(_, let time):
        if let arrival, arrival > time { prove(proxy, url, at: now, &actions) }
      default: break
      }
    }
    // One line, also for a mesh that has no traffic at night.
    if let (proxy, reason) = refuted.first {
      var metadata = ["proxy": "\(proxy)", "reason": reason.words]
      if refuted.count > 1 { metadata["further proxies"] = "\(refuted.count - 1)" }
      actions.append(.log(LogLine(.warning, "a proxy reports its spans in JSON again", metadata)))
    }
    guard let receiver = receivers[url], !receiver.watched.isEmpty else { return }
    let isClose = receiver.watched.contains { proxy in
      guard case .unproven(let trial) = proxies[proxy]?.way else { return false }
      return trial.isClose(at: now, limits)
    }
    let time = now + (isClose ? limits.closeInterval : limits.readInterval)
    receivers[url]?.readTime = time
    schedule(time)
  }

  private mutating func prove(_ proxy: ProxyID, _ url: CollectorURL, at now: Instant, _ actions: inout [Action]) {
    proxies[proxy]?.way = .proven
    receivers[url]?.watched.remove(proxy)
    compare(proxy, at: now, &actions)
  }
}
