public import EnvoyAPI
import MeshModel

/// The protocol of one aggregated discovery stream (ADS) as a value: events in, actions out, no I/O.
///
/// Responses follow Envoy's order: clusters, their endpoints, listeners. A cluster is removed only after Envoy has
/// acknowledged listeners that no longer name it. At most one response is being written, and at most one of each type
/// awaits its answer: a newer snapshot replaces what has not been sent. Listeners with another tracer wait until the proxy's
/// runtime is ready for them, see ``ReportingSequence``.
public struct DiscoveryStreamStateMachine: Sendable {
  /// An input of the state machine.
  public enum Event: Sendable {
    /// The proxy sent a request.
    case request(DiscoveryStreamRequest)
    /// The proxy has a new snapshot.
    case snapshotChanged(ProxySnapshot)
    /// The last response is written; the writer is ready again.
    case sent
    /// The time of a wait has passed.
    case passed(Wait)
  }

  /// An action for the caller; actions are carried out in order.
  public enum Action: Sendable {
    /// The first request identified the proxy. Nothing is sent before the first snapshot.
    indirect case nodeKnown(Envoy_Config_Core_V3_Node)
    /// Write a response, then report ``Event/sent``.
    case send(DiscoveryStreamResponse)
    /// The proxy accepted a response.
    case acknowledged(typeURL: String, version: String, nonce: String)
    /// The proxy rejected a response with a message.
    case rejected(typeURL: String, version: String, nonce: String, message: String)
    /// Report ``Event/passed(_:)`` after a time. It replaces an earlier wait for the same timer.
    case wait(Wait)
    /// End the stream. No action follows this one or a later event.
    case fail(Failure)
  }

  /// Why a stream must end.
  public struct Failure: Error, Sendable, Hashable {
    /// The kinds of failures.
    public enum Code: Sendable, Hashable {
      /// A request is invalid.
      case invalidArgument
      /// A request exceeds a limit.
      case resourceExhausted
    }
    /// What kind of failure it is.
    public let code: Code
    /// What is wrong and what to do.
    public let message: String
  }

  /// A time that the stream waits for.
  public struct Wait: Sendable, Hashable {
    /// What is waited for.
    public enum Timer: Sendable, Hashable {
      /// Every timer of the proxy's tracers has fired.
      case intervals
      /// The proxy's replaced listeners have drained.
      case drain
    }
    /// What is waited for.
    public let timer: Timer
    /// For how long.
    public let duration: Duration
    /// Tells the wait from earlier ones.
    let number: UInt64
  }

  /// How many types a stream may subscribe to; Envoy has about a dozen.
  public static let typeLimit = 32

  /// The maximum length of a type URL, in bytes.
  public static let typeURLLimit = 512

  /// How many sets of each type are remembered for a proxy's next stream.
  private static let memoryDepth = 4

  /// The variant of the stream.
  public let variant: DiscoveryVariant
  /// The proxy's id, once known.
  public private(set) var nodeID: String?

  private(set) var snapshot: ProxySnapshot?
  private(set) var subscriptions: [TypeSubscription] = []
  var reporting = ReportingSequence()
  private var remembered: [String: [ResourceSet]]
  /// Endpoints that the snapshot no longer has, of clusters that the proxy still has.
  private(set) var carriedEndpoints = ResourceSet.empty
  /// Clusters that changed on this stream before the proxy requested endpoints.
  private var redefinedClusters: Set<String> = []
  private var isWriting = false
  private(set) var isReturning = false
  private var hasFailed = false
  private var lastNonce: UInt64 = 0

  /// Makes the state of a new stream.
  ///
  /// - Parameter remembered: what the proxy held when its previous stream ended, see ``held``.
  public init(variant: DiscoveryVariant, remembered: [String: [ResourceSet]] = [:]) {
    self.variant = variant
    self.remembered = [:]
    remember(remembered)
  }

