import Backoff

/// The protocol of the connection that follows the database, as a value: events in, actions out.
struct FollowerStateMachine: Sendable {
  /// An input of the state machine.
  enum Event: Sendable {
    /// The thread has started.
    case started
    /// A connection was made.
    case connected
    /// The content in memory is the database's.
    case synchronized
    /// The last action failed.
    ///
    /// - Parameter share: a random number from 0 to 1.
    case failed(share: Double)
    /// Notifications arrived: the newest announced transaction, and the newest one that the content includes.
    case notified(Int64, reached: Int64)
    /// A pause is over, or another connection has reached the server.
    case resumed
    /// The store is closed.
    case closed
  }

  /// What to do.
  enum Action: Sendable, Equatable {
    case connect
    /// Subscribe first, then compare everything: notifications announce commits in between.
    case synchronize
    /// Read what is new.
    case read
    /// Wait for notifications.
    case wait
    case pause(Duration)
    case stop
  }

  private var schedule: BackoffSchedule
  private var isFollowing = false
  private var isClosed = false

  init(schedule: BackoffSchedule) { self.schedule = schedule }

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
      // A working connection may only have been cut: the first retry is immediate.
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
