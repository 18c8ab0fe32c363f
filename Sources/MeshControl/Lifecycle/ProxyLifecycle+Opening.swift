import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// Opening a stream: the Dataplane that the proxy brings is stored, and is removed some time after the proxy disconnects.
extension ProxyLifecycle {
  mutating func advance(
    _ opening: ProxyOpening, _ step: OpeningStep, _ answer: Answer, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    switch (step, answer) {
    case (.reading, .resource(let stored)): check(opening, stored, context, &actions)
    case (.writing, .done):
      needsRegistration = false
      connect(opening, context, &actions)
    // Another one was written meanwhile, and the proxy may perhaps not speak for it.
    case (.writing, .failed(let error)) where error.code == .conflict:
      begin(.opening(opening, .reading), .get(.dataplane), &actions)
    case (.writing(let isKnown), .failed(let error)): serveWithoutStore(opening, isKnown, error, context, &actions)
    case (.adopting(let error), .adopted(let isAdopted)):
      guard isAdopted else { return refuse(opening, .temporary(error.message), &actions) }
      let metadata = ["proxy": "\(proxy)", "error": "\(error)"]
      actions.append(.log(LogLine(.warning, "a proxy cannot be registered yet and is served without", metadata)))
      needsRegistration = true
      connect(opening, context, &actions)
    case (.connecting, _) where isDoubtful:
      isDoubtful = false
      begin(.opening(opening, .confirming), .get(.dataplane), &actions)
    case (.confirming, let answer): confirm(opening, answer, context, &actions)
    case (.connecting, _): admit(opening, context, &actions)
    case (_, .failed(let error)): refuse(opening, .temporary(error.message), &actions)
    default: refuse(opening, .temporary("the store gave an unexpected answer"), &actions)
    }
  }

  private mutating func refuse(_ opening: ProxyOpening, _ refusal: SessionRefusal, _ actions: inout [Action]) {
    actions.append(.refuse(stream: opening.stream, refusal))
  }

  private mutating func check(
    _ opening: ProxyOpening, _ stored: Resource?, _ context: LifecycleContext, _ actions: inout [Action]
  ) {
    if let refusal = opening.refusal(stored: stored) { return refuse(opening, refusal, &actions) }
    guard let wanted = opening.registration else { return connect(opening, context, &actions) }
    let isKnown = stored?.says(wanted) == true
    // Another control plane may be about to remove the Dataplane. The write changes its revision and so prevents that.
    if isKnown, !context.settings.isShared { return connect(opening, context, &actions) }
    begin(.opening(opening, .writing(isKnown: isKnown)), .put(wanted, .replacing(stored)), &actions)
  }

  /// Serves a proxy without the store if its mesh is known. The write is retried when the store is back.
  private mutating func serveWithoutStore(
    _ opening: ProxyOpening, _ isKnown: Bool, _ error: StoreError, _ context: LifecycleContext,
    _ actions: inout [Action]
  ) {
    switch (error.code, opening.registration) {
    case (.unavailable, _) where isKnown:
      needsRegistration = true
      connect(opening, context, &actions)
    case (.unavailable, let wanted?) where context.settings.isShared:
      begin(.opening(opening, .adopting(error)), .adopt(wanted), &actions)
    case (.meshNotFound, _):
      let mesh = proxy.mesh.printable(atMost: 63)
      refuse(
        opening,
        .temporary(
          "mesh \"\(mesh)\" does not exist; create it with kumactl apply; the proxy keeps retrying"), &actions)
    default: refuse(opening, .temporary(error.message), &actions)
    }
  }

  private mutating func connect(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    guard !context.isStopping else { return refuse(opening, .stopping, &actions) }
    guard sessions.count < Self.streamsAtMost else { return refuse(opening, .tooManyStreams(of: proxy), &actions) }
    leave = nil
    removal = nil
    insert(
      Session(
        subscription: DataplaneInsight.Subscription(
          id: opening.stream, controlPlaneInstanceId: context.settings.instance, connectTime: context.time,
          version: opening.version, peer: opening.peer),
        registration: opening.registration, traits: opening.traits, authority: opening.authority))
    begin(.opening(opening, .connecting), .connect(opening.traits), &actions)
  }

  mutating func admit(_ opening: ProxyOpening, _ context: LifecycleContext, _ actions: inout [Action]) {
    if needsRegistration, hasReturned { restoration = .anyway }
    hasReturned = false
    var metadata = ["proxy": "\(proxy)", "stream": opening.stream]
    metadata["token"] = opening.authority.tokenID?.printable(atMost: 100)
    actions += [.admit(stream: opening.stream), .touch, .log(LogLine(.info, "proxy connected", metadata))]
    let known = subscriptions(context.status)
    let claims = DataplaneInsight(subscriptions: known).claims
    let before = DataplaneInsight(subscriptions: known.filter { $0.id != opening.stream }).claims
    guard claims.count > before.count else { return }
    let list = claims.suffix(5).map { "\($0.peer?.address ?? "") since \($0.connectTime)" }.joined(separator: ", ")
    actions.append(
      .log(
        LogLine(
          .warning,
          "several proxies claim one name; all get the newest one's configuration; give each a name of its own",
          ["proxy": "\(proxy)", "claims": list])))
  }
}

extension ProxyLifecycle {
  /// How many streams one Dataplane may have. An Envoy has one, two while it is restarted; more mean that several have one name.
  static let streamsAtMost = 32
  /// How many streams may have the name of one Dataplane, with those that have not proved yet whose they are.
  static let streamsOfOneName = 2 * streamsAtMost
}

extension SessionRefusal {
  /// A Dataplane has as many streams as it may.
  fileprivate static func tooManyStreams(of proxy: ProxyID) -> SessionRefusal {
    SessionRefusal(
      code: .resourceExhausted,
      message:
        "\(proxy) has \(ProxyLifecycle.streamsAtMost) streams, the most for one Dataplane; give each proxy a name of its own"
    )
  }
}

extension WriteCondition {
  /// Writes only over what was read: a resource, or none.
  static func replacing(_ stored: Resource?) -> WriteCondition { stored.map { .revision($0.revision) } ?? .absent }
}
