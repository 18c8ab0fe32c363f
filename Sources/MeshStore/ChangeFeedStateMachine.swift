package import MeshModel

/// What subscribers of a store have seen and what they wait for, as a value: events in, actions out.
///
/// The present state is kept once. A subscriber has only the keys that changed since its last element; their newest form
/// is looked up when it asks. So a slow subscriber costs at most one entry for each key that it knows or that exists.
package struct ChangeFeedStateMachine: Sendable {
  /// Names a subscriber.
  package struct SubscriberID: Sendable, Hashable {
    fileprivate let number: UInt64
  }

  /// One change, after it was made.
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

  /// What to do for a subscriber that asks for its next element.
  package enum NextAction: Sendable {
    /// Give it this element.
    case deliver(ChangeSet)
    /// Let it wait.
    case wait
    /// Tell it that there will be no more.
    case end
  }

  /// A waiting subscriber to wake, with its element, or without when there will be none.
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

  /// The present state.
  package private(set) var present: ResourceTable
  /// The number of the newest change.
  package private(set) var sequence: UInt64 = 0
  private var subscribers: [SubscriberID: Subscriber] = [:]
  private var lastNumber: UInt64 = 0
  private var isFinished = false

  package init(present: ResourceTable = ResourceTable()) { self.present = present }

  /// How many subscribers there are.
  package var subscriberCount: Int { subscribers.count }

  /// How many keys a subscriber has yet to hear of; the whole state counts as none.
  package func pendingCount(_ id: SubscriberID) -> Int { subscribers[id]?.pending.count ?? 0 }

  /// Somebody subscribes.
  package mutating func subscribe() -> SubscriberID {
    lastNumber &+= 1
    let id = SubscriberID(number: lastNumber)
    subscribers[id] = Subscriber()
    return id
  }

  /// Somebody has gone.
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

  /// A subscriber no longer waits. What it has missed stays for its next question.
  package mutating func cancelWait(_ id: SubscriberID) -> Wakeup? {
    guard subscribers[id]?.isWaiting == true else { return nil }
    subscribers[id]?.isWaiting = false
    return Wakeup(subscriber: id, changes: nil)
  }

  /// Changes were made together, in this order.
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
        // Created and deleted between two elements: nobody needs to know.
        subscribers[id]?.pending[key] = exists || isKnown ? isKnown : nil
      }
    }
    var wakeups: [Wakeup] = []
    for id in subscribers.keys.sorted(by: { $0.number < $1.number }) {
      guard var subscriber = subscribers[id], subscriber.isWaiting, let changes = take(&subscriber) else { continue }
      subscriber.isWaiting = false
      subscribers[id] = subscriber
      wakeups.append(Wakeup(subscriber: id, changes: changes))
    }
    return wakeups
  }

  /// The store closes: nobody gets anything more.
  package mutating func finish() -> [Wakeup] {
    isFinished = true
    let waiting = subscribers.filter(\.value.isWaiting).keys
    subscribers = [:]
    return waiting.map { Wakeup(subscriber: $0, changes: nil) }
  }

  /// The next element of a subscriber, if there is anything new. Where all that is new has come and gone since, the
  /// element is empty: its sequence number still tells the subscriber that it has missed nothing.
  private func take(_ subscriber: inout Subscriber) -> ChangeSet? {
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
