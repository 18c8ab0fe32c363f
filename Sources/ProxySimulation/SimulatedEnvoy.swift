import Foundation

/// A response of either variant, as far as a proxy acts on it.
package struct SimulatedResponse {
  var typeURL: String
  var version: String
  var nonce: String
  var resources: [Data]
  /// The version of each resource, in the incremental variant; empty in the other.
  var resourceVersions: [String] = []
  var removed: [String]
}

/// A request of either variant.
package struct SimulatedRequest: Sendable {
  var typeURL: String
  var version = ""
  var nonce = ""
  /// All that is subscribed to by name, in the variant that sends whole states; empty for everything.
  var names: [String] = []
  /// What is subscribed to from now on, in the incremental variant.
  var subscribe: [String] = []
  var unsubscribe: [String] = []
  /// The versions of what is held from an earlier stream, by name: in a type's first request of the incremental variant.
  var heldVersions: [String: String] = [:]
  /// Why the response was refused.
  var refusal: String?
}

/// What Envoy does with discovery responses, as a value: responses in, requests out.
///
/// As Envoy does, it subscribes to the endpoints of the clusters that need them, acknowledges clusters only when the new
/// ones have endpoints, except while it starts, and drops the endpoints of a cluster that is redefined.
package struct SimulatedEnvoy: Sendable {
  package let isIncremental: Bool
  /// What it holds, by type.
  package private(set) var held: [String: HeldResources] = [:]
  /// New clusters whose endpoints are not there yet.
  package private(set) var warming: Set<String> = []
  private let waitsForEndpoints: Bool
  /// The layer of the runtime that is discovered.
  private let runtimeLayer: String?
  /// Whether it asks for nothing else until it has a runtime, as at its start.
  package private(set) var isAwaitingRuntime = false
  /// Clusters that need endpoints.
  private var discovered: Set<String> = []
  /// Clusters to whose endpoints this stream is subscribed.
  private var subscribed: Set<String> = []
  private var nonces: [String: String] = [:]
  /// The request for clusters that is sent when all have endpoints.
  private var withheld: SimulatedRequest?
  private var isStarting = true

  /// Creates a proxy that holds nothing.
  ///
  /// - Parameters:
  ///   - waitsForEndpoints: whether clusters are acknowledged only when they have endpoints. Then somebody has to call
  ///     ``stopWaiting()`` after a time, as Envoy's timer does.
  ///   - runtimeLayer: the layer of the runtime that is discovered; `nil` for a bootstrap without one.
  package init(isIncremental: Bool, waitsForEndpoints: Bool, runtimeLayer: String? = nil) {
    self.isIncremental = isIncremental
    self.waitsForEndpoints = waitsForEndpoints
    self.runtimeLayer = runtimeLayer
  }

  /// Opens a new stream, and gives its first requests. They say what is held from earlier streams.
  package mutating func connect() -> [SimulatedRequest] {
    withheld = nil
    nonces = [:]
    subscribed = discovered
    guard runtimeLayer != nil else { return introductions() }
    // A starting Envoy fetches its runtime first.
    isAwaitingRuntime = held[SimulatedType.runtime] == nil && held[SimulatedType.clusters] == nil
    return [introduction(SimulatedType.runtime)] + (isAwaitingRuntime ? [] : introductions())
  }

  /// Goes on without a runtime that has not come.
  package mutating func startWithoutRuntime() -> [SimulatedRequest] {
    guard isAwaitingRuntime else { return [] }
    isAwaitingRuntime = false
    return introductions()
  }

  private mutating func introductions() -> [SimulatedRequest] {
    var requests: [SimulatedRequest] = []
    // As long as new clusters wait for their endpoints, Envoy does not ask for clusters.
    let first = introduction(SimulatedType.clusters)
    if warming.isEmpty { requests.append(first) } else { withheld = first }
    if !subscribed.isEmpty { requests.append(introduction(SimulatedType.endpoints)) }
    requests.append(introduction(SimulatedType.listeners))
    return requests
  }

  /// Goes on without the endpoints that have not come.
  package mutating func stopWaiting() -> [SimulatedRequest] {
    warming = []
    return releaseWithheld()
  }

  /// Takes a response, and gives the requests that follow from it.
  ///
  /// - Parameter refusal: why the response is refused; nothing of it is applied then.
  /// - Throws: when a resource is not what its type says.
  package mutating func take(
    _ response: SimulatedResponse, refusal: String? = nil, names: inout ResourceNames
  ) throws -> [SimulatedRequest] {
    let type = response.typeURL
    nonces[type] = response.nonce
    if let refusal {
      var answer = request(type)
      answer.refusal = refusal
      return [answer] + (type == SimulatedType.runtime ? startWithoutRuntime() : [])
    }
    let versions = response.resourceVersions
    let resources = try response.resources.enumerated().map { index, bytes in
      (try names.describe(bytes, typeURL: type), versions.indices.contains(index) ? versions[index] : nil)
    }
    switch type {
    case SimulatedType.clusters: return takeClusters(response, resources)
    case SimulatedType.endpoints: return takeEndpoints(response, resources)
    case SimulatedType.runtime:
      apply(response, resources)
      return [request(type)] + startWithoutRuntime()
    default:
      apply(response, resources)
      return [request(type)]
    }
  }

  /// A resource of a response, and its version in the incremental variant.
  private typealias Resource = (description: ResourceNames.Description, version: String?)

  private mutating func takeClusters(_ response: SimulatedResponse, _ resources: [Resource]) -> [SimulatedRequest] {
    let clusters = resources.lazy.map(\.description)
    let fresh = Set(
      clusters.lazy.filter { [before = held[response.typeURL]?.contents] in
        $0.needsEndpoints && before?[$0.name] != $0.bytes
      }.map(\.name))
    apply(response, resources)
    if !isIncremental { discovered = [] }
    discovered.formUnion(clusters.lazy.filter(\.needsEndpoints).map(\.name))
    discovered.subtract(clusters.lazy.filter { !$0.needsEndpoints }.map(\.name))
    discovered.subtract(response.removed)
    for name in held[SimulatedType.endpoints]?.contents.keys.filter({ fresh.contains($0) || !discovered.contains($0) })
      ?? []
    {
      held[SimulatedType.endpoints]?.contents[name] = nil
    }
    if waitsForEndpoints { warming = warming.union(fresh).intersection(discovered) }
    var requests = subscribeToEndpoints(fresh)
    if warming.isEmpty || isStarting {
      requests.append(request(response.typeURL))
    } else {
      withheld = request(response.typeURL)
    }
    isStarting = false
    return requests
  }

  private mutating func takeEndpoints(_ response: SimulatedResponse, _ resources: [Resource]) -> [SimulatedRequest] {
    let wanted = subscribed
    apply(response, resources.filter { wanted.contains($0.description.name) })
    warming.subtract(resources.lazy.map(\.description.name))
    return [request(response.typeURL)] + (warming.isEmpty ? releaseWithheld() : [])
  }

  private mutating func releaseWithheld() -> [SimulatedRequest] {
    defer { withheld = nil }
    return withheld.map { [$0] } ?? []
  }

  private mutating func apply(_ response: SimulatedResponse, _ resources: [Resource]) {
    var all = held.removeValue(forKey: response.typeURL) ?? HeldResources()
    // A whole state replaces what is held, except for endpoints, of which a response may bring some only.
    if !isIncremental, response.typeURL != SimulatedType.endpoints { all.contents = [:] }
    for (resource, version) in resources {
      all.contents[resource.name] = resource.bytes
      if let version { all.versions[resource.name] = version }
    }
    for name in response.removed {
      all.contents[name] = nil
      all.versions[name] = nil
    }
    all.version = response.version
    held[response.typeURL] = all
  }

  private mutating func subscribeToEndpoints(_ fresh: Set<String>) -> [SimulatedRequest] {
    let before = subscribed
    subscribed = discovered
    guard isIncremental else {
      return subscribed != before || !fresh.isEmpty ? [request(SimulatedType.endpoints)] : []
    }
    let more = subscribed.subtracting(before)
    let less = before.subtracting(subscribed)
    for name in less { held[SimulatedType.endpoints]?.versions[name] = nil }
    guard !more.isEmpty || !less.isEmpty else { return [] }
    return [
      SimulatedRequest(typeURL: SimulatedType.endpoints, subscribe: more.sorted(), unsubscribe: less.sorted())
    ]
  }

  private func introduction(_ type: String) -> SimulatedRequest {
    var request = request(type)
    request.subscribe = request.names
    if isIncremental { request.heldVersions = held[type]?.versions ?? [:] }
    return request
  }

  private func request(_ type: String) -> SimulatedRequest {
    let names =
      switch type {
      case SimulatedType.endpoints: subscribed.sorted()
      case SimulatedType.runtime: [runtimeLayer].compactMap { $0 }
      default: [String]()
      }
    return SimulatedRequest(
      typeURL: type, version: held[type]?.version ?? "", nonce: nonces[type] ?? "", names: names)
  }
}
