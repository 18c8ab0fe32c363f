/// The runtime values by which the proxy reports spans, and their order with listeners.
extension DiscoveryStreamStateMachine {
  /// Whether a subscription is that of the runtime layer in the bootstrap.
  func takesModes(_ subscription: TypeSubscription) -> Bool {
    subscription.order == .runtime && subscription.names.contains(ReportingMode.name)
  }

  /// The subscription to the runtime; `nil` for a proxy that has none.
  private var runtime: TypeSubscription? { subscriptions.first.flatMap { takesModes($0) ? $0 : nil } }

  private var listeners: TypeSubscription? {
    subscriptions.first { $0.typeURL == ResourceTypeURL.listener }
  }

  /// Whether listeners that are due have to wait for the proxy's runtime.
  var waitsForRuntime: Bool {
    guard let snapshot, let runtime, let listeners, reporting.changesTracer(snapshot.reporting), due(listeners) != nil
    else { return false }
    return runtime.inFlight != nil || !reporting.admits(snapshot.reporting, held: ReportingMode(runtime.held))
  }

  /// The mode that the proxy is to have now; `nil` to leave it as it is.
  var mode: ReportingMode? {
    guard let snapshot, let runtime else { return nil }
    let state: ReportingSequence.Listeners
    if let listeners, listeners.claim == nil {
      if listeners.inFlight != nil {
        state = .unanswered
      } else if due(listeners) != nil {
        state = .due(isReady: !isBehindClusters(.listeners))
      } else {
        state = listeners.rejected == nil ? .settled : .refused
      }
    } else {
      state = .unknown
    }
    return reporting.mode(
      for: snapshot.reporting, held: ReportingMode(runtime.held), hasRuntime: runtime.wasHeld, listeners: state)
  }

  /// Begins once the proxy has asked for listeners, and what it holds is known.
  mutating func beginReporting(into actions: inout [Action]) {
    guard !reporting.hasBegun, let snapshot, let runtime, let listeners, listeners.claim == nil else { return }
    let hasListeners = listeners.wasHeld || listeners.counters.sent > 0
    let isCurrent = listeners.wasHeld && listeners.foreign.isEmpty && listeners.held == target(listeners)
    let waits = reporting.begin(
      ReportingSequence.Beginning(
        hasRuntime: runtime.wasHeld, mode: ReportingMode(runtime.held), hasListeners: hasListeners,
        reporting: isCurrent ? snapshot.reporting : nil))
    actions += waits.map { .wait($0) }
  }

  /// Records that a response is being sent.
  mutating func reportSending(of subscription: TypeSubscription) {
    switch subscription.order {
    case .runtime:
      if let mode = ReportingMode(subscription.inFlight?.held) { reporting.sent(mode) }
    case .listeners:
      if let snapshot { reporting.sentListeners(snapshot.reporting) }
    default: break
    }
  }

  /// Records the proxy's answer to a response.
  mutating func report(
    _ answered: TypeSubscription.InFlight, of subscription: TypeSubscription, isAccepted: Bool,
    into actions: inout [Action]
  ) {
    guard reporting.hasBegun || subscription.order == .runtime else { return }
    var waits: [Wait] = []
    switch subscription.order {
    case .runtime where isAccepted:
      if let mode = ReportingMode(answered.held) { waits = reporting.acknowledged(mode) }
    case .runtime: if takesModes(subscription) { reporting.refused() }
    case .listeners: waits = reporting.answeredListeners(isAccepted: isAccepted)
    default: break
    }
    actions += waits.map { .wait($0) }
  }
}
