import MeshModel
import MeshStore

/// What a proxy leaves behind.
extension ProxyLifecycle {
  // MARK: Removal

  /// Removes the Dataplane, unless the proxy is back or at another control plane.
  mutating func advanceRemoval(
    _ step: RemovalStep, _ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    switch (step, answer) {
    case (.deleting, .done):
      removal = nil
      let message = "a proxy is gone, its Dataplane is removed"
      actions.append(.log(LogLine(.info, message, ["proxy": "\(proxy)"])))
    case (_, .failed(let error)): failRemoval(error, context, &actions)
    // A stream opens. If it is refused, the removal begins anew.
    case _ where isAwaited || context.isStopping: return
    case (.releasing, _): begin(.removing(.readingDataplane), .get(.dataplane), &actions)
    case (.readingDataplane, .resource(let stored)):
      guard stored?.labels[LifecycleSettings.registrationLabel] != nil else { return removal = nil }
      // Where the revision could not be read before.
      if removal?.revision == nil { removal?.revision = stored?.revision }
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
    // Written meanwhile, perhaps by the control plane to which the proxy has gone: that one's insight will tell.
    case .conflict:
      removal = nil
      leave = context.now + max(context.settings.removalDelay, .seconds(1))
    default:
      removal?.time = context.now + context.settings.retryPause
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "a Dataplane cannot be removed", metadata)))
    }
  }

  // MARK: Succession

  /// Whether the newest stream that is left has another Dataplane than those that are gone. All processes that claim one name
  /// get the same configuration: what the Dataplane says that came with the newest stream.
  func hasHeir(of succession: Succession) -> Bool {
    guard let heir = newest?.registration, let lost = succession.lost.last else { return false }
    return !heir.says(lost)
  }

  /// Puts the Dataplane of the newest stream that is left in the place of the one that a stream has left behind. One that was
  /// written by others meanwhile stays.
  mutating func advanceSuccession(
    _ current: Succession, _ isWriting: Bool, _ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    switch (isWriting, answer) {
    case (false, .resource(let stored?)):
      guard let heir = newest?.registration, !heir.says(stored), current.lost.contains(where: { stored.says($0) })
      else { return }
      begin(.succeeding(current, isWriting: true), .put(heir, .revision(stored.revision)), &actions)
    case (true, .done):
      actions.append(
        .log(
          LogLine(
            .info,
            "of several proxies of one name the newest is gone; the Dataplane of one that is still connected counts again",
            ["proxy": "\(proxy)"])))
    case (_, .failed(let error)) where ![.conflict, .notFound, .meshNotFound].contains(error.code):
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(
        .log(LogLine(.warning, "the Dataplane of a proxy that is still connected cannot be written yet", metadata)))
      guard !sessions.isEmpty else { return }
      let time = context.now + context.settings.writePause
      succession = Succession(lost: current.lost + (succession?.lost ?? []), time: time)
    default: return
    }
  }
}