  /// The resources that the proxy may hold, by type URL: those that it acknowledged, those that were sent but not answered
  /// yet, and the endpoints that its clusters may wait for.
  public var held: [String: [ResourceSet]] {
    // A stream that ended before it reached a type passes on what the earlier stream knew.
    var sets = remembered
    for subscription in subscriptions where subscription.claim == nil {
      let known = [subscription.inFlight?.held, subscription.held].compactMap { $0 }
      let older = subscription.held == nil ? remembered[subscription.typeURL] ?? [] : []
      sets[subscription.typeURL] = Array((known + older).prefix(Self.memoryDepth))
    }
    if let snapshot {
      let needed = snapshot.endpoints.adding(missingFrom: carriedEndpoints)
      sets[ResourceTypeURL.endpoints] = Array(
        ((sets[ResourceTypeURL.endpoints] ?? []).prefix(Self.memoryDepth - 1) + [needed]))
    }
    return sets
  }

  /// The counts of sent, acknowledged and rejected responses of a type.
  public func counters(_ typeURL: String) -> DiscoveryCounters {
    subscriptions.first { $0.typeURL == typeURL }?.counters ?? DiscoveryCounters()
  }

  /// The rejected version of a type that is still withheld, with the proxy's reason.
  public func rejection(_ typeURL: String) -> (version: String, message: String)? {
    subscriptions.first { $0.typeURL == typeURL }?.rejected.map { ($0.version, $0.message) }
  }

  /// Whether no response is due or awaits its answer.
  public var isSettled: Bool {
    !isWriting && subscriptions.allSatisfy { $0.inFlight == nil && due($0) == nil }
  }

  /// Adds what the proxy held when its previous stream ended. The caller can look it up once the proxy's id is known.
  public mutating func remember(_ held: [String: [ResourceSet]]) {
    remembered = held
    carriedEndpoints = (held[ResourceTypeURL.endpoints] ?? []).reduce(.empty) { $0.adding(missingFrom: $1) }
  }

  /// Handles an event.
  public mutating func handle(_ event: Event) -> [Action] {
    guard !hasFailed else { return [] }
    var actions: [Action] = []
    switch event {
    case .request(let request):
      take(request, into: &actions)
    case .snapshotChanged(let newest):
      let earlier = snapshot?.endpoints
      snapshot = newest
      if let earlier, earlier != newest.endpoints { carryEndpoints(ofEarlier: earlier) }
    case .sent:
      isWriting = false
    case .passed(let wait):
      actions += reporting.passed(wait).map { .wait($0) }
    }
    if !hasFailed { sendNext(into: &actions) }
    return actions
  }

  // MARK: Requests

  private mutating func take(_ request: DiscoveryStreamRequest, into actions: inout [Action]) {
    if let node = request.node, !node.id.isEmpty {
      if let nodeID, nodeID != node.id {
        let (old, new) = (nodeID.printable(atMost: 100), node.id.printable(atMost: 100))
        let message = "the node id changed from \(old) to \(new); open a stream of its own for another node"
        return fail(.invalidArgument, message, into: &actions)
      }
      if nodeID == nil {
        nodeID = node.id
        if let drainTime = ProxyIntroduction.drainTime(of: node) { reporting.drainTime = drainTime }
        actions.append(.nodeKnown(node))
      }
    }
    guard nodeID != nil else {
      return fail(.invalidArgument, "the first request of a stream must carry node.id", into: &actions)
    }
    guard !request.typeURL.isEmpty else {
      return fail(.invalidArgument, "type_url is missing; on an aggregated stream it is required", into: &actions)
    }
    guard request.typeURL.utf8.count <= Self.typeURLLimit else {
      return fail(.invalidArgument, "type_url is longer than \(Self.typeURLLimit) bytes", into: &actions)
    }
    guard request.interest.variant == variant else {
      return fail(.invalidArgument, "the request is of another variant of the protocol", into: &actions)
    }
    guard let index = self.index(of: request.typeURL) else {
      guard subscriptions.count < Self.typeLimit else {
        return fail(
          .resourceExhausted, "a stream may subscribe to \(Self.typeLimit) types of resources", into: &actions)
      }
      var subscription = TypeSubscription(typeURL: request.typeURL)
      subscription.start(request)
      isReturning = isReturning || subscription.claim != nil
      // Envoy requests clusters first, unless new clusters wait for their endpoints. It seems to hold these if the stream
      // ended after the clusters were redefined.
      if request.typeURL == ResourceTypeURL.endpoints, self.index(of: ResourceTypeURL.cluster) == nil {
        subscription.answerAnyway()
        isReturning = true
      }
      if request.typeURL == ResourceTypeURL.endpoints {
        subscription.force(redefinedClusters)
        redefinedClusters = []
      }
      subscriptions.append(subscription)
      subscriptions.sort { ($0.order, $0.typeURL) < ($1.order, $1.typeURL) }
      return
    }
    switch subscriptions[index].update(request) {
    case .none: break
    case .acknowledged(let answered):
      actions.append(
        .acknowledged(typeURL: request.typeURL, version: answered.version, nonce: answered.nonce))
      if request.typeURL == ResourceTypeURL.cluster {
        carryEndpoints(ofEarlier: .empty)
        // Envoy may have rejected listeners because a cluster was missing.
        if let listeners = self.index(of: ResourceTypeURL.listener) { subscriptions[listeners].clearRejection() }
      }
      report(answered, of: subscriptions[index], isAccepted: true, into: &actions)
    case .rejected(let answered, let message):
      actions.append(
        .rejected(typeURL: request.typeURL, version: answered.version, nonce: answered.nonce, message: message))
      report(answered, of: subscriptions[index], isAccepted: false, into: &actions)
    }
  }

