package import EnvoyAPI
import Foundation
import GRPCCore
package import SwiftProtobuf

/// How requests and responses stand on the wire.
package protocol SimulatedVariant: SendableMetatype {
  associatedtype Request: Message
  associatedtype Response: Message
  /// The method of the discovery service.
  static var method: String { get }
  static func encode(_ request: SimulatedRequest, node: Envoy_Config_Core_V3_Node?) -> Request
  static func decode(_ response: Response) -> SimulatedResponse
}

/// State of the world.
package enum WholeStateVariant: SimulatedVariant {
  package static let method = "StreamAggregatedResources"

  package static func encode(
    _ request: SimulatedRequest, node: Envoy_Config_Core_V3_Node?
  ) -> Envoy_Service_Discovery_V3_DiscoveryRequest {
    var message = Envoy_Service_Discovery_V3_DiscoveryRequest()
    if let node { message.node = node }
    message.typeURL = request.typeURL
    message.versionInfo = request.version
    message.responseNonce = request.nonce
    message.resourceNames = request.names
    if let refusal = request.refusal { message.errorDetail.message = refusal }
    return message
  }

  package static func decode(_ response: Envoy_Service_Discovery_V3_DiscoveryResponse) -> SimulatedResponse {
    SimulatedResponse(
      typeURL: response.typeURL, version: response.versionInfo, nonce: response.nonce,
      resources: response.resources.map(\.value), removed: [])
  }
}

/// Incremental.
package enum IncrementalVariant: SimulatedVariant {
  package static let method = "DeltaAggregatedResources"

  package static func encode(
    _ request: SimulatedRequest, node: Envoy_Config_Core_V3_Node?
  ) -> Envoy_Service_Discovery_V3_DeltaDiscoveryRequest {
    var message = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
    if let node { message.node = node }
    message.typeURL = request.typeURL
    message.responseNonce = request.nonce
    message.resourceNamesSubscribe = request.subscribe
    message.resourceNamesUnsubscribe = request.unsubscribe
    message.initialResourceVersions = request.heldVersions
    if let refusal = request.refusal { message.errorDetail.message = refusal }
    return message
  }

  package static func decode(_ response: Envoy_Service_Discovery_V3_DeltaDiscoveryResponse) -> SimulatedResponse {
    SimulatedResponse(
      typeURL: response.typeURL, version: response.systemVersionInfo, nonce: response.nonce,
      resources: response.resources.map(\.resource.value), resourceVersions: response.resources.map(\.version),
      removed: response.removedResources)
  }
}

struct BytesSerializer<Content: Message>: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: Content) throws -> Bytes {
    Bytes(try message.serializedBytes() as [UInt8])
  }
}

struct BytesDeserializer<Content: Message>: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Content {
    try bytes.withUnsafeBytes { try Content(serializedBytes: Data($0)) }
  }
}
