import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// A stream opens: the Dataplane that its proxy brings along is stored, and lives as long as its proxy.
extension ProxyLifecycle {
  mutating func advance(
    _ opening: ProxyOpening, _ step: OpeningStep, _ answer: Answer, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    switch (step, answer) {
    case (.reading, .resource(let stored)): check(opening, stored, context, &actions)
    case (.writing, .done):
      owesRegistration = false
      connect(opening, context, &actions)
    case (.writing(let isKnown), .failed(let error)): retreat(opening, isKnown, error, context, &actions)
    case (.adopting(let error), .adopted(let isAdopted)):
      guard isAdopted else { return refuse(opening, .temporary(error.message), &actions) }
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "a proxy is served although it cannot be registered yet", metadata)))
      owesRegistration = true
      connect(opening, context, &actions)
    case (.connecting, _): admit(opening, context, &actions)
    case (_, .failed(let error)): refuse(opening, .temporary(error.message), &actions)
    default: refuse(opening, .temporary("the store gave an answer to another question"), &actions)
    }
  }

  private mutating func refuse(_ opening: ProxyOpening, _ refusal: SessionRefusal, _ actions: inout [Action]) {
    actions.append(.refuse(stream: opening.stream, refusal))
  }

  private mutating func check(
    _ opening: ProxyOpening, _ stored: Resource?, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    if let refusal = opening.refusal(isNew: stored == nil) { return refuse(opening, refusal, &actions) }
    guard let wanted = opening.registration else { return connect(opening, context, &actions) }
    let isKnown = stored?.says(wanted) == true
    // Another control plane may be about to remove it: the write tells it not to.
    if isKnown, !context.settings.isShared { return connect(opening, context, &actions) }
    begin(.opening(opening, .writing(isKnown: isKnown)), .put(wanted, .always), &actions)
  }

  /// Proxies are served by what is known of their mesh while the store is away, new ones too; the write is made up for.
  private mutating func retreat(
    _ opening: ProxyOpening, _ isKnown: Bool, _ error: StoreError, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    switch (error.code, opening.registration) {
    case (.unavailable, _) where isKnown:
      owesRegistration = true
      connect(opening, context, &actions)
    case (.unavailable, let wanted?) where context.settings.isShared:
      begin(.opening(opening, .adopting(error)), .adopt(wanted), &actions)
    case (.meshNotFound, _):
      let mesh = proxy.mesh.printable(atMost: 63)
      refuse(
        opening,
        .temporary(
          "mesh \"\(mesh)\" does not exist; create it with kumactl apply, the proxy keeps trying"), &actions)
    default: refuse(opening, .temporary(error.message), &actions)
    }
  }

  private mutating func connect(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard !context.isStopping else { return refuse(opening, .stopping, &actions) }
    leave = nil
    removal = nil
    insert(
      Session(
        subscription: DataplaneInsight.Subscription(
          id: opening.stream, controlPlaneInstanceId: context.settings.instance, connectTime: context.time,
          version: opening.version, peer: opening.peer),
        registration: opening.registration, address: opening.address))
    begin(.opening(opening, .connecting), .connect(drainTime: opening.drainTime), &actions)
  }

  private mutating func admit(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    if owesRegistration, hasReturned { restoration = .anyway }
    hasReturned = false
    actions += [
      .admit(stream: opening.stream), .touch,
      .log(LogLine(.info, "proxy connected", ["proxy": "\(proxy)", "stream": opening.stream])),
    ]
    let known = subscriptions(context.status)
    let claims = DataplaneInsight(subscriptions: known).claims
    let before = DataplaneInsight(subscriptions: known.filter { $0.id != opening.stream }).claims
    guard claims.count > before.count else { return }
    let list = claims.suffix(5).map { "\($0.peer?.address ?? "") since \($0.connectTime)" }.joined(separator: ", ")
    actions.append(
      .log(
        LogLine(
          .warning,
          "several proxies claim one name; all of them get what the newest one's Dataplane says, so give each a name of its own",
          ["proxy": "\(proxy)", "claims": list])))
  }
}
