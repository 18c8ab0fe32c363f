import Foundation
import MeshClient
import MeshModel
import MeshPolicy
import MeshTestSupport
import MeshXDS
import ProxySimulation
import Testing

/// What each proxy of a fleet is to hold, computed from nothing but the resources that are stored.
struct ExpectedConfigurations: Sendable {
  /// Encoded resources by node id, type URL and name.
  private var resources: [String: [String: [String: Data]]] = [:]

  /// Reads the resources of a mesh, and computes.
  init(_ mesh: FleetMesh, from client: ControlPlaneClient) async throws {
    var change = MeshIndex.Change()
    let key = ResourceKey(type: .mesh, name: mesh.name)
    change.note(key, try await client.get(key))
    for type in [ResourceType.trafficTrace, .dataplane] {
      for resource in try await client.all(type, mesh: mesh.name) { change.note(resource.key, resource) }
    }
    var index = MeshIndex(name: mesh.name)
    _ = index.apply(change)
    let translator = EnvoyTranslator()
    for name in index.dataplaneNames {
      guard let configuration = index.configuration(for: name) else { continue }
      let all = try translator.resources(for: configuration)
      for (type, list) in [
        (SimulatedType.clusters, all.clusters), (SimulatedType.endpoints, all.endpoints),
        (SimulatedType.listeners, all.listeners),
      ] {
        resources["\(mesh.name).\(name)", default: [:]][type] = Dictionary(
          uniqueKeysWithValues: list.map { ($0.name, $0.bytes) })
      }
    }
  }

  /// Waits until every proxy is connected and holds what it is to hold; tells what those that do not hold.
  func wait(for fleets: [ProxyFleet]) async throws {
    do {
      try await eventually(deadline: .seconds(120), "every proxy to hold what it is to hold") {
        fleets.allSatisfy { $0.ask { $0.allSatisfy { difference($0) == nil } } }
      }
    } catch {
      for fleet in fleets {
        for text in fleet.ask({ $0.compactMap(difference) }).prefix(5) { Issue.record("\(text)") }
      }
      throw error
    }
  }

  /// What a proxy holds and is not to, or the other way round; `nil` when there is nothing.
  private func difference(_ proxy: ProxyFleet.Proxy) -> String? {
    guard proxy.isConnected else { return "\(proxy.nodeID) is not connected: \(proxy.lastFailure ?? "")" }
    guard let wanted = resources[proxy.nodeID] else { return "\(proxy.nodeID) is not known" }
    for (type, contents) in wanted {
      let held = proxy.held[type]?.contents ?? [:]
      guard held != contents else { continue }
      let names = Set(held.keys).union(contents.keys).filter { held[$0] != contents[$0] }.sorted()
      return "\(proxy.nodeID), \(proxy.refused) refused, \(proxy.streams) streams: \(type) \(names)"
    }
    return nil
  }
}

extension FleetMesh {
  /// Its proxies in two fleets: every third proxy speaks the incremental variant.
  func fleets(_ settings: ProxyFleet.Settings) -> [ProxyFleet] {
    [false, true].map { isIncremental in
      var settings = settings
      settings.isIncremental = isIncremental
      return ProxyFleet(
        nodeIDs: nodeIDs.enumerated().filter { ($0.offset % 3 == 0) == isIncremental }.map(\.element),
        settings: settings)
    }
  }
}
