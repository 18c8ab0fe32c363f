import EnvoyAPI
import MeshXDS
import Synchronization

/// The shared state of one stream: its reader, the snapshot cache and its writer use it.
///
/// Events go into the state machine at once. Its actions wait here for the writer. The queue is bounded, because the machine has
/// at most one response, and one answer to each, under way.
final class DiscoveryMailbox: Sendable {
  private struct State {
    var machine: DiscoveryStreamStateMachine
    var actions: [DiscoveryStreamStateMachine.Action] = []
    var end: SessionEnd?
    var isSnapshotNew = false
    var responses = 0
  }

  private let state: Mutex<State>
  /// Yields when ``next()`` may have something to do. Unread signals are merged.
  let wakeUps: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init(variant: DiscoveryVariant) {
    state = Mutex(State(machine: DiscoveryStreamStateMachine(variant: variant)))
    (wakeUps, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func receive(_ request: DiscoveryStreamRequest) {
    let hasWork = state.withLock { state in
      state.actions += state.machine.handle(.request(request))
      return !state.actions.isEmpty
    }
    if hasWork { continuation.yield() }
  }

  /// The approximate cost in bytes of subscribed names that no resource has.
  var costOfUnknownNames: Int { state.withLock { $0.machine.costOfUnknownNames } }

  /// The types with more subscribed names than are kept.
  var overflowingTypes: [String] { state.withLock { $0.machine.overflowingTypes } }

  /// Records that the cache has a newer snapshot.
  func noteSnapshot() {
    state.withLock { $0.isSnapshotNew = true }
    continuation.yield()
  }

  /// Ends the stream. Only the first reason is kept.
  func end(_ end: SessionEnd) {
    state.withLock { state in state.end = state.end ?? end }
    continuation.yield()
  }

  /// Gives the machine the resources that the proxy had on its previous stream.
  func remember(_ held: [String: [ResourceSet]]) {
    state.withLock { $0.machine.remember(held) }
  }

  /// The resources that the proxy may have now.
  var held: [String: [ResourceSet]] { state.withLock { $0.machine.held } }

  /// How many responses were written.
  var responses: Int { state.withLock { $0.responses } }

  /// Records that the response was written.
  func noteSent() {
    state.withLock { state in
      state.responses &+= 1
      state.actions += state.machine.handle(.sent)
    }
  }

  /// Records that the time of a wait has passed.
  func notePassed(_ wait: DiscoveryStreamStateMachine.Wait) {
    let hasWork = state.withLock { state in
      state.actions += state.machine.handle(.passed(wait))
      return !state.actions.isEmpty
    }
    if hasWork { continuation.yield() }
  }

  /// The writer's next action.
  enum Next: Sendable {
    case act(DiscoveryStreamStateMachine.Action)
    case lookUpSnapshot
    case end(SessionEnd)
    case wait
  }

  /// Removes the next action from the queue.
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

  func apply(_ snapshot: ProxySnapshot) {
    state.withLock { state in state.actions += state.machine.handle(.snapshotChanged(snapshot)) }
  }
}
