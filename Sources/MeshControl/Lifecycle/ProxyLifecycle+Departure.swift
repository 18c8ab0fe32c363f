import MeshModel
import MeshStore
import MeshXDS

/// Cleanup after a proxy disconnects.
extension ProxyLifecycle {
  // MARK: Removal

  /// Removes the Dataplane, unless the proxy has reconnected here or to another control plane.
  mutating func advanceRemoval(
    _ step: RemovalStep, _ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    switch (step, answer) {
    case (.deleting, .done):
      removal = nil
      let message = "a proxy is gone; its Dataplane was removed"
      actions.append(.log(LogLine(.info, message, ["proxy": "\(proxy)"])))
    case (_, .failed(let error)): failRemoval(error, context, &actions)
    // A stream is opening. If it is refused, the removal starts again.
    case _ where hasWaitingStream || context.isStopping: return
    case (.releasing, _): begin(.removing(.readingDataplane), .get(.dataplane), &actions)
    case (.readingDataplane, .resource(let stored)):
      guard let stored, stored.labels[LifecycleSettings.registrationLabel] != nil else { return removal = nil }
      if let refusal = leaver.refusal(ofStored: stored) { return keepDataplane(of: refusal, &actions) }
      // The earlier attempt could not read the revision.
      if removal?.revision == nil { removal?.revision = stored.revision }
      begin(.removing(.readingInsight), .get(.dataplaneInsight), &actions)
    case (.readingInsight, .resource(let stored)):
      let instances = stored?.content(DataplaneInsight.self)?.openInstances ?? []
      let others = instances.subtracting([context.settings.instance])
      guard context.settings.isShared, !others.isEmpty else { return delete(&actions) }
      begin(.removing(.finding), .find(instances: others), &actions)
    case (.finding, .instances(let present)):
      if present.isEmpty { delete(&actions) } else { removal = nil }
    default: removal = nil
    }
  }

  private mutating func delete(_ actions: inout [Action]) {
    begin(.removing(.deleting), .delete(removal?.revision.map { .revision($0) } ?? .always), &actions)
  }

  private mutating func failRemoval(_ error: StoreError, _ context: LifecycleContext, _ actions: inout [Action]) {
    switch error.code {
    case .notFound: removal = nil
    // Another writer changed it, perhaps the control plane that the proxy moved to. Read again: the insight will tell.
    case .conflict:
      removal = nil
      leave = context.now + max(context.settings.removalDelay, .seconds(1))
    default:
      removal?.time = context.now + context.settings.retryPause
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "a Dataplane cannot be removed", metadata)))
    }
  }

  // MARK: Handover

  /// Whether the newest remaining stream brought another Dataplane than the closed ones. All processes with one name get the same
  /// configuration, from the Dataplane of the newest stream.
  func hasSuccessor(for handover: Handover) -> Bool {
    guard let successor = newest?.registration, let lost = handover.lost.last else { return false }
    return !successor.says(lost)
  }

  /// Replaces the Dataplane of a closed stream with that of the newest remaining one. A Dataplane that others have written since
  /// stays.
  mutating func advanceHandover(
    _ current: Handover, _ isWriting: Bool, _ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    switch (isWriting, answer) {
    case (false, .resource(let stored?)):
      guard let newest, let successor = newest.registration, !successor.says(stored),
        newest.authority.refusal(ofReplacing: stored) == nil, current.lost.contains(where: { stored.says($0) })
      else { return }
      begin(.handingOver(current, isWriting: true), .put(successor, .revision(stored.revision)), &actions)
    case (true, .done):
      actions.append(
        .log(
          LogLine(
            .info,
            "the newest of several proxies with one name is gone; the Dataplane of one that is still connected is used again",
            ["proxy": "\(proxy)"])))
    case (_, .failed(let error)) where ![.conflict, .notFound, .meshNotFound].contains(error.code):
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(
        .log(LogLine(.warning, "the Dataplane of a proxy that is still connected cannot be written yet", metadata)))
      guard !sessions.isEmpty else { return }
      let time = context.now + context.settings.writePause
      handover = Handover(lost: current.lost + (handover?.lost ?? []), time: time)
    default: return
    }
  }
}
