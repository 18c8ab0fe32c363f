/// The state of one type of resources on a stream: what the proxy requested, what it holds, what is in flight.
///
/// A value without I/O; ``DiscoveryStreamStateMachine`` decides when it may send.
struct TypeSubscription: Sendable {
  /// A response that the proxy has not answered yet, and what the proxy holds once it accepts it.
  struct InFlight: Sendable {
    var nonce: String
    var version: String
    var held: ResourceSet
    var removed: [String]
    /// Names that were resent although the proxy seemed to hold them.
    var forced: Set<String>
  }

  /// A version that the proxy rejected.
  struct Rejected: Sendable {
    var version: String
    var message: String
  }

  /// What a proxy's first request says that it holds from an earlier stream.
  enum Claim: Sendable {
    case version(String)
    case resources([String: String])
  }

  let typeURL: String
  /// The type's place in the order in which types are sent.
  let order: Order
  /// Whether the proxy requested all resources.
  private(set) var isWildcard = false
  /// The requested names.
  private(set) var names: Set<String> = []
  /// The bytes of those names.
  private(set) var nameBytes = 0
  /// Whether the proxy requested more names than the limit. Then all resources are sent: a proxy must accept resources that
  /// it has not requested (Envoy's documentation of the protocol), and none of the requested ones is missing.
  private(set) var isOverflowing = false
  /// What the proxy holds; `nil` if that is unknown.
  private(set) var held: ResourceSet? = .empty
  /// Incremental: names that the proxy holds with unknown content.
  private(set) var foreign: Set<String> = []
  /// Incremental: requested names without a resource, of which the proxy has not been told yet.
  private(set) var untold: Set<String> = []
  /// What the proxy claims to hold, until it has been compared with a snapshot.
  private(set) var claim: Claim?
  /// The approximate memory, in bytes, of the claim and of ``foreign``.
  private(set) var claimCost = 0
  /// Whether the proxy claimed, with its first request, to hold something.
  private(set) var wasHeld = false
  /// Whether the proxy needs an answer even if nothing changed.
  private(set) var mustAnswer = false
  /// Names to send even if the proxy should hold them: it may have dropped them.
  private(set) var forced: Set<String> = []
  private(set) var inFlight: InFlight?
  private(set) var rejected: Rejected?
  var counters = DiscoveryCounters()

  private var lastNonce: String?
  private var hasNamed = false

  init(typeURL: String) {
    self.typeURL = typeURL
    order = Order(typeURL)
  }

  /// Whether the absence of a resource from a response removes it. This does not hold for endpoints and other named types.
  var isFullState: Bool {
    isWildcard || order == .clusters || order == .listeners
  }

  /// The requested part of a set.
  func requested(of set: ResourceSet) -> ResourceSet { takesAll ? set : set.filtered(to: names) }

  private var takesAll: Bool { isWildcard || isOverflowing }

  /// The approximate memory, in bytes, of names without a resource in a set.
  func cost(ofNamesOutside set: ResourceSet) -> Int {
    claimCost + names.reduce(0) { set[$1] == nil ? $0 + Self.nameCost + $1.utf8.count : $0 }
  }

  /// The maximum memory of all names.
  var cost: Int { nameBytes + names.count * Self.nameCost + claimCost }

  /// The memory of a name beside its bytes: its slots in sets and its object.
  private static let nameCost = 128
  /// The bytes of names without a resource in one response. A proxy that does not read holds no more of the server's memory.
  static let removedBytes = 256 << 10

  // MARK: Requests

  /// A proxy's answer to a response.
  enum Answer: Sendable {
    case none
    case acknowledged(InFlight)
    case rejected(InFlight, message: String)
  }

  /// Handles the first request of the type on a stream.
  mutating func start(_ request: DiscoveryStreamRequest) {
    isOverflowing = request.isCut
    switch request.interest {
    case .all(let names, let version):
      setNames(names)
      mustAnswer = version.isEmpty
      if !version.isEmpty { claim(.version(version)) }
    case .change(let subscribe, let unsubscribe, let initialVersions):
      if subscribe.isEmpty { isWildcard = true }
      change(subscribe: subscribe, unsubscribe: unsubscribe, initialVersions: initialVersions)
      mustAnswer = isWildcard && initialVersions.isEmpty
      if !initialVersions.isEmpty { claim(.resources(initialVersions)) }
    }
  }

