import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// Cleanup after earlier runs and other control planes, retries after a store failure, and the insight.
extension ProxyLifecycle {
  // MARK: Others

  /// Corrects what earlier runs and killed control planes left in the store: open subscriptions, and a Dataplane whose proxy may
  /// be gone. Entries of a running control plane are not touched.
  mutating func compare(
    _ dataplane: Resource?, _ insight: DataplaneInsight?, _ present: Set<String>, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    let open = insight?.openInstances ?? []
    let others = open.intersection(present).subtracting([context.settings.instance])
    if let dataplane {
      if let insight, others.isEmpty { planTakeover(dataplane, insight, context) }
      // If an opening stream is refused, the Dataplane is removed nevertheless.
      if sessions.isEmpty, !isLeaving, removal == nil, open.isDisjoint(with: present) {
        removal = Removal(time: context.now + context.settings.startupGrace, revision: dataplane.revision)
      }
    }
    let gone = open.subtracting(present)
    guard context.settings.isShared, !gone.isEmpty else { return }
    departed = gone
    actions.append(.touch)
  }

  /// Replaces the Dataplane that a proxy of the same name wrote through another control plane, which does not know the proxies
  /// connected here. Conditions: that connection has ended, and nobody else has written the Dataplane since it began.
  private mutating func planTakeover(_ stored: Resource, _ insight: DataplaneInsight, _ context: LifecycleContext) {
    guard let session = newest, let successor = session.registration, !successor.says(stored),
      session.authority.refusal(ofReplacing: stored) == nil, let written = stored.modificationTime
    else { return }
    let isStale = insight.subscriptions.contains { other in
      guard other.controlPlaneInstanceId != context.settings.instance, let end = other.disconnectTime else {
        return false
      }
      return other.connectTime > session.subscription.connectTime && written < end
    }
    if isStale { takeover = (successor, stored.revision) }
  }

  // MARK: Recovery

  /// The store is back. Other control planes may have treated this one, and its proxies, as gone.
  mutating func retryWrites(_ actions: inout [Action]) {
    if !sessions.isEmpty { restoration = needsRegistration ? .anyway : .ifMissing }
    if case .opening = work { hasReturned = true }
    if !sessions.isEmpty || needsInsight || insight != nil { actions.append(.touch) }
  }

  /// Writes the Dataplane of the newest stream, unless another one is stored meanwhile for which its proxy may not speak.
  mutating func advanceRestoration(
    _ kind: Restoration, _ isWriting: Bool, _ answer: Answer, _ actions: inout [Action]
  ) {
    switch (isWriting, answer) {
    case (false, .resource(let stored)):
      guard let newest, let registration = newest.registration, stored == nil || kind == .anyway else { return }
      if let stored, let refusal = newest.authority.refusal(ofReplacing: stored) {
        return actions.append(.end(stream: newest.subscription.id, refusal))
      }
      begin(.restoring(kind, isWriting: true), .put(registration, .replacing(stored)), &actions)
    case (true, .done): needsRegistration = false
    case (true, .failed(let error)) where error.code == .conflict && kind == .anyway: restoration = .anyway
    case (_, .failed(let error)) where error.code != .conflict:
      needsRegistration = needsRegistration || isWriting
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

  /// Writes the insight, and keeps the subscriptions that others and earlier runs have written.
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
    // Another writer was faster. Read its version first.
    case (_, .failed(let error)) where error.code == .conflict && !context.isStopping: startInsight(&actions)
    case (_, .failed(let error)) where error.code == .conflict || error.code == .meshNotFound:
      finishInsight(Set(ended.map(\.id)), &actions)
    case (_, .failed(let error)):
      insight = nil
      needsInsight = context.settings.isShared
      actions.append(.finishedInsight(error))
    default: return
    }
  }

  /// Drops what was written.
  private mutating func finishInsight(_ written: Set<String>, _ actions: inout [Action]) {
    insight = nil
    needsInsight = false
    departed = []
    ended.removeAll { written.contains($0.id) }
    actions.append(.finishedInsight(nil))
  }

  /// The subscriptions to this control plane that may be newer than the stored ones, oldest first.
  func subscriptions(_ status: (String) -> DataplaneInsight.Status) -> [DataplaneInsight.Subscription] {
    var open = sessions.map { session in
      var subscription = session.subscription
      subscription.status = status(subscription.id)
      return subscription
    }
    // A stream that still answers after another of the same kind began does not belong to a process that gave it up.
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
  /// The stored proxies cannot be read.
  static func cannotReadStoredProxies(_ error: StoreError) -> LogLine {
    LogLine(.warning, "stored proxies cannot be checked; trying again", ["error": "\(error)"])
  }
}
