import EnvoyAPI
import MeshTestSupport
import MeshXDS

/// A model of what Envoy does with discovery responses, joined to a stream by two lossless queues.
///
/// As Envoy does, it asks for the endpoints of its `eds` clusters, accepts clusters only when the new ones have got
/// endpoints, and forgets the endpoints of a cluster that is redefined. Clusters are named in listeners' texts.
struct SimulatedProxy {
  let variant: DiscoveryVariant
  private(set) var clusters: [String: EncodedResource] = [:]
  private(set) var endpoints: [String: EncodedResource] = [:]
  private(set) var listeners: [String: EncodedResource] = [:]
  /// What must never happen and did.
  private(set) var faults: [String] = []
  /// Requests on their way to the control plane.
  var outbox: [DiscoveryStreamRequest] = []

  private var warming: Set<String> = []
  /// Incremental: versions of endpoints as last received, even if a redefined cluster has forgotten them.
  private var received: [String: String] = [:]
  private var subscribed: Set<String> = []
  private var versions: [Kind: String] = [:]
  private var nonces: [Kind: String] = [:]
  private var withheld: DiscoveryStreamRequest?
  private var isInitial = true

  init(variant: DiscoveryVariant) { self.variant = variant }

  private var discovered: Set<String> { Set(clusters.values.lazy.filter { $0.text.hasPrefix("eds") }.map(\.name)) }

  /// Says what the proxy holds and waits for, for messages of tests.
  var summary: String {
    "clusters \(clusters.keys.sorted()) warming \(warming.sorted()) listeners \(listeners.mapValues(\.text))"
  }

  /// Opens a new stream: whatever was under way is lost.
  mutating func connect() {
    outbox = []
    withheld = nil
    nonces = [:]
    subscribed = discovered
    let first = introduction(.cds, clusters.mapValues(\.version))
    // As long as new clusters wait for their endpoints, Envoy does not ask for clusters.
    if warming.isEmpty { outbox.append(first) } else { withheld = first }
    if !subscribed.isEmpty { outbox.append(introduction(.eds, received)) }
    outbox.append(introduction(.lds, listeners.mapValues(\.version)))
  }

  private func introduction(_ kind: Kind, _ held: [String: String]) -> DiscoveryStreamRequest {
    var request = request(kind)
    if variant == .incremental {
      let names = kind == .eds ? subscribed.sorted() : []
      request.interest = .change(subscribe: names, unsubscribe: [], initialVersions: held)
    }
    return request
  }

  /// Does what Envoy does when endpoints do not come for 15 seconds: goes on without.
  mutating func giveUpWaiting() {
    warming = []
    guard let ready = withheld else { return }
    withheld = nil
    outbox.append(ready)
  }

  /// Takes a response. With `refuse` it is rejected and nothing is applied.
  mutating func receive(_ response: DiscoveryStreamResponse, refuse: Bool) {
    guard let kind = Kind(typeURL: response.typeURL) else { return }
    nonces[kind] = response.nonce
    if refuse { return answer(kind, rejection: "refused") }
    versions[kind] = response.version
    switch kind {
    case .cds:
      let before = clusters
      apply(response, to: &clusters)
      let changed = clusters.values.filter { $0.contentHash != before[$0.name]?.contentHash }.map(\.name)
      let fresh = discovered.intersection(changed)
      for name in fresh { endpoints[name] = nil }
      endpoints = endpoints.filter { clusters[$0.key] != nil }
      warming = warming.union(fresh).intersection(clusters.keys)
      askForEndpoints(fresh)
      // While it starts, Envoy accepts clusters at once; later when all have got endpoints.
      if warming.isEmpty || isInitial { answer(.cds) } else { withheld = request(.cds) }
      isInitial = false
    case .eds:
      var all = endpoints
      apply(response, to: &all)
      endpoints = all.filter { subscribed.contains($0.key) }
      answer(.eds)
      for resource in response.resources {
        warming.remove(resource.name)
        received[resource.name] = resource.version
      }
      if warming.isEmpty, let ready = withheld {
        withheld = nil
        outbox.append(ready)
      }
    case .lds, .rds:
      apply(response, to: &listeners)
      answer(.lds)
    }
    check(after: kind)
  }

  private func apply(_ response: DiscoveryStreamResponse, to resources: inout [String: EncodedResource]) {
    if variant == .stateOfTheWorld && response.typeURL != Kind.eds.typeURL { resources = [:] }
    for resource in response.resources { resources[resource.name] = resource }
    for name in response.removed { resources[name] = nil }
  }

  private mutating func check(after kind: Kind) {
    for listener in listeners.values {
      for cluster in listener.text.split(separator: ",").dropFirst() where clusters[String(cluster)] == nil {
        faults.append("after \(kind), \(listener.name) names \(cluster), which is not there")
      }
    }
  }

  // MARK: Requests

  private mutating func askForEndpoints(_ fresh: Set<String>) {
    let wanted = discovered
    let before = subscribed
    subscribed = wanted
    switch variant {
    case .stateOfTheWorld:
      if wanted != before || !fresh.isEmpty { outbox.append(request(.eds)) }
    case .incremental:
      let more = wanted.subtracting(before)
      let less = before.subtracting(wanted)
      for name in less { received[name] = nil }
      if !more.isEmpty || !less.isEmpty { ask(.eds, subscribe: more.sorted(), unsubscribe: less.sorted()) }
    }
  }

  private mutating func answer(_ kind: Kind, rejection: String? = nil) {
    var request = request(kind)
    request.rejection = rejection
    outbox.append(request)
  }

