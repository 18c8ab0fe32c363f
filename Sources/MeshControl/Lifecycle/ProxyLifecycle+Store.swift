import MeshModel
import MeshPolicy
import MeshStore

/// What earlier runs and other control planes have left, and what is owed to a store that was away.
extension ProxyLifecycle {
  // MARK: Others

  /// Puts right what earlier runs, and control planes that were killed, have left of the proxy: connections that seem to last,
  /// and a Dataplane whose proxy may be gone. What belongs to a control plane that is there is left to it.
  mutating func compare(
    _ dataplane: Resource?, _ insight: DataplaneInsight?, _ present: Set<String>, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    let open = insight?.openInstances ?? []
    let others = open.intersection(present).subtracting([context.settings.instance])
    if let dataplane {
      if let insight, others.isEmpty { inherit(dataplane, insight, context) }
      // If a stream that opens is refused, the Dataplane is removed all the same.
      if sessions.isEmpty, !isLeaving, removal == nil, open.isDisjoint(with: present) {
        removal = Removal(time: context.now + context.settings.startupGrace, revision: dataplane.revision)
      }
    }
    let gone = open.subtracting(present)
    guard context.settings.isShared, !gone.isEmpty else { return }
    departed = gone
    actions.append(.touch)
  }

  /// Where the newest proxy of the name was connected to another control plane, which cannot know what is connected here, its
  /// Dataplane is replaced: if that connection has ended, and nothing was written since it began but by it.
  private mutating func inherit(_ stored: Resource, _ insight: DataplaneInsight, _ context: LifecycleContext) {
    guard let session = newest, let heir = session.registration, !heir.says(stored),
      let written = stored.modificationTime
    else { return }
    let isLeftBehind = insight.subscriptions.contains { other in
      guard other.controlPlaneInstanceId != context.settings.instance, let end = other.disconnectTime else {
        return false
      }
      return other.connectTime > session.subscription.connectTime && written < end
    }
    if isLeftBehind { inheritance = (heir, stored.revision) }
  }

  // MARK: Return

  /// The store is back. Others may have taken this control plane for gone, and its proxies with it.
  mutating func makeUp(_ actions: inout [Action]) {
    if !sessions.isEmpty { restoration = owesRegistration ? .anyway : .ifMissing }
    if case .opening = work { hasReturned = true }
    if !sessions.isEmpty || owesInsight || insight != nil { actions.append(.touch) }
  }

  mutating func advanceRestoration(_ isWriting: Bool, _ answer: Answer, _ actions: inout [Action]) {
    switch (isWriting, answer) {
    case (false, .resource(nil)):
      guard let registration = newest?.registration else { return }
      begin(.restoring(isWriting: true), .put(registration, .absent), &actions)
    case (true, .done): owesRegistration = false
    case (_, .failed(let error)) where error.code != .conflict:
      owesRegistration = owesRegistration || isWriting
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "a proxy cannot be registered again", metadata)))
    default: return
    }
  }

  // MARK: Insight

  mutating func startInsight(_ actions: inout [Action]) {
    insight = .reading
    actions.append(.perform(.get(.dataplaneInsight), .insight))
  }

  /// Writes what is known of the proxy beside what others, and earlier runs, have written.
  mutating func advanceInsight(_ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]) {
    switch (insight, answer) {
    case (.reading, .resource(let resource)):
      let stored = resource?.content(DataplaneInsight.self) ?? DataplaneInsight()
      let newest = subscriptions(context.status)
      let known = context.settings.known(stored).ending(at: context.time) { departed.contains($0) }
        .updated(with: newest)
      let isWritten = Set(newest.lazy.filter { $0.disconnectTime != nil }.map(\.id))
      guard known != stored else { return finishInsight(isWritten, &actions) }
      insight = .writing(isWritten)
      let condition = resource.map { WriteCondition.revision($0.revision) } ?? .absent
      actions.append(
        .perform(.put(Resource(mesh: proxy.mesh, name: proxy.name, spec: known.spec), condition), .insight))
    case (.writing(let written), .done): finishInsight(written, &actions)
    // Somebody else was faster, and what they wrote is to be known.
    case (_, .failed(let error)) where error.code == .conflict && !context.isStopping: startInsight(&actions)
    case (_, .failed(let error)) where error.code == .conflict || error.code == .meshNotFound:
      finishInsight(Set(ended.map(\.id)), &actions)
    case (_, .failed(let error)):
      insight = nil
      owesInsight = context.settings.isShared
      actions.append(.finishedInsight(error))
    default: return
    }
  }

  /// What has been written need not be kept.
  private mutating func finishInsight(_ written: Set<String>, _ actions: inout [Action]) {
    insight = nil
    owesInsight = false
    departed = []
    ended.removeAll { written.contains($0.id) }
    actions.append(.finishedInsight(nil))
  }

  /// The subscriptions to this control plane of which the store may not know the newest, oldest first.
  func subscriptions(_ status: (String) -> DataplaneInsight.Status) -> [DataplaneInsight.Subscription] {
    var open = sessions.map { session in
      var subscription = session.subscription
      subscription.status = status(subscription.id)
      return subscription
    }
    // A stream that still answers after another of the same kind has begun is not one that its process has given up.
    for (index, subscription) in open.enumerated() where subscription.peer != nil {
      let newer = open[(index + 1)...].first { $0.peer?.process == subscription.peer?.process }
      guard let newer, let answer = subscription.status.lastAcknowledgementTime,
        answer.secondsSince(newer.connectTime) > 1
      else { continue }
      open[index].peer?.process += "-\(subscription.id.prefix(8))"
    }
    return ended.isEmpty ? open : (ended + open).sorted { $0.connectTime < $1.connectTime }
  }
}

extension LogLine {
  /// The store cannot be asked for what others have left.
  static func cannotTakeStock(_ error: StoreError) -> LogLine {
    LogLine(.warning, "what others left cannot be settled", ["error": "\(error)"])
  }
}
