import KubernetesAPI
import MeshModel
import MeshStore
import Synchronization

/// The resources of a cluster in memory, fed by the replicas of their kinds.
final class ClusterContent: Sendable {
  private struct State {
    var readings = ResourceReadings()
    var outage = Outage()
    var isClosed = false
    var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    var lastWaiting = 0

    mutating func takeWaiting() -> [CheckedContinuation<Bool, Never>] {
      defer { waiting = [:] }
      return Array(waiting.values)
    }
  }

  let feed = ChangeFeed(isComplete: false)
  let returns = ReturnSignal()
  private let state = Mutex(State())
  private let observer: KubernetesStore.Observer

  init(observer: @escaping KubernetesStore.Observer) { self.observer = observer }

  /// A replica has news. Replicas call this one after the other and each in its order.
  func update(_ update: KindReplica.Update, of type: ResourceType) {
    let (events, waiting) = state.withLock { state -> ([KubernetesStore.Event], [CheckedContinuation<Bool, Never>]) in
      switch update {
      case .changed(let objects): return (read(objects, type, &state), [])
      case .deleted(let objects):
        feed.publish(state.readings.remove(objects, type))
        return ([], [])
      case .replaced(let objects):
        var events = read(objects, type, &state)
        guard state.outage.loaded(type) else { return (events, []) }
        feed.complete()
        returns.signal()
        events.append(.loaded)
        return (events, state.takeWaiting())
      case .trouble(let error):
        if state.outage.note(error, of: type, at: .now), feed.isComplete { returns.signal() }
        return ([], [])
      }
    }
    for event in events { observer(event) }
    for continuation in waiting { continuation.resume(returning: true) }
  }

  private func read(_ objects: [KubernetesObject], _ type: ResourceType, _ state: inout State)
    -> [KubernetesStore.Event]
  {
    let (changes, unreadable) = state.readings.read(objects, type)
    // Published under the lock, so that changes stay in order.
    feed.publish(changes)
    return unreadable.map { .unreadable($0) }
  }

  /// Dataplanes of these revisions have no ready inbound any more, whatever they say.
  func makeNotReady(_ dataplanes: [(id: ResourceReadings.ObjectID, revision: UInt64)]) {
    state.withLock { state in
      // Published under the lock, so that a newer object comes after it.
      let changes = dataplanes.compactMap { entry -> ChangeFeedStateMachine.Change? in
        guard let key = state.readings.key(of: entry.id), var resource = feed.read({ $0[key] }),
          resource.revision == entry.revision, let dataplane = resource.content(Dataplane.self)?.notReady
        else { return nil }
        resource.spec = .dataplane(dataplane)
        return .written(resource)
      }
      feed.publish(changes)
    }
  }

  /// Holds the deletions of resources back while a request deletes them one by one, then publishes them together.
  func together<Outcome: Sendable>(
    _ keys: [ResourceKey], _ body: () async throws(StoreError) -> Outcome
  ) async throws(StoreError) -> Outcome {
    state.withLock { $0.readings.hold(keys) }
    defer { state.withLock { feed.publish($0.readings.release(keys)) } }
    return try await body()
  }

  /// The objects that cannot be read.
  var unreadable: [UnreadableObject] { state.withLock { Array($0.readings.unreadable.values) } }

  /// Why the content is not up to date; `nil` when it is.
  func obstacle(on server: String) -> String? { state.withLock { $0.outage.sentence(on: server) } }

  /// The types of which no list has been possible for lack of rights.
  var forbidden: [ResourceType] { state.withLock { $0.outage.forbidden } }

  // MARK: Beginning and end

  /// Waits until the content is whole.
  ///
  /// - Returns: `false` when the store was closed, or the task was cancelled, before.
  func loaded() async -> Bool {
    let number = state.withLock { state in
      state.lastWaiting += 1
      return state.lastWaiting
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          if feed.isComplete { return true }
          // Checked under the lock: a later cancellation finds the continuation.
          if state.isClosed || Task.isCancelled { return false }
          state.waiting[number] = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: false)
    }
  }

  /// Ends every subscription.
  func close() {
    let waiting = state.withLock { state in
      state.isClosed = true
      return state.takeWaiting()
    }
    for continuation in waiting { continuation.resume(returning: false) }
    feed.finish()
    returns.finish()
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }
}
