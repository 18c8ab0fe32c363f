import MeshModel
import Synchronization

/// The current state of a store and its subscriptions: ``ChangeFeedStateMachine`` with a lock and continuations.
package final class ChangeFeed: Sendable {
  private struct State {
    var machine: ChangeFeedStateMachine
    var waiting: [ChangeFeedStateMachine.SubscriberID: CheckedContinuation<ChangeSet?, Never>] = [:]

    /// Removes and returns the continuations to resume after the lock is released.
    mutating func resumptions(_ wakeups: [ChangeFeedStateMachine.Wakeup]) -> [Resumption] {
      wakeups.compactMap { wakeup in
        waiting.removeValue(forKey: wakeup.subscriber).map { Resumption(continuation: $0, changes: wakeup.changes) }
      }
    }
  }

  private struct Resumption {
    var continuation: CheckedContinuation<ChangeSet?, Never>
    var changes: ChangeSet?
  }

  private let state: Mutex<State>

  /// - Parameter isComplete: whether the state is whole; if not, nobody gets an element before ``complete()``.
  package init(present: ResourceTable = ResourceTable(), isComplete: Bool = true) {
    state = Mutex(State(machine: ChangeFeedStateMachine(present: present, isComplete: isComplete)))
  }

  /// Whether the state is whole.
  package var isComplete: Bool { state.withLock { $0.machine.isComplete } }

  /// The state is whole from now on.
  package func complete() {
    let resumptions = state.withLock { $0.resumptions($0.machine.complete()) }
    for resumption in resumptions { resumption.continuation.resume(returning: resumption.changes) }
  }

  /// Publishes changes that were committed together, in this order.
  package func publish(_ changes: [ChangeFeedStateMachine.Change]) {
    guard !changes.isEmpty else { return }
    let resumptions = state.withLock { $0.resumptions($0.machine.commit(changes)) }
    for resumption in resumptions { resumption.continuation.resume(returning: resumption.changes) }
  }

  /// Computes changes from the current state, applies them and publishes them, all in one step.
  package func transact<Outcome: Sendable>(
    _ decide: (ResourceTable) throws(StoreError) -> (changes: [ChangeFeedStateMachine.Change], outcome: Outcome)
  ) throws(StoreError) -> Outcome {
    let (outcome, resumptions) = try state.withLock {
      state throws(StoreError) -> (Outcome, [Resumption]) in
      let (changes, outcome) = try decide(state.machine.present)
      return (outcome, state.resumptions(state.machine.commit(changes)))
    }
    for resumption in resumptions { resumption.continuation.resume(returning: resumption.changes) }
    return outcome
  }

  /// Reads the current state.
  package func read<Outcome: Sendable>(_ body: (ResourceTable) -> Outcome) -> Outcome {
    state.withLock { body($0.machine.present) }
  }

  /// The number of the newest change.
  package var sequence: UInt64 { state.withLock { $0.machine.sequence } }

  /// A new subscription.
  package func changes() -> ResourceChanges { ResourceChanges(feed: self) }

  /// Ends every subscription.
  package func finish() {
    let resumptions = state.withLock { $0.resumptions($0.machine.finish()) }
    for resumption in resumptions { resumption.continuation.resume(returning: nil) }
  }

  /// How many subscriptions there are.
  package var subscriberCount: Int { state.withLock { $0.machine.subscriberCount } }

  fileprivate func subscribe() -> ChangeFeedStateMachine.SubscriberID { state.withLock { $0.machine.subscribe() } }

  fileprivate func unsubscribe(_ id: ChangeFeedStateMachine.SubscriberID) {
    let resumptions = state.withLock { state in
      state.resumptions(state.machine.unsubscribe(id).map { [$0] } ?? [])
    }
    for resumption in resumptions { resumption.continuation.resume(returning: nil) }
  }

  fileprivate func next(_ id: ChangeFeedStateMachine.SubscriberID) async -> ChangeSet? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let resumptions = state.withLock { state -> [Resumption] in
          // Checked under the lock: a later cancellation finds the continuation, an earlier one is seen here.
          guard !Task.isCancelled else { return [Resumption(continuation: continuation, changes: nil)] }
          switch state.machine.next(id) {
          case .deliver(let changes): return [Resumption(continuation: continuation, changes: changes)]
          case .end: return [Resumption(continuation: continuation, changes: nil)]
          case .wait:
            // Two copies of one iterator may wait at once; the later one replaces the earlier one.
            let displaced = state.waiting.updateValue(continuation, forKey: id)
            return displaced.map { [Resumption(continuation: $0, changes: nil)] } ?? []
          }
        }
        for resumption in resumptions { resumption.continuation.resume(returning: resumption.changes) }
      }
    } onCancel: {
      let resumptions = state.withLock { state in
        state.resumptions(state.machine.cancelWait(id).map { [$0] } ?? [])
      }
      for resumption in resumptions { resumption.continuation.resume(returning: nil) }
    }
  }
}

/// The changes of a store: first the whole current state, then whatever has changed since the last element.
///
/// Each iterator is a separate subscription, which ends with the iterator. In a cancelled task, `next` returns `nil` and
/// loses nothing: in another task, the iterator continues where it was. Within an element, resources and keys are sorted
/// by key. An element may be empty, if every changed resource was deleted again. The sequence ends when the store closes.
public struct ResourceChanges: AsyncSequence, Sendable {
  /// An element.
  public typealias Element = ChangeSet
  /// Changes do not fail.
  public typealias Failure = Never

  fileprivate let feed: ChangeFeed

  /// Subscribes.
  public func makeAsyncIterator() -> Iterator { Iterator(subscription: Subscription(feed: feed)) }

  /// One subscription.
  public struct Iterator: AsyncIteratorProtocol, Sendable {
    fileprivate let subscription: Subscription

    /// The next element; waits until there is one.
    public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> ChangeSet? {
      guard var changes = await subscription.feed.next(subscription.id) else { return nil }
      changes.written.sort { $0.key < $1.key }
      changes.deleted.sort()
      return changes
    }
  }

  /// Unsubscribes when the last reference is released.
  fileprivate final class Subscription: Sendable {
    let feed: ChangeFeed
    let id: ChangeFeedStateMachine.SubscriberID

    init(feed: ChangeFeed) {
      self.feed = feed
      id = feed.subscribe()
    }

    deinit { feed.unsubscribe(id) }
  }
}
