package import MeshModel

/// The state of all subscriptions to a store, as a value: events in, actions out.
///
/// The current state is held once. A subscription holds only the keys that changed since its last element, and looks up their
/// newest form when the subscriber asks. So a slow subscriber costs at most one entry for each key that it knows or that exists.
package struct ChangeFeedStateMachine: Sendable {
  /// Identifies a subscriber.
  package struct SubscriberID: Sendable, Hashable {
    fileprivate let number: UInt64
  }

  /// One committed change.
  package enum Change: Sendable {
    /// A resource was created or updated.
    case written(Resource)
    /// A resource was deleted.
    case deleted(ResourceKey)

    /// The resource's key.
    package var key: ResourceKey {
      switch self {
      case .written(let resource): resource.key
      case .deleted(let key): key
      }
    }
  }

  /// The response to a subscriber that asks for its next element.
  package enum NextAction: Sendable {
    /// Deliver this element.
    case deliver(ChangeSet)
    /// Suspend it.
    case wait
    /// End its subscription.
    case end
  }

  /// A suspended subscriber to resume, with its element, or with `nil` at the end of the subscription.
  package struct Wakeup: Sendable {
    package var subscriber: SubscriberID
    package var changes: ChangeSet?
  }

  private struct Subscriber {
    /// The sequence number of its last element; `nil` before the first.
    var sequence: UInt64?
    var isWaiting = false
    /// The keys that changed since the last element, and whether the subscriber knows the resource from before.
    var pending: [ResourceKey: Bool] = [:]
  }

  /// The current state.
  package private(set) var present: ResourceTable
  /// The sequence number of the newest change.
  package private(set) var sequence: UInt64 = 0
  private var subscribers: [SubscriberID: Subscriber] = [:]
  private var lastNumber: UInt64 = 0
  private var isFinished = false
  /// Whether the current state is whole. Until then nobody gets an element.
  package private(set) var isComplete: Bool

  /// - Parameter isComplete: whether the current state is whole; if not, ``complete()`` says when it is.
  package init(present: ResourceTable = ResourceTable(), isComplete: Bool = true) {
    self.present = present
    self.isComplete = isComplete
  }

  /// How many subscribers there are.
  package var subscriberCount: Int { subscribers.count }

  /// How many changed keys are pending for a subscriber; the initial state counts as 0.
  package func pendingCount(_ id: SubscriberID) -> Int { subscribers[id]?.pending.count ?? 0 }

  /// Adds a subscriber.
  package mutating func subscribe() -> SubscriberID {
    lastNumber &+= 1
    let id = SubscriberID(number: lastNumber)
    subscribers[id] = Subscriber()
    return id
  }

  /// Removes a subscriber.
  package mutating func unsubscribe(_ id: SubscriberID) -> Wakeup? {
    guard let subscriber = subscribers.removeValue(forKey: id), subscriber.isWaiting else { return nil }
    return Wakeup(subscriber: id, changes: nil)
  }

  /// A subscriber asks for its next element.
  package mutating func next(_ id: SubscriberID) -> NextAction {
    guard var subscriber = subscribers[id], !isFinished else { return .end }
    let changes = take(&subscriber)
    subscriber.isWaiting = changes == nil
    subscribers[id] = subscriber
    return changes.map(NextAction.deliver) ?? .wait
  }

  /// A subscriber stops waiting. Pending changes stay for its next request.
  package mutating func cancelWait(_ id: SubscriberID) -> Wakeup? {
    guard subscribers[id]?.isWaiting == true else { return nil }
    subscribers[id]?.isWaiting = false
    return Wakeup(subscriber: id, changes: nil)
  }

  /// Changes were committed together, in this order.
  package mutating func commit(_ changes: [Change]) -> [Wakeup] {
    let before = sequence
    for change in changes {
      let key = change.key
      let existed = present[key] != nil
      var exists = false
      switch change {
      case .written(let resource):
        present[key] = resource
        exists = true
      case .deleted: present[key] = nil
      }
      guard existed || exists else { continue }
      sequence = before &+ 1
      for id in Array(subscribers.keys) where subscribers[id]?.sequence != nil {
        let isKnown = subscribers[id]?.pending[key] ?? existed
        // Created and deleted between two elements: the subscriber never sees it.
        subscribers[id]?.pending[key] = exists || isKnown ? isKnown : nil
      }
    }
    return wakeups()
  }

  /// The current state is whole from now on.
  package mutating func complete() -> [Wakeup] {
    isComplete = true
    return wakeups()
  }

  private mutating func wakeups() -> [Wakeup] {
    var wakeups: [Wakeup] = []
    for id in subscribers.keys.sorted(by: { $0.number < $1.number }) {
      guard var subscriber = subscribers[id], subscriber.isWaiting, let changes = take(&subscriber) else { continue }
      subscriber.isWaiting = false
      subscribers[id] = subscriber
      wakeups.append(Wakeup(subscriber: id, changes: changes))
    }
    return wakeups
  }

  /// The store closes: every subscription ends.
  package mutating func finish() -> [Wakeup] {
    isFinished = true
    let waiting = subscribers.filter(\.value.isWaiting).keys
    subscribers = [:]
    return waiting.map { Wakeup(subscriber: $0, changes: nil) }
  }

  /// The next element of a subscriber, if anything changed. If every changed resource was deleted again, the element is empty:
  /// its sequence number still tells the subscriber that it has missed nothing.
  private func take(_ subscriber: inout Subscriber) -> ChangeSet? {
    guard isComplete else { return nil }
    guard let last = subscriber.sequence else {
      subscriber.sequence = sequence
      return ChangeSet(isWholeState: true, written: present.all, deleted: [], sequence: sequence)
    }
    guard last != sequence else { return nil }
    var changes = ChangeSet(isWholeState: false, written: [], deleted: [], sequence: sequence)
    for key in subscriber.pending.keys {
      if let resource = present[key] { changes.written.append(resource) } else { changes.deleted.append(key) }
    }
    subscriber.pending = [:]
    subscriber.sequence = sequence
    return changes
  }
}
