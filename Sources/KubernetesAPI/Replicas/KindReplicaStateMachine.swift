import Backoff

/// How a kind is kept up to date, as a value: events in, actions and updates out.
///
/// A list, then a watch from the version of the list. A watch that the server ends goes on where it was. After a watch
/// that was cut or has told nothing, the server is asked for its newest version: a server that was restored from a copy
/// counts from an earlier version, and would be silent until it has caught up. After an outage everything is listed.
struct KindReplicaStateMachine: Sendable {
  /// An input of the state machine.
  enum Event: Sendable {
    case started
    /// The list has arrived.
    case listed([KubernetesObject], version: String)
    /// The newest version of the server.
    case checked(newest: String)
    /// Events of the watch; none when the server has just accepted it.
    case received([WatchEvent])
    /// The server has ended the watch.
    case ended
    /// The last action failed.
    case failed(KubernetesError)
    /// The pause is over.
    case resumed
    case stopped
  }

  /// What to do next.
  enum Action: Sendable, Hashable {
    case list
    /// Ask for the newest version.
    case check
    case watch(from: String)
    /// Go on with the watch that is open.
    case proceed
    case pause(Duration)
    case stop
  }

  /// What an event leads to.
  struct Step: Sendable {
    var action: Action
    var updates: [KindReplica.Update] = []
  }

  /// A watch that ends sooner than this has failed: it is not opened again at once.
  static let shortWatch = Duration.seconds(1)
  /// The longest time for which a server may ask to be left alone.
  static let longestRequestedPause = Duration.seconds(60)

  private enum Phase {
    case idle
    case listing
    case checking
    case watching(Watch)
    case pausing(isChecking: Bool)
    case stopped
  }

  private struct Watch {
    /// When the server accepted it.
    var openedAt: Duration?
    var hasTold = false
    /// Whether it begins at the version of a list that has just arrived.
    var isAfterList: Bool
  }

  private(set) var table = ReplicaTable()
  /// Why the kind is not kept up to date at present.
  private(set) var trouble: KubernetesError?
  private var phase = Phase.idle
  private var schedule: BackoffSchedule

  init(schedule: BackoffSchedule) { self.schedule = schedule }

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - time: the time on a clock that never goes back.
  ///   - share: a random number from 0 to 1, for the wait after a failure.
  mutating func handle(_ event: Event, at time: Duration, share: Double) -> Step {
    if case .stopped = phase { return Step(action: .stop) }
    switch event {
    case .started: return list()
    case .listed(let objects, let version):
      let updates = table.endList(objects, version: version)
      return Step(action: watch(isAfterList: true), updates: updates)
    case .checked(let newest):
      if ReplicaTable.isNewer(table.newestVersion, than: newest) { return list() }
      return Step(action: watch(isAfterList: false))
    case .received(let events): return received(events, at: time)
    case .ended: return ended(at: time, share: share)
    case .failed(let error): return failed(error, at: time, share: share)
    case .resumed:
      guard case .pausing(isChecking: true) = phase else { return list() }
      return check()
    case .stopped:
      phase = .stopped
      return Step(action: .stop)
    }
  }

  /// The API server has answered a write of this process with the object as stored.
  mutating func note(stored object: KubernetesObject) -> [KindReplica.Update] { table.note(stored: object) }

  /// The API server has answered that an object is deleted.
  mutating func note(deleted object: KubernetesObject) -> [KindReplica.Update] { table.note(deleted: object) }

  // MARK: Beginning

  private mutating func list() -> Step {
    phase = .listing
    table.beginList()
    return Step(action: .list)
  }

  private mutating func check() -> Step {
    phase = .checking
    return Step(action: .check)
  }

  private mutating func watch(isAfterList: Bool) -> Action {
    phase = .watching(Watch(isAfterList: isAfterList))
    return .watch(from: table.version)
  }

  private mutating func pause(_ wait: Duration, isChecking: Bool) -> Step {
    phase = .pausing(isChecking: isChecking)
    return Step(action: .pause(wait))
  }

  // MARK: A watch

  private mutating func received(_ events: [WatchEvent], at time: Duration) -> Step {
    guard case .watching(var watch) = phase else { return Step(action: .proceed) }
    watch.openedAt = watch.openedAt ?? time
    watch.hasTold = watch.hasTold || !events.isEmpty
    phase = .watching(watch)
    var step = Step(action: .proceed, updates: table.receive(events))
    if trouble != nil {
      trouble = nil
      step.updates.append(.trouble(nil))
    }
    return step
  }

  private mutating func ended(at time: Duration, share: Double) -> Step {
    guard case .watching(let watch) = phase else { return list() }
    guard hasLasted(watch, at: time) else { return pause(schedule.failed(share), isChecking: true) }
    return watch.hasTold ? Step(action: self.watch(isAfterList: false)) : check()
  }

  /// Whether a watch was open for so long that opening it counts as a success.
  private mutating func hasLasted(_ watch: Watch, at time: Duration) -> Bool {
    guard let openedAt = watch.openedAt, time - openedAt >= Self.shortWatch else { return false }
    schedule.succeeded()
    return true
  }

  // MARK: Failures

  private mutating func failed(_ error: KubernetesError, at time: Duration, share: Double) -> Step {
    if case .watching(let watch) = phase {
      let hasLasted = hasLasted(watch, at: time)
      switch error.code {
      // A version that is too old is nothing that is wrong, unless it is the version of a list that has just arrived.
      case .expired where hasLasted || !watch.isAfterList: return list()
      case .kindNotServed: break
      default:
        // The stream may only have been cut: the first attempt to go on is made at once.
        if hasLasted { return check() }
      }
    }
    var wait = schedule.failed(share)
    var isChecking = false
    if error.code == .tooManyRequests {
      // A list is the most expensive request.
      if case .listing = phase {} else { isChecking = true }
    }
    if let seconds = error.retryAfter, seconds > 0 {
      wait = max(wait, min(.seconds(seconds), Self.longestRequestedPause))
    }
    var step = pause(wait, isChecking: isChecking)
    if trouble?.code != error.code || trouble?.message != error.message { step.updates = [.trouble(error)] }
    trouble = error
    return step
  }
}
