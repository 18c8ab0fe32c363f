/// Which processes are there, by the Leases that they renew, as a value.
///
/// A process is there while its record changes, as seen on the clock of the process that looks. It is judged at the time at
/// which this process last saw its own renewal: everything that happened before has then been seen too. So neither a watch
/// that is late nor a process that stood still makes others look gone. After a time in which own renewals could not be seen,
/// everybody gets a whole validity again: the others could not renew either, or were not seen to.
struct PresenceTable: Sendable {
  private struct Sight: Sendable {
    var lease: KubernetesObject
    var record: LeaseRecord
    /// When the record was first seen as it is.
    var since: Duration
  }

  private let identity: String
  private let validity: Duration
  private var sights: [String: Sight] = [:]
  /// When the newest renewal of this process was seen.
  private var ownSight: Duration?

  /// - Parameter validity: for how long a process counts as there after a renewal, where its Lease does not say.
  init(identity: String, validity: Duration) {
    self.identity = identity
    self.validity = validity
  }

  /// Takes what the replica of the Leases says. Those of other purposes are to be left out.
  mutating func take(_ update: KindReplica.Update, at time: Duration) {
    switch update {
    case .replaced(let leases):
      sights.removeAll()
      see(leases, at: time)
    case .changed(let leases): see(leases, at: time)
    case .deleted(let leases): for lease in leases { sights[lease.name] = nil }
    case .trouble: break
    }
  }

  private mutating func see(_ leases: [KubernetesObject], at time: Duration) {
    var hasSeenItself = false
    for lease in leases {
      let record = LeaseRecord(lease)
      let old = sights[lease.name]
      let since = old.map { $0.record == record ? $0.since : time } ?? time
      sights[lease.name] = Sight(lease: lease, record: record, since: since)
      if record.holder == identity, old?.record != record { hasSeenItself = true }
    }
    guard hasSeenItself else { return }
    if let ownSight, time - ownSight > validity / 2 {
      for name in sights.keys { sights[name]?.since = time }
    }
    ownSight = time
  }

  /// The processes that are there; `nil` when that is not known, because this process has not seen its own renewals.
  func present(at time: Duration) -> Set<String>? {
    guard let ownSight, time - ownSight <= validity else { return nil }
    var present: Set<String> = [identity]
    for sight in sights.values where ownSight - sight.since <= sight.record.duration(default: validity) {
      present.insert(sight.record.holder)
    }
    return present
  }

  /// The Leases that nobody has renewed for a time.
  func abandoned(for time: Duration) -> [KubernetesObject] {
    guard let ownSight else { return [] }
    return sights.values.filter { $0.record.holder != identity && ownSight - $0.since > time }.map(\.lease)
  }
}
