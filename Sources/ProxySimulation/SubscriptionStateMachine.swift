import EnvoyAPI
import Foundation
import SwiftProtobuf

/// A response of either variant, as far as a proxy acts on it.
struct SimulatedResponse {
  var typeURL: String
  var version: String
  var nonce: String
  var resources: [Data]
  /// The version of each resource, in the incremental variant; empty in the other.
  var resourceVersions: [String] = []
  var removed: [String]
}

/// A request of either variant.
struct SimulatedRequest {
  var typeURL: String
  var version: String
  var nonce: String
  /// All that is asked for by name, in the variant that sends whole states; empty for everything.
  var names: [String]
  /// What is asked for from now on, in the incremental variant.
  var subscribe: [String]
  var unsubscribe: [String]
  /// The versions of what is held from an earlier stream, by name: in a type's first request of the incremental variant.
  var heldVersions: [String: String] = [:]
  /// Why the response was refused.
  var refusal: String?
}

/// What a proxy answers, as a value: responses in, requests out.
///
/// As Envoy does: clusters are asked for first, then the endpoints of those that want them, and listeners once clusters
/// and endpoints are there. Every response is acknowledged.
struct SubscriptionStateMachine {
  let isIncremental: Bool
  private(set) var held: [String: HeldResources] = [:]
  private var endpointNames: [String] = []
  private var hasAskedForListeners = false
  /// Whether the next response of a type is to be refused, and why.
  var refusals: [String: String] = [:]

  init(isIncremental: Bool) { self.isIncremental = isIncremental }

  /// The requests with which a stream begins. A proxy that comes back asks for all that it had asked for, and says what it
  /// holds: the version of each type, or of each resource in the incremental variant.
  mutating func start() -> [SimulatedRequest] {
    let isReturning = held[SimulatedType.clusters] != nil
    guard isReturning else { return [ask(SimulatedType.clusters)] }
    var types = [SimulatedType.clusters]
    if !endpointNames.isEmpty { types.append(SimulatedType.endpoints) }
    if hasAskedForListeners { types.append(SimulatedType.listeners) }
    return types.map { type in
      var request = ask(type)
      request.subscribe = request.names
      request.version = held[type]?.version ?? ""
      if isIncremental { request.heldVersions = held[type]?.versions ?? [:] }
      return request
    }
  }

  /// Takes a response and gives the requests that follow from it, the answer first.
  mutating func take(_ response: SimulatedResponse, names: inout ResourceNames) throws -> [SimulatedRequest] {
    let type = response.typeURL
    if let refusal = refusals.removeValue(forKey: type) {
      var answer = ask(type)
      answer.version = held[type]?.version ?? ""
      answer.nonce = response.nonce
      answer.refusal = refusal
      return [answer]
    }
    var resources = held[type] ?? HeldResources()
    // A whole state replaces what is held, but for endpoints, of which a response may bring some only.
    if !isIncremental, type != SimulatedType.endpoints { resources.contents = [:] }
    var edsClusters: [String] = []
    for (index, bytes) in response.resources.enumerated() {
      let description = try names.describe(bytes, typeURL: type)
      resources.contents[description.name] = description.bytes
      if response.resourceVersions.indices.contains(index) {
        resources.versions[description.name] = response.resourceVersions[index]
      }
      if description.needsEndpoints { edsClusters.append(description.name) }
    }
    for name in response.removed {
      resources.contents[name] = nil
      resources.versions[name] = nil
    }
    resources.version = response.version
    held[type] = resources

    var answer = ask(type)
    answer.version = response.version
    answer.nonce = response.nonce
    guard type == SimulatedType.clusters else { return [answer] + askForListeners(after: type) }
    if isIncremental {
      edsClusters = try resources.contents.values.compactMap { bytes in
        let description = try names.describe(bytes, typeURL: type)
        return description.needsEndpoints ? description.name : nil
      }
    }
    return [answer] + askForEndpoints(edsClusters.sorted()) + askForListeners(after: type)
  }

  private mutating func askForEndpoints(_ wanted: [String]) -> [SimulatedRequest] {
    guard wanted != endpointNames else { return [] }
    var request = ask(SimulatedType.endpoints)
    let (old, new) = (Set(endpointNames), Set(wanted))
    request.subscribe = wanted.filter { !old.contains($0) }
    request.unsubscribe = endpointNames.filter { !new.contains($0) }
    request.names = wanted
    request.version = held[SimulatedType.endpoints]?.version ?? ""
    endpointNames = wanted
    for name in request.unsubscribe { held[SimulatedType.endpoints]?.contents[name] = nil }
    return [request]
  }

  private mutating func askForListeners(after type: String) -> [SimulatedRequest] {
    guard !hasAskedForListeners, type == SimulatedType.endpoints || endpointNames.isEmpty else { return [] }
    hasAskedForListeners = true
    return [ask(SimulatedType.listeners)]
  }

  private func ask(_ type: String) -> SimulatedRequest {
    SimulatedRequest(
      typeURL: type, version: "", nonce: "", names: type == SimulatedType.endpoints ? endpointNames : [], subscribe: [],
      unsubscribe: [])
  }
}
