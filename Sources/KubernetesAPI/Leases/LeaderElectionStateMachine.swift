import Documents

/// How one of several processes becomes the leader, as a value: events in, actions out.
///
/// A Lease is held while its record changes, as seen on the clock of the process that looks: the clocks of others decide
/// nothing. Whoever holds it renews it, and counts as leader only for the renew deadline after it began to send its last
/// renewal. That is shorter than the time for which all others leave a record alone, so there are never two leaders, unless
/// clocks run at different speeds.
struct LeaderElectionStateMachine: Sendable {
  /// An input of the state machine.
  enum Event: Sendable {
    case started
    /// The Lease was read; `nil` when there is none.
    case read(KubernetesObject?)
    /// The Lease was written and has this form now.
    case written(KubernetesObject)
    /// The last action failed.
    case failed(KubernetesError)
    /// The pause is over.
    case resumed
    /// The process is about to end.
    case stopping
  }

  /// What to do next.
  enum Action: Sendable, Hashable {
    case read
    case create(KubernetesObject)
    /// Write the Lease if it still has the version that it was read with.
    case replace(KubernetesObject)
    case pause(Duration)
    case stop
  }

  /// The settings, kept within what is safe.
  struct Times: Sendable, Hashable {
    let lease: Duration
    let renew: Duration
    let retry: Duration

    /// - Parameters:
    ///   - lease: at least a second; the API server counts in whole seconds.
    ///   - renew: at most four fifths of the lease.
    ///   - retry: at most a third of the renew deadline.
    init(lease: Duration, renew: Duration, retry: Duration) {
      let whole = max(1, lease.components.seconds + (lease.components.attoseconds > 0 ? 1 : 0))
      self.lease = .seconds(min(whole, LeaseRecord.longestDuration))
      self.renew = min(max(renew, .milliseconds(300)), self.lease * 0.8)
      self.retry = min(max(retry, .milliseconds(50)), self.renew * (1.0 / 3))
    }
  }

  let times: Times
  private let identity: String
  private let namespace: String
  private let name: String
  /// The Lease as it was read or written last; `nil` when it has to be read first.
  private var lease: KubernetesObject?
  /// What the Lease last said, and when that was first seen.
  private var seen: (record: LeaseRecord, since: Duration)?
  /// When the last action was decided, before it was sent.
  private var sentAt: Duration = .zero
  /// When the last renewal that succeeded was sent; `nil` when this process does not lead.
  private var renewedAt: Duration?
  private var isStopping = false
  /// How often the release may still be sent.
  private var releasesLeft = 2

  init(identity: String, namespace: String, name: String, times: Times) {
    self.identity = identity
    self.namespace = namespace
    self.name = name
    self.times = times
  }

  /// Whether this process leads, at a time of the clock of ``handle(_:at:wallClock:share:)``.
  func isLeader(at time: Duration) -> Bool { deadline.map { time < $0 } ?? false }

  /// Until when this process leads if it does not renew; `nil` when it does not lead.
  var deadline: Duration? { isStopping ? nil : renewedAt.map { $0 + times.renew } }

  /// Who holds the Lease, as it was seen last; empty for nobody.
  var holder: String { seen?.record.holder ?? "" }

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - time: the time on a clock that never goes back.
  ///   - wallClock: the time to write into the Lease, for readers.
  ///   - share: a random number from 0 to 1, by which waits vary.
  mutating func handle(_ event: Event, at time: Duration, wallClock: Timestamp, share: Double) -> Action {
    let action = decide(event, at: time, wallClock: wallClock, share: share)
    sentAt = time
    return action
  }

  private mutating func decide(_ event: Event, at time: Duration, wallClock: Timestamp, share: Double) -> Action {
    if isStopping { return release(event, at: time, wallClock: wallClock) }
    if let deadline, time >= deadline { renewedAt = nil }
    switch event {
    case .started: return .read
    case .read(let lease):
      observe(lease, at: time)
      return take(at: time, wallClock: wallClock, share: share)
    case .written(let lease):
      observe(lease, at: time)
      renewedAt = holder == identity ? sentAt : nil
      return pause(share: share)
    case .resumed:
      // The Lease of a leader is as it was written, or the write finds that it is not.
      guard renewedAt != nil, lease != nil else { return .read }
      return take(at: time, wallClock: wallClock, share: share)
    case .failed(let error):
      lease = nil
      let isOvertaken = [.conflict, .alreadyExists, .notFound].contains(error.code)
      return isOvertaken && renewedAt != nil ? .read : pause(share: share)
    case .stopping:
      isStopping = true
      return release(event, at: time, wallClock: wallClock)
    }
  }

  /// Gives the Lease back, so that nobody has to wait for its end.
  private mutating func release(_ event: Event, at time: Duration, wallClock: Timestamp) -> Action {
    switch event {
    case .stopping:
      guard holder == identity else { return .stop }
      if lease == nil { return .read }
    case .read(let lease): observe(lease, at: time)
    // A renewal whose answer was not awaited may have been made.
    case .failed(let error) where error.code == .conflict && releasesLeft > 0: return .read
    default: return .stop
    }
    guard let lease, holder == identity, releasesLeft > 0 else { return .stop }
    releasesLeft -= 1
    return .replace(released(lease, wallClock))
  }

  private mutating func observe(_ lease: KubernetesObject?, at time: Duration) {
    self.lease = lease
    if lease == nil, let seen, isHeldByAnother(seen.record),
      time < seen.since + seen.record.duration(default: times.lease)
    {
      // Somebody has deleted it. Whoever held it may not know that yet.
      renewedAt = nil
      return
    }
    let record = lease.map(LeaseRecord.init) ?? LeaseRecord()
    if seen?.record != record { seen = (record, time) }
    if record.holder != identity { renewedAt = nil }
  }

  /// Takes or renews the Lease if nobody else holds it.
  private func take(at time: Duration, wallClock: Timestamp, share: Double) -> Action {
    guard let seen else { return .read }
    let old = seen.record
    if isHeldByAnother(old) {
      let end = seen.since + old.duration(default: times.lease)
      guard time >= end else { return .pause(min(wait(share), end - time)) }
    }
    var record = old
    record.holder = identity
    record.seconds = times.lease.components.seconds
    record.renewTime = wallClock.microseconds
    if old.holder != identity {
      record.acquireTime = record.renewTime
      if lease != nil, record.transitions < .max { record.transitions += 1 }
    }
    guard let lease else {
      return .create(record.written(to: KubernetesObject(.lease, namespace: namespace, name: name)))
    }
    return .replace(record.written(to: lease))
  }

  private func isHeldByAnother(_ record: LeaseRecord) -> Bool { !record.holder.isEmpty && record.holder != identity }

  private func released(_ lease: KubernetesObject, _ wallClock: Timestamp) -> KubernetesObject {
    var record = LeaseRecord(lease)
    record.holder = ""
    record.seconds = 1
    record.renewTime = wallClock.microseconds
    return record.written(to: lease)
  }

  private func pause(share: Double) -> Action { .pause(wait(share)) }

  /// Between four fifths of the retry period and all of it.
  private func wait(_ share: Double) -> Duration { times.retry * (0.8 + 0.2 * min(max(share, 0), 1)) }
}
