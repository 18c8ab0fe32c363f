import Backoff
import Foundation
import MeshStore
import Synchronization

/// Follows the database on its own connection and thread: each notification makes it read the new transactions.
final class Follower: Sendable {
  private struct State {
    var isClosing = false
    var isFollowing = false
    /// Whether to ask the server if it is still there.
    var isDoubted = false
    /// Why the database cannot be reached.
    var trouble: String?
    var clusterID = ""
    var firstOutcome: CheckedContinuation<Result<Void, StoreError>, Never>?
  }

  private let configuration: PostgresConfiguration
  private let hosts: PostgresHosts
  private let reader: ReplicaReader
  private let presence: Int64
  private let wake: WakeSignal
  private let state: Mutex<State>
  private let onSynchronized: @Sendable () -> Void
  private let onEnd: @Sendable () -> Void

  /// - Parameter presence: the advisory lock that shows that this control plane is connected.
  init(
    configuration: PostgresConfiguration, hosts: PostgresHosts, reader: ReplicaReader, presence: Int64,
    onSynchronized: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void
  ) throws(PostgresFailure) {
    self.configuration = configuration
    self.hosts = hosts
    self.reader = reader
    self.presence = presence
    self.onSynchronized = onSynchronized
    self.onEnd = onEnd
    wake = try WakeSignal()
    state = Mutex(State())
  }

  /// Starts, and waits until the content is loaded. Retries until the database can be reached.
  ///
  /// - Returns: ``StoreError`` `unavailable` if the store was closed or the database cannot be used.
  func start() async -> Result<Void, StoreError> {
    await withCheckedContinuation { continuation in
      state.withLock { $0.firstOutcome = continuation }
      let thread = Thread { self.run() }
      thread.name = "postgres-follower"
      thread.start()
    }
  }

  /// Ends.
  func close() {
    state.withLock { $0.isClosing = true }
    wake.signal()
  }

  /// The server was reached by another connection.
  func retryNow() {
    if state.withLock({ !$0.isFollowing }) { wake.signal() }
  }

  /// Another connection was lost: this one may be too, and a server whose machine is gone does not say so.
  func doubt() {
    state.withLock { $0.isDoubted = true }
    wake.signal()
  }

  /// Identifies the database's content.
  var clusterID: String { state.withLock { $0.clusterID } }

  /// Why the database cannot be reached; nil if it can.
  var obstacle: String? {
    state.withLock { $0.isFollowing ? nil : $0.trouble ?? "\(configuration.place) is not connected yet" }
  }

  // MARK: The thread

  private func run() {
    var machine = FollowerStateMachine(
      schedule: BackoffSchedule(
        minimum: configuration.minimumReconnectInterval, maximum: configuration.maximumReconnectInterval))
    var connection: Connection?
    var action = machine.handle(.started)
    while action != .stop {
      do throws(PostgresFailure) {
        let event = try perform(action, on: &connection)
        action = machine.handle(isClosing ? .closed : event)
      } catch {
        if let connection { hosts.lost(connection) }
        connection = nil
        action = machine.handle(isClosing ? .closed : .failed(share: .random(in: 0...1)))
        note(error, next: action)
      }
    }
    connection = nil
    settle(.failure(StoreError(PostgresFailure(.closing, ""), configuration, doing: "read")))
    onEnd()
  }

  private var isClosing: Bool { state.withLock { $0.isClosing } }

  private func perform(
    _ action: FollowerStateMachine.Action, on connection: inout Connection?
  ) throws(PostgresFailure) -> FollowerStateMachine.Event {
    switch action {
    case .connect:
      connection = try hosts.open(or: wake) { isClosing }
      return .connected
    case .pause(let duration):
      _ = wait(for: -1, or: wake, until: .now + duration)
      return .resumed
    case .stop: return .closed
    case .synchronize, .read, .wait:
      guard let connection else { throw PostgresFailure(.lost, "there is no connection") }
      switch action {
      case .synchronize:
        try synchronize(connection)
        return .synchronized
      case .read:
        try reader.read(on: connection)
        return try newest(on: connection)
      default:
        _ = wait(for: connection.socket, or: wake, until: nil)
        let isDoubted = state.withLock { state in
          defer { state.isDoubted = false }
          return state.isDoubted
        }
        if isDoubted { try connection.run([Statement("SELECT 1")]) }
        return try newest(on: connection)
      }
    }
  }

  private func synchronize(_ connection: Connection) throws(PostgresFailure) {
    try Schema.migrate(connection)
    try connection.run([
      // The lock is held as long as the connection and shows the others that this control plane is connected. It is shared,
      // because the server may not have noticed yet that an earlier connection has ended.
      Statement("SELECT pg_advisory_lock_shared($1)", .int(presence)),
      Statement("LISTEN \(Schema.channel)"),
    ])
    let cluster = try connection.run([Statement("SELECT cluster_id::text FROM kuma_trace_store")])[0].text(0, 0)
    try reader.read(on: connection)
    state.withLock { state in
      state.isFollowing = true
      state.trouble = nil
      state.clusterID = cluster ?? ""
    }
    reader.observer(.connected)
    settle(.success(()))
    onSynchronized()
  }

  /// The newest announced transaction. If the content is not trusted, everything is new.
  private func newest(on connection: Connection) throws(PostgresFailure) -> FollowerStateMachine.Event {
    let payloads = try connection.notifications()
    let position = reader.replica.position
    let newest = payloads.compactMap { Int64($0) }.max() ?? 0
    return .notified(position.isTrusted ? newest : .max, reached: position.change)
  }

  private func note(_ failure: PostgresFailure, next action: FollowerStateMachine.Action) {
    reader.replica.distrust()
    let error = StoreError(failure, configuration, doing: "read")
    state.withLock { ($0.isFollowing, $0.trouble) = (false, error.message) }
    switch action {
    case .pause(let duration): reader.observer(.unreachable(error.message, retry: duration))
    case .stop: break
    default: reader.observer(.lost(error.message))
    }
    if failure.kind == .unusable { settle(.failure(error)) }
  }

  /// Resumes the caller that opens the store.
  private func settle(_ outcome: Result<Void, StoreError>) {
    let continuation = state.withLock { state in
      defer { state.firstOutcome = nil }
      return state.firstOutcome
    }
    continuation?.resume(returning: outcome)
  }
}
