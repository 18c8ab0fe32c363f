import EnvoyAPI
public import Foundation
import SwiftProtobuf

/// What a simulated proxy holds of one type: the content of each resource by name.
public struct HeldResources: Sendable, Hashable {
  /// Encoded resources by name.
  public internal(set) var contents: [String: Data] = [:]
  /// Versions by name, in the incremental variant.
  public internal(set) var versions: [String: String] = [:]
  /// The version of the last response.
  public internal(set) var version = ""
}

/// Tells the names of encoded resources. Proxies of a fleet hold much of the same, which is decoded once.
package struct ResourceNames: Sendable {
  struct Description: Sendable {
    var name: String
    /// Whether it is a cluster whose endpoints are asked for.
    var needsEndpoints: Bool
    /// The resource, in memory that all proxies share.
    var bytes: Data
  }

  /// By content: `Data` hashes only its beginning, so its length and end are hashed too.
  private struct Key: Hashable {
    let bytes: Data
    func hash(into hasher: inout Hasher) {
      hasher.combine(bytes.count)
      bytes.withUnsafeBytes { buffer in hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: buffer.suffix(256))) }
    }
  }

  /// Names of nothing yet.
  package init() {}

  private static let capacity = 20_000
  private var known: [Key: Description] = [:]

  /// Describes a resource.
  ///
  /// - Throws: if it is not what its type says.
  mutating func describe(_ bytes: Data, typeURL: String) throws -> Description {
    let key = Key(bytes: bytes)
    if let found = known[key] { return found }
    let description: Description
    switch typeURL {
    case SimulatedType.clusters:
      let cluster = try Envoy_Config_Cluster_V3_Cluster(serializedBytes: bytes)
      var needsEndpoints = false
      if case .type(.eds) = cluster.clusterDiscoveryType { needsEndpoints = true }
      description = Description(name: cluster.name, needsEndpoints: needsEndpoints, bytes: bytes)
    case SimulatedType.endpoints:
      let assignment = try Envoy_Config_Endpoint_V3_ClusterLoadAssignment(serializedBytes: bytes)
      description = Description(name: assignment.clusterName, needsEndpoints: false, bytes: bytes)
    case SimulatedType.runtime:
      let runtime = try Envoy_Service_Runtime_V3_Runtime(serializedBytes: bytes)
      description = Description(name: runtime.name, needsEndpoints: false, bytes: bytes)
    default:
      let listener = try Envoy_Config_Listener_V3_Listener(serializedBytes: bytes)
      description = Description(name: listener.name, needsEndpoints: false, bytes: bytes)
    }
    if known.count >= Self.capacity { known.removeAll(keepingCapacity: true) }
    known[key] = description
    return description
  }
}

/// The types that a simulated proxy subscribes to, in the order in which Envoy does.
public enum SimulatedType {
  /// Clusters (CDS).
  public static let clusters = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
  /// Endpoints (EDS).
  public static let endpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
  /// Listeners (LDS).
  public static let listeners = "type.googleapis.com/envoy.config.listener.v3.Listener"
  /// Values of the runtime (RTDS).
  public static let runtime = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
}