  private mutating func fail(_ code: Failure.Code, _ message: String, into actions: inout [Action]) {
    hasFailed = true
    actions.append(.fail(Failure(code: code, message: message)))
  }

  // MARK: Responses

  private mutating func sendNext(into actions: inout [Action]) {
    guard snapshot != nil else { return }
    resolveClaims()
    beginReporting(into: &actions)
    guard !isWriting else { return }
    for index in subscriptions.indices {
      if isHeldBack(subscriptions[index].order) { continue }
      if subscriptions[index].rejected != nil {
        subscriptions[index].clearRejection(ifHolding: target(subscriptions[index]))
      }
      guard let due = due(subscriptions[index]) else { continue }
      let typeURL = subscriptions[index].typeURL
      lastNonce &+= 1
      let nonce = String(lastNonce)
      subscriptions[index].sent(due, nonce: nonce)
      reportSending(of: subscriptions[index])
      if subscriptions[index].order == .clusters { refreshEndpoints(of: due.changed) }
      isWriting = true
      let response = DiscoveryStreamResponse(
        variant: variant, typeURL: typeURL, version: due.version, nonce: nonce,
        resources: due.resources, removed: due.removed)
      actions.append(.send(response))
      return
    }
  }

  private mutating func resolveClaims() {
    for index in subscriptions.indices where subscriptions[index].claim != nil {
      let subscription = subscriptions[index]
      let target = subscription.requested(of: snapshot?[subscription.typeURL] ?? .empty)
      let known = subscription.order == .runtime ? ReportingMode.known : remembered[subscription.typeURL] ?? []
      subscriptions[index].resolveClaim(target: target, remembered: known)
    }
  }

  /// A cluster whose definition changes waits for its endpoints again. The proxy's request for them may merge with an
  /// acknowledgement or, in the incremental variant, never come, so they are sent without a request.
  private mutating func refreshEndpoints(of clusters: [String]) {
    if let endpoints = index(of: ResourceTypeURL.endpoints) {
      subscriptions[endpoints].force(clusters)
    } else {
      redefinedClusters.formUnion(clusters)
    }
  }

  /// Keeps endpoints that the newest snapshot lacks, for clusters that the proxy has or is about to get: while a new
  /// cluster waits for endpoints, Envoy accepts no other clusters.
  private mutating func carryEndpoints(ofEarlier earlier: ResourceSet) {
    let all = earlier.adding(missingFrom: carriedEndpoints)
    guard !all.isEmpty else { return }
    let clusters = subscriptions.first { $0.typeURL == ResourceTypeURL.cluster }
    carriedEndpoints = all.filtered { endpoints in
      guard snapshot?.endpoints[endpoints.name] == nil else { return false }
      guard let clusters, let held = clusters.held else { return true }
      return held[endpoints.name] != nil || clusters.inFlight?.held[endpoints.name] != nil
    }
  }
}

extension DiscoveryStreamRequest.Interest {
  fileprivate var variant: DiscoveryVariant {
    switch self {
    case .all: .stateOfTheWorld
    case .change: .incremental
    }
  }
}