  /// Handles a later request of the type.
  mutating func update(_ request: DiscoveryStreamRequest) -> Answer {
    let answer = settle(nonce: request.nonce, rejection: request.rejection)
    switch request.interest {
    case .all(let newNames, let version):
      let before = names
      let wasWildcard = isWildcard
      setNames(newNames)
      isOverflowing = request.isCut
      let isRepeat = inFlight == nil && (request.nonce.isEmpty || request.nonce == lastNonce)
      guard case .none = answer, isRepeat, request.rejection == nil else { break }
      // The proxy repeats its request although nothing was sent since: an updated cluster waits for its endpoints, even
      // though their version is unchanged (Envoy's documentation of the protocol, "resource warming").
      if !isFullState, isWildcard == wasWildcard, !names.isEmpty, names == before {
        mustAnswer = true
      } else if isFullState, version.isEmpty, request.nonce.isEmpty {
        mustAnswer = true
      }
    case .change(let subscribe, let unsubscribe, _):
      change(subscribe: subscribe, unsubscribe: unsubscribe, initialVersions: [:])
      isOverflowing = isOverflowing || request.isCut
      mustAnswer = mustAnswer || request.isCut
    }
    dropUnrequested()
    return answer
  }

  private mutating func settle(nonce: String, rejection: String?) -> Answer {
    guard let answered = inFlight, !nonce.isEmpty, answered.nonce == nonce else { return .none }
    inFlight = nil
    if let rejection {
      rejected = Rejected(version: answered.version, message: rejection)
      // It still lacks what it may have dropped.
      if !answered.forced.isEmpty { held = held?.filtered { !answered.forced.contains($0.name) } }
      counters.rejected &+= 1
      return .rejected(answered, message: rejection)
    }
    held = answered.held
    foreign.subtract(answered.removed)
    foreign = foreign.filter { answered.held[$0] == nil }
    countForeign()
    rejected = nil
    counters.acknowledged &+= 1
    return .acknowledged(answered)
  }

  private mutating func setNames(_ list: [String]) {
    var set = Set(list)
    let hasStar = set.remove("*") != nil
    // An empty list means all resources only until the proxy names one.
    isWildcard = hasStar || (set.isEmpty && !hasNamed)
    hasNamed = hasNamed || !list.isEmpty
    names = set
    nameBytes = set.reduce(0) { $0 + $1.utf8.count }
  }

  private mutating func remember(_ name: String) -> Bool {
    if names.contains(name) { return true }
    let limits = DiscoveryRequestReader.Limits()
    guard names.count < limits.names, name.utf8.count <= limits.nameBytes - nameBytes else {
      isOverflowing = true
      return false
    }
    names.insert(name)
    nameBytes += name.utf8.count
    return true
  }

  private mutating func change(subscribe: [String], unsubscribe: [String], initialVersions: [String: String]) {
    for name in unsubscribe {
      if name == "*" { isWildcard = false } else if names.remove(name) != nil { nameBytes -= name.utf8.count }
      forced.remove(name)
      untold.remove(name)
    }
    for name in subscribe {
      if name == "*" {
        isWildcard = true
        mustAnswer = true
        continue
      }
      guard remember(name) else {
        // The names cannot be told apart later, so the whole request is answered.
        mustAnswer = true
        continue
      }
      // A name must be answered even if the proxy had it before: it may have dropped it.
      if initialVersions[name] == nil {
        forced.insert(name)
        untold.insert(name)
      }
    }
  }

  private mutating func dropUnrequested() {
    guard !takesAll else { return }
    held = held?.filtered(to: names)
    foreign.formIntersection(names)
    countForeign()
  }

  private mutating func claim(_ claim: Claim) {
    self.claim = claim
    if case .resources(let versions) = claim {
      claimCost = versions.reduce(0) { $0 + Self.nameCost + $1.key.utf8.count + $1.value.utf8.count }
    }
    wasHeld = true
    held = nil
  }

  /// Counts the memory of ``foreign``, if there was a claim.
  private mutating func countForeign() {
    if claim == nil, claimCost > 0 { claimCost = foreign.reduce(0) { $0 + Self.nameCost + $1.utf8.count } }
  }

  // MARK: Claims

