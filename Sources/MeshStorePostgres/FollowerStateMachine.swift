/// What the connection that follows the database does next, as a value: events in, actions out.
struct FollowerStateMachine: Sendable {
  /// Something happened.
  enum Event: Sendable {
    /// The thread has started.
    case started
    /// A connection was made.
    case connected
    /// The content in memory is the database's.
    case synchronized
    /// The last action did not succeed.
    ///
    /// - Parameter share: a random number from 0 to 1.
    case failed(share: Double)
    /// Notifications have come, the newest of them of this transaction, and the content reaches so far.
    case notified(Int64, reached: Int64)
    /// A pause is over, or another connection has reached the server.
    case resumed
    /// The store is closed.
    case closed
  }

  /// What to do.
  enum Action: Sendable, Equatable {
    case connect
    /// Subscribe first, and compare everything then: a notification announces what is committed in between.
    case synchronize
    /// Read what is new.
    case read
    /// Wait for notifications.
    case wait
    case pause(Duration)
    case stop
  }

  private var schedule: ReconnectSchedule
  private var isFollowing = false
  private var isClosed = false

  init(schedule: ReconnectSchedule) { self.schedule = schedule }

  mutating func handle(_ event: Event) -> Action {
    if isClosed { return .stop }
    switch event {
    case .started, .resumed: return .connect
    case .connected: return .synchronize
    case .synchronized:
      isFollowing = true
      schedule.succeeded()
      return .wait
    case .failed(let share):
      // A connection that was good may only have been cut: once, at once.
      if isFollowing {
        isFollowing = false
        return .connect
      }
      return .pause(schedule.failed(share))
    case .notified(let number, let reached): return number > reached ? .read : .wait
    case .closed:
      isClosed = true
      return .stop
    }
  }
}
