/// What the proxy is to have of each type, and which types wait for others.
extension DiscoveryStreamStateMachine {
  /// Whether a type must wait for others.
  func isHeldBack(_ order: TypeSubscription.Order) -> Bool {
    isBehindClusters(order) || (order == .listeners && waitsForRuntime)
  }

  /// Whether a type must wait for clusters or endpoints. Endpoints follow clusters at once, since Envoy accepts clusters only
  /// after it has received the endpoints of all new ones (seen with 1.40). Listeners wait until it has accepted both, and the secrets
  /// of clusters. Secrets wait for nothing: clusters wait for them.
  func isBehindClusters(_ order: TypeSubscription.Order) -> Bool {
    guard order == .endpoints || order == .listeners else { return false }
    // A proxy whose new clusters wait for endpoints requests clusters later, but needs them before listeners.
    if order == .listeners, index(of: ResourceTypeURL.cluster) == nil,
      index(of: ResourceTypeURL.endpoints) != nil || index(of: ResourceTypeURL.secret) != nil
    {
      return true
    }
    for subscription in subscriptions where subscription.order < order && subscription.order != .runtime {
      if order == .listeners, subscription.inFlight != nil { return true }
      if due(subscription) != nil { return true }
    }
    return false
  }

  func due(_ subscription: TypeSubscription) -> TypeSubscription.Due? {
    guard snapshot != nil else { return nil }
    if takesModes(subscription) {
      return mode.flatMap { subscription.due(target: $0.resources, variant: variant, mayRemove: false) }
    }
    return subscription.due(target: target(subscription), variant: variant, mayRemove: mayRemove(subscription.typeURL))
  }

  /// The resources of a type that the proxy should hold now: those of the snapshot, and those that its present listeners
  /// or clusters may still need.
  func target(_ subscription: TypeSubscription) -> ResourceSet {
    guard let snapshot else { return .empty }
    var source = snapshot[subscription.typeURL]
    if subscription.order == .endpoints { source = source.adding(missingFrom: carriedEndpoints) }
    let wanted = subscription.requested(of: source)
    guard let held = subscription.held, held != wanted else { return wanted }
    switch subscription.order {
    case .clusters:
      if listenersAreSettled { return wanted }
      var clusters = wanted
      // The present tracer sends to this address as long as it has to.
      if waitsForRuntime {
        clusters = held.filtered { EnvoyNames.isTracingCluster($0.name) }.adding(missingFrom: wanted)
      }
      return clusters.adding(missingFrom: subscription.requested(of: held))
    case .endpoints where variant == .incremental:
      guard let clusters = subscriptions.first(where: { $0.typeURL == ResourceTypeURL.cluster })?.held else {
        return wanted
      }
      return wanted.adding(missingFrom: held.filtered { clusters[$0.name] != nil })
    case .secrets:
      // The proxy drops the request for a secret with the last cluster that names it. Until then the cluster needs it.
      return wanted.adding(missingFrom: held)
    default:
      return wanted
    }
  }

  private func mayRemove(_ typeURL: String) -> Bool {
    switch typeURL {
    case ResourceTypeURL.cluster, ResourceTypeURL.endpoints: listenersAreSettled
    default: true
    }
  }

  /// Whether the proxy has the snapshot's listeners, so that none names a withdrawn cluster.
  private var listenersAreSettled: Bool {
    guard let snapshot else { return false }
    guard let listeners = subscriptions.first(where: { $0.typeURL == ResourceTypeURL.listener }) else {
      // A new proxy has no listeners; a proxy that reconnects has those of its earlier stream.
      return !isReturning
    }
    guard listeners.inFlight == nil, listeners.claim == nil, let held = listeners.held else { return false }
    return listeners.foreign.isEmpty && held == listeners.requested(of: snapshot.listeners)
  }

  func index(of typeURL: String) -> Int? { subscriptions.firstIndex { $0.typeURL == typeURL } }
}