  /// Compares what the proxy claims to hold with its target and with the sets of its earlier stream.
  mutating func resolveClaim(target: ResourceSet, remembered: [ResourceSet]) {
    guard let claim else { return }
    self.claim = nil
    switch claim {
    case .version(let version):
      let candidates = [target] + remembered.map { requested(of: $0) }
      held = candidates.first { $0.version == version }
    case .resources(let versions):
      let all = ([target] + remembered).reduce(ResourceSet.empty) { known, candidate in
        known.adding(missingFrom: candidate.filtered { versions[$0.name] == $0.version })
      }
      held = all
      foreign = Set(versions.keys.filter { all[$0] == nil && (takesAll || names.contains($0)) })
      countForeign()
    }
  }

  // MARK: Responses

  /// A response that is due.
  struct Due: Sendable {
    var version: String
    var resources: [EncodedResource]
    var removed: [String]
    var held: ResourceSet
    /// The names whose content changes.
    var changed: [String]
  }

  /// The response that brings the proxy to the target, which contains only requested resources.
  ///
  /// - Parameter mayRemove: whether resources with unknown content may be removed now.
  func due(target: ResourceSet, variant: DiscoveryVariant, mayRemove: Bool) -> Due? {
    guard inFlight == nil, claim == nil else { return nil }
    // A rejected version is not sent again.
    if let rejected, rejected.version == target.version { return nil }
    // The common case at most changes.
    if held == target, !mustAnswer, forced.isEmpty, foreign.isEmpty, untold.isEmpty { return nil }
    let differing = held.map { target.names(differingFrom: $0) } ?? target.resources.map(\.name)
    switch variant {
    case .stateOfTheWorld:
      let isChanged = isFullState ? held != target : (held == nil || !differing.isEmpty)
      let isForced = forced.contains { target[$0] != nil }
      guard mustAnswer || isChanged || isForced else { return nil }
      var resources = target.resources
      // Of types whose absence removes nothing, only what changed has to be sent (Envoy's documentation of the protocol, "grouping
      // resources into responses"). A proxy that calls a thousand services needs the endpoints of one when a pod goes.
      if !isFullState, !mustAnswer, held != nil {
        let changed = Set(differing)
        resources = resources.filter { changed.contains($0.name) || forced.contains($0.name) }
      }
      return Due(version: target.version, resources: resources, removed: [], held: target, changed: differing)
    case .incremental:
      let changed = Set(differing)
      let upserts = target.resources.filter { changed.contains($0.name) || forced.contains($0.name) }
      var removed = Set((held ?? .empty).resources.lazy.map(\.name).filter { target[$0] == nil })
      var room = Self.removedBytes
      if mayRemove { removed.formUnion(Self.part(of: foreign, outside: target, &room)) }
      removed.formUnion(Self.part(of: untold, outside: target, &room))
      guard mustAnswer || !upserts.isEmpty || !removed.isEmpty else { return nil }
      return Due(
        version: target.version, resources: upserts, removed: removed.sorted(), held: target, changed: differing)
    }
  }

  /// As many names without a resource as there is room for; the others are in a later response.
  private static func part(of names: Set<String>, outside target: ResourceSet, _ room: inout Int) -> [String] {
    var part: [String] = []
    for name in names where target[name] == nil {
      guard room > 0 else { break }
      room -= name.utf8.count
      part.append(name)
    }
    return part
  }

  /// Records that the due response is being sent.
  mutating func sent(_ due: Due, nonce: String) {
    inFlight = InFlight(nonce: nonce, version: due.version, held: due.held, removed: due.removed, forced: forced)
    lastNonce = nonce
    mustAnswer = false
    forced = []
    let told = Set(due.removed)
    untold = untold.filter { due.held[$0] == nil && !told.contains($0) }
    counters.sent &+= 1
  }

  /// Sends resources again, if they are requested.
  mutating func force(_ changed: some Sequence<String>) {
    for name in changed where takesAll || names.contains(name) { forced.insert(name) }
  }

  /// Answers the proxy although it seems to hold the target.
  mutating func answerAnyway() {
    mustAnswer = true
    forced.formUnion(names)
  }

  /// Allows a rejected version to be sent again, because a dependency changed.
  mutating func clearRejection() { rejected = nil }

  /// Clears a rejection that no longer matters because the proxy holds the target.
  mutating func clearRejection(ifHolding target: ResourceSet) {
    if rejected != nil, held == target, foreign.isEmpty { rejected = nil }
  }
}