  private func request(_ kind: Kind) -> DiscoveryStreamRequest {
    let interest: DiscoveryStreamRequest.Interest =
      switch variant {
      case .stateOfTheWorld: .all(names: kind == .eds ? subscribed.sorted() : [], version: versions[kind] ?? "")
      case .incremental: .change(subscribe: [], unsubscribe: [], initialVersions: [:])
      }
    return DiscoveryStreamRequest(node: node, typeURL: kind.typeURL, nonce: nonces[kind] ?? "", interest: interest)
  }

  private mutating func ask(_ kind: Kind, subscribe: [String], unsubscribe: [String]) {
    outbox.append(
      DiscoveryStreamRequest(
        node: node, typeURL: kind.typeURL,
        interest: .change(subscribe: subscribe, unsubscribe: unsubscribe, initialVersions: [:])))
  }

  private var node: Envoy_Config_Core_V3_Node {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "n"
    return node
  }
}

/// A control plane's side of the simulation, with the queue of responses to the proxy.
struct DiscoverySimulation {
  var generator: SeededGenerator
  var proxy: SimulatedProxy
  private(set) var newest: ProxySnapshot
  private var machine: DiscoveryStreamStateMachine
  private var responses: [DiscoveryStreamResponse] = []
  private var isWriting = false
  /// The types of all responses so far.
  private(set) var sent: [Kind] = []
  /// What happened, for messages of tests.
  private(set) var trace: [String] = []
  /// How many of a hundred responses the proxy refuses.
  var refusals = 0

  init(variant: DiscoveryVariant, seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    proxy = SimulatedProxy(variant: variant)
    machine = DiscoveryStreamStateMachine(variant: variant)
    newest = .words()
    change()
    proxy.connect()
  }

  /// One thing that may happen, at random.
  mutating func step() {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<30: deliverRequest()
    case 30..<60: deliverResponse()
    case 60..<85: finishWriting()
    case 85..<97: change()
    default: reconnect(restart: false)
    }
  }

  /// Lets everything that is under way arrive. Returns whether that came to an end.
  ///
  /// - Parameter untilTimeout: whether time passes until the proxy waits no longer for endpoints.
  mutating func settle(untilTimeout: Bool = false) -> Bool {
    for _ in 0..<1_000 {
      if proxy.outbox.isEmpty && responses.isEmpty && !isWriting {
        if machine.isSettled || !untilTimeout { return machine.isSettled }
        proxy.giveUpWaiting()
      }
      finishWriting()
      deliverRequest()
      deliverResponse()
    }
    return false
  }

  /// The proxy opens a new stream; with `restart` the control plane has forgotten everything.
  mutating func reconnect(restart: Bool) {
    note("reconnect")
    let held = machine.held
    machine = DiscoveryStreamStateMachine(variant: proxy.variant, remembered: restart ? [:] : held)
    responses = []
    isWriting = false
    handle(.snapshotChanged(newest))
    proxy.connect()
  }

  /// A new snapshot: some clusters, some with endpoints of their own, and listeners that name some of them.
  mutating func change() {
    var clusters: [EncodedResource] = []
    var endpoints: [EncodedResource] = []
    for name in ["a", "b", "c", "d", "e"] where Bool.random(using: &generator) {
      let definition = Int.random(in: 1...2, using: &generator)
      let isDiscovered = name != "d" && name != "e"
      clusters.append(.text(.cds, name, "\(isDiscovered ? "eds" : "static")\(definition)"))
      if isDiscovered {
        endpoints.append(.text(.eds, name, "port\(Int.random(in: 1...3, using: &generator))"))
      }
    }
    var listeners: [EncodedResource] = []
    for name in ["l", "m"] where Bool.random(using: &generator) {
      let named = clusters.filter { _ in Bool.random(using: &generator) }.map(\.name)
      listeners.append(.text(.lds, name, (["x"] + named).joined(separator: ",")))
    }
    newest = ProxySnapshot(
      clusters: ResourceSet(clusters), endpoints: ResourceSet(endpoints), listeners: ResourceSet(listeners))
    let words = [newest.clusters, newest.endpoints, newest.listeners].map { set in
      set.resources.map { "\($0.name)=\($0.text)" }.joined(separator: " ")
    }
    note("snapshot " + words.joined(separator: " / "))
    handle(.snapshotChanged(newest))
  }

  /// The trace ends where something first went wrong.
  private mutating func note(_ line: String) {
    if proxy.faults.isEmpty { trace.append(line) }
  }

  private mutating func deliverRequest() {
    guard !proxy.outbox.isEmpty else { return }
    let request = proxy.outbox.removeFirst()
    note("request \(Kind(typeURL: request.typeURL)?.rawValue ?? "") #\(request.nonce) \(request.interest)")
    handle(.request(request))
  }

  private mutating func deliverResponse() {
    guard !responses.isEmpty else { return }
    let refuse = Int.random(in: 0..<100, using: &generator) < refusals
    let response = responses.removeFirst()
    note("\(refuse ? "refused" : "arrived") #\(response.nonce)")
    proxy.receive(response, refuse: refuse)
  }

  private mutating func finishWriting() {
    guard isWriting else { return }
    isWriting = false
    handle(.sent)
  }

  private mutating func handle(_ event: DiscoveryStreamStateMachine.Event) {
    for case .send(let response) in machine.handle(event) {
      precondition(!isWriting, "a second response before the first was written")
      isWriting = true
      let names = response.resources.map { "\($0.name)=\($0.text)" } + response.removed.map { "-" + $0 }
      note("send \(response.typeURL.split(separator: ".").last ?? "") #\(response.nonce) \(names)")
      if let kind = Kind(typeURL: response.typeURL) { sent.append(kind) }
      responses.append(response)
    }
  }
}
