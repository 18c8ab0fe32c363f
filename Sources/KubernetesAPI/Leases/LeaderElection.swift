import ConnectionFaults
import Documents
package import Logging
import Notifications
import ServiceLifecycle
import Synchronization

/// Makes one of several processes the leader, by a Lease.
///
/// Run it as a service that is shut down after everything that a leader does: it then gives the Lease back, and another
/// process leads within seconds.
package final class LeaderElection: Service {
  /// The times of an election. Those that contradict each other are brought within what is safe: the renew deadline is at
  /// most four fifths of the lease, the retry period a third of that.
  package struct Settings: Sendable {
    /// For how long a Lease that nobody renews is left alone, in whole seconds.
    package var leaseDuration: Duration = .seconds(15)
    /// For how long a leader that cannot renew the Lease goes on.
    package var renewDeadline: Duration = .seconds(10)
    /// How often the Lease is renewed, and looked at by those who wait.
    package var retryPeriod: Duration = .seconds(2)

    package init() {}
  }

  /// The name of the Lease that the control planes of Kuma use.
  package static let leaseName = "cp-leader-lease"

  private struct State {
    var machine: LeaderElectionStateMachine
    var hasAnnounced = false
    var trouble: KubernetesError?
  }

  /// The name under which this process takes part.
  package let identity: String
  private let client: KubernetesClient
  private let namespace: String
  private let name: String
  private let logger: Logger
  private let start = ContinuousClock.now
  private let leading = Broadcast<Bool>()
  private let state: Mutex<State>

  /// - Parameter identity: a name that no other process has, not even an earlier run of this one.
  package init(
    client: KubernetesClient, namespace: String, name: String = LeaderElection.leaseName, identity: String,
    settings: Settings = Settings(), logger: Logger
  ) {
    self.client = client
    self.namespace = namespace
    self.name = name
    self.identity = identity
    self.logger = logger
    let times = LeaderElectionStateMachine.Times(
      lease: settings.leaseDuration, renew: settings.renewDeadline, retry: settings.retryPeriod)
    state = Mutex(
      State(
        machine: LeaderElectionStateMachine(identity: identity, namespace: namespace, name: name, times: times)))
  }

  /// Whether this process leads at this moment. Ask before each write of a leader: it is false as soon as the Lease could
  /// not be renewed in time, also when the process has stood still meanwhile.
  package var isLeader: Bool { state.withLock { $0.machine.isLeader(at: .now - start) } }

  /// Who leads, as it was seen last; `nil` when nobody does or nothing was seen yet.
  package var leader: String? {
    state.withLock { $0.machine.holder.isEmpty ? nil : $0.machine.holder }
  }

  /// Why the Lease cannot be read or written at present.
  package var trouble: KubernetesError? { state.withLock { $0.trouble } }

  /// Whether this process leads: at once, and then each time it changes. A slow reader gets the newest only.
  package func changes() -> AsyncStream<Bool> {
    state.withLock { state in leading.stream(first: state.hasAnnounced) }
  }

  // MARK: Running

  /// Takes part until the task is cancelled or the service is shut down, and gives the Lease back then.
  package func run() async {
    await cancelWhenGracefulShutdown { await self.follow(.started) }
    // A task of its own: this one may have been cancelled.
    await Task { await self.follow(.stopping) }.value
    leading.finish()
  }

  /// Follows the state machine from an event to its end, or until the task is cancelled.
  private func follow(_ first: LeaderElectionStateMachine.Event) async {
    var action = handle(first)
    while action != .stop {
      let event = await perform(action)
      guard !Task.isCancelled else { return }
      action = handle(event)
    }
  }

  private func perform(_ action: LeaderElectionStateMachine.Action) async -> LeaderElectionStateMachine.Event {
    let (client, namespace, name) = (client, namespace, name)
    do throws(KubernetesError) {
      switch action {
      case .pause(let wait):
        try? await Task.sleep(for: wait)
        return .resumed
      case .read:
        return .read(
          try await request("read") { () async throws(KubernetesError) in
            do throws(KubernetesError) {
              return try await client.get(.lease, namespace: namespace, name: name)
            } catch  where error.code == .notFound {
              return nil
            }
          })
      case .create(let lease):
        return .written(
          try await request("create") { () async throws(KubernetesError) in try await client.create(.lease, lease) })
      case .replace(let lease):
        return .written(
          try await request("renew") { () async throws(KubernetesError) in try await client.replace(.lease, lease) })
      case .stop: return .stopping
      }
    } catch {
      return .failed(error)
    }
  }

  /// Sends a request whose answer is awaited for as long as it is of use: until half of the renew deadline is over, and not
  /// beyond the end of this process's own time as leader.
  private func request<Value: Sendable>(
    _ verb: String, _ body: @escaping @Sendable () async throws(KubernetesError) -> Value
  ) async throws(KubernetesError) -> Value {
    let limit = state.withLock { state in
      let half = state.machine.times.renew / 2
      return state.machine.deadline.map { min(half, max(.zero, $0 - (.now - start))) } ?? half
    }
    do {
      return try await within(limit) { try await body() }
    } catch let error as KubernetesError {
      throw error
    } catch {
      throw KubernetesError(
        code: .unavailable,
        message: "cannot \(verb) the lease \(name.quoted) in namespace \(namespace.quoted) at \(client.access.server): "
          + "the API server has not answered in time")
    }
  }

  private func handle(_ event: LeaderElectionStateMachine.Event) -> LeaderElectionStateMachine.Action {
    state.withLock { state in
      let time = ContinuousClock.now - start
      let action = state.machine.handle(event, at: time, wallClock: .now, share: .random(in: 0...1))
      note(event, &state)
      announce(state.machine.isLeader(at: time), &state)
      return action
    }
  }

  private func note(_ event: LeaderElectionStateMachine.Event, _ state: inout State) {
    switch event {
    case .failed(let error):
      // Another process was faster: that is what an election is.
      guard error.code != .conflict, error.code != .alreadyExists else { return }
      if state.trouble?.message != error.message {
        logger.warning("The election of a leader does not work; trying again", metadata: ["error": "\(error.message)"])
      }
      state.trouble = error
    case .read, .written:
      if state.trouble != nil { logger.info("The election of a leader works again") }
      state.trouble = nil
    default: break
    }
  }

  private func announce(_ isLeader: Bool, _ state: inout State) {
    guard isLeader != state.hasAnnounced else { return }
    state.hasAnnounced = isLeader
    logger.info(isLeader ? "This instance leads now" : "This instance does not lead any more")
    leading.send(isLeader)
  }
}
