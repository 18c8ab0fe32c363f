import EnvoyAPI
import Foundation
import MeshTestSupport
import MeshXDS
import ProxySimulation
import SwiftProtobuf

extension EncodedResource {
  /// A cluster; one that is discovered needs endpoints.
  static func cluster(_ name: String, isDiscovered: Bool, definition: Int) -> EncodedResource {
    var cluster = Envoy_Config_Cluster_V3_Cluster()
    cluster.name = name
    cluster.type = isDiscovered ? .eds : .static
    cluster.altStatName = String(definition)
    return encoded(.cds, name, cluster)
  }

  static func endpoints(_ name: String, port: UInt32) -> EncodedResource {
    var endpoint = Envoy_Config_Endpoint_V3_LbEndpoint()
    endpoint.endpoint.address.socketAddress.portValue = port
    var assignment = Envoy_Config_Endpoint_V3_ClusterLoadAssignment()
    assignment.clusterName = name
    assignment.endpoints = [.with { $0.lbEndpoints = [endpoint] }]
    return encoded(.eds, name, assignment)
  }

  /// A listener that names clusters.
  static func listener(_ name: String, clusters: [String]) -> EncodedResource {
    var listener = Envoy_Config_Listener_V3_Listener()
    listener.name = name
    listener.statPrefix = clusters.joined(separator: ",")
    return encoded(.lds, name, listener)
  }

  /// The name, and what tells its content from others.
  var note: String { "\(name)=\(version.prefix(6))" }

  private static func encoded(_ kind: Kind, _ name: String, _ message: any Message) -> EncodedResource {
    EncodedResource(name: name, typeURL: kind.typeURL, bytes: (try? message.serializedData(partial: true)) ?? Data())
  }
}

/// A simulated Envoy that is joined to a stream by two lossless queues.
struct SimulatedProxy {
  let variant: DiscoveryVariant
  /// What must never happen and did.
  private(set) var faults: [String] = []
  /// Requests on their way to the control plane.
  var outbox: [DiscoveryStreamRequest] = []
  private var envoy: SimulatedEnvoy
  private var names = ResourceNames()
  private var node = Envoy_Config_Core_V3_Node()

  init(variant: DiscoveryVariant) {
    self.variant = variant
    envoy = SimulatedEnvoy(isIncremental: variant == .incremental, waitsForEndpoints: true)
    node.id = "n"
  }

  /// What it holds of a kind.
  func held(_ kind: Kind) -> ResourceSet {
    let contents = envoy.held[kind.typeURL]?.contents ?? [:]
    return ResourceSet(contents.map { EncodedResource(name: $0, typeURL: kind.typeURL, bytes: $1) })
  }

  /// Says what the proxy holds and waits for, for messages of tests.
  var summary: String {
    "clusters \(held(.cds).resources.map(\.name)) warming \(envoy.warming.sorted()) listeners \(namedClusters)"
  }

  /// Opens a new stream: whatever was under way is lost.
  mutating func connect() {
    outbox = []
    send(envoy.connect())
  }

  /// Does what Envoy does when endpoints do not come for 15 seconds: goes on without.
  mutating func giveUpWaiting() { send(envoy.stopWaiting()) }

  /// Takes a response. With `refuse` it is rejected and nothing is applied.
  mutating func receive(_ response: DiscoveryStreamResponse, refuse: Bool) {
    do {
      let message = try decoded(response.serialized())
      send(try envoy.take(message, refusal: refuse ? "refused" : nil, names: &names))
    } catch {
      faults.append("\(response.typeURL) cannot be decoded: \(error)")
    }
    let clusters = envoy.held[Kind.cds.typeURL]?.contents ?? [:]
    for (listener, named) in namedClusters {
      for cluster in named where clusters[cluster] == nil {
        faults.append("after \(response.typeURL), \(listener) names \(cluster), which is not there")
      }
    }
  }

  private func decoded(_ bytes: [UInt8]) throws -> SimulatedResponse {
    switch variant {
    case .stateOfTheWorld: WholeStateVariant.decode(try .init(serializedBytes: bytes))
    case .incremental: IncrementalVariant.decode(try .init(serializedBytes: bytes))
    }
  }

  private mutating func send(_ requests: [SimulatedRequest]) {
    outbox += requests.map { request in
      switch variant {
      case .stateOfTheWorld: DiscoveryStreamRequest(WholeStateVariant.encode(request, node: node))
      case .incremental: DiscoveryStreamRequest(IncrementalVariant.encode(request, node: node))
      }
    }
  }

  /// The clusters that each listener names.
  private var namedClusters: [String: [String]] {
    (envoy.held[Kind.lds.typeURL]?.contents ?? [:]).mapValues { bytes in
      let listener = try? Envoy_Config_Listener_V3_Listener(serializedBytes: bytes)
      return listener?.statPrefix.split(separator: ",").map(String.init) ?? ["(unreadable)"]
    }
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
      clusters.append(.cluster(name, isDiscovered: isDiscovered, definition: definition))
      if isDiscovered { endpoints.append(.endpoints(name, port: UInt32.random(in: 1...3, using: &generator))) }
    }
    var listeners: [EncodedResource] = []
    for name in ["l", "m"] where Bool.random(using: &generator) {
      let named = clusters.filter { _ in Bool.random(using: &generator) }.map(\.name)
      listeners.append(.listener(name, clusters: named))
    }
    newest = ProxySnapshot(
      clusters: ResourceSet(clusters), endpoints: ResourceSet(endpoints), listeners: ResourceSet(listeners))
    let words = [newest.clusters, newest.endpoints, newest.listeners].map { set in
      set.resources.map(\.note).joined(separator: " ")
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
      let names = response.resources.map(\.note) + response.removed.map { "-" + $0 }
      note("send \(response.typeURL.split(separator: ".").last ?? "") #\(response.nonce) \(names)")
      if let kind = Kind(typeURL: response.typeURL) { sent.append(kind) }
      responses.append(response)
    }
  }
}
