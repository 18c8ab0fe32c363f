import EnvoyAPI
import MeshXDS
import Synchronization

/// The state of one stream between its reader, the snapshot cache and its writer.
///
/// Everything that happens goes into the state machine at once; what is to be done waits here for the writer. The
/// queue is bounded because the machine has one response at a time, and one answer to each, under way.
final class DiscoveryMailbox: Sendable {
  private struct State {
    var machine: DiscoveryStreamStateMachine
    var actions: [DiscoveryStreamStateMachine.Action] = []
    var end: SessionEnd?
    var isSnapshotNew = false
  }

  private let state: Mutex<State>
  /// Yields when there may be something to do; signals that were not seen yet are merged.
  let wakeUps: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init(variant: DiscoveryVariant) {
    state = Mutex(State(machine: DiscoveryStreamStateMachine(variant: variant)))
    (wakeUps, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Takes a request.
  func receive(_ request: DiscoveryStreamRequest) {
    let hasWork = state.withLock { state in
      state.actions += state.machine.handle(.request(request))
      return !state.actions.isEmpty
    }
    if hasWork { continuation.yield() }
  }

  /// What the names of no resource cost that the proxy asks for, in bytes and about.
  var costOfUnknownNames: Int { state.withLock { $0.machine.costOfUnknownNames } }

  /// The types of which the proxy asks for more names than are kept.
  var overflowingTypes: [String] { state.withLock { $0.machine.overflowingTypes } }

  /// Notes that the cache has a newer snapshot.
  func noteSnapshot() {
    state.withLock { $0.isSnapshotNew = true }
    continuation.yield()
  }

  /// Ends the stream once; the first reason counts.
  func end(_ end: SessionEnd) {
    state.withLock { state in state.end = state.end ?? end }
    continuation.yield()
  }

  /// Tells the machine what the proxy held on its earlier stream.
  func remember(_ held: [String: [ResourceSet]]) {
    state.withLock { $0.machine.remember(held) }
  }

  /// What the proxy may hold now.
  var held: [String: [ResourceSet]] { state.withLock { $0.machine.held } }

  /// Tells that the response is written.
  func noteSent() {
    state.withLock { state in state.actions += state.machine.handle(.sent) }
  }

  /// What the writer is to do next.
  enum Next: Sendable {
    case act(DiscoveryStreamStateMachine.Action)
    case lookUpSnapshot
    case end(SessionEnd)
    case wait
  }

  /// The next thing to do.
  func next() -> Next {
    state.withLock { state in
      if let end = state.end { return .end(end) }
      if !state.actions.isEmpty { return .act(state.actions.removeFirst()) }
      if state.isSnapshotNew {
        state.isSnapshotNew = false
        return .lookUpSnapshot
      }
      return .wait
    }
  }

  /// Gives the machine the newest snapshot.
  func apply(_ snapshot: ProxySnapshot) {
    state.withLock { state in state.actions += state.machine.handle(.snapshotChanged(snapshot)) }
  }
}
