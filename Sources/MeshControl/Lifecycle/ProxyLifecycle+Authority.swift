import MeshModel
import MeshStore
import MeshXDS

/// What a proxy may speak for is checked again whenever its Dataplane has changed: somebody else may have written it.
extension ProxyLifecycle {
  /// Ends the streams of proxies that may not speak for the Dataplane that is now stored under their name.
  mutating func endStrangers(to dataplane: Resource, _ actions: inout [Action]) {
    if case .opening(let opening, _) = work, opening.authority.refusal(ofStored: dataplane) != nil {
      isDoubtful = true
    }
    for session in sessions {
      guard let refusal = session.authority.refusal(ofStored: dataplane) else { continue }
      actions.append(.end(stream: session.subscription.id, refusal))
    }
  }

  /// Admits a stream. If its proxy may not speak for what is stored now, it ends before anything is sent on it.
  mutating func confirm(
    _ opening: ProxyOpening, _ answer: Answer, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    switch answer {
    case .resource(let stored?):
      if let refusal = opening.authority.refusal(ofStored: stored) {
        actions.append(.end(stream: opening.stream, refusal))
      }
    case .failed(let error): actions.append(.end(stream: opening.stream, .temporary(error.message)))
    default: break
    }
    admit(opening, context, &actions)
  }

  /// Leaves the Dataplane of a disconnected proxy that may not speak for it.
  mutating func keepDataplane(of refusal: SessionRefusal, _ actions: inout [Action]) {
    removal = nil
    let metadata = ["proxy": "\(proxy)", "reason": refusal.reason]
    actions.append(
      .log(LogLine(.info, "a proxy is gone; its Dataplane stays, since the proxy may not speak for it", metadata)))
  }
}
