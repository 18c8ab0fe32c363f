import EnvoyAPI
import MeshModel
import MeshXDS
import SwiftProtobuf

extension ProxyResources {
  /// Everything decoded again, in protobuf's JSON form, each resource with the hash of its bytes.
  func document() throws -> DocumentValue {
    [
      "listeners": try Self.list(listeners, Envoy_Config_Listener_V3_Listener.self),
      "clusters": try Self.list(clusters, Envoy_Config_Cluster_V3_Cluster.self),
      "endpoints": try Self.list(endpoints, Envoy_Config_Endpoint_V3_ClusterLoadAssignment.self),
    ]
  }

  private static func list<Resource: Message>(_ resources: [EncodedResource], _ type: Resource.Type) throws
    -> DocumentValue
  {
    _ = EmbeddedTypes.areRegistered
    return .array(
      try resources.map { resource in
        let message = try Resource(serializedBytes: resource.bytes)
        let json: [UInt8] = try message.jsonUTF8Bytes()
        return [
          "hash": .string(resource.contentHash.description), "name": .string(resource.name),
          "resource": try DocumentValue(json: json), "typeURL": .string(resource.typeURL),
        ]
      })
  }
}

/// The types that resources carry inside an `Any`, which the JSON form has to know.
private enum EmbeddedTypes {
  static let areRegistered: Bool = {
    let types: [any Message.Type] = [
      Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager.self,
      Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.self, Envoy_Extensions_Filters_Http_Router_V3_Router.self,
      Envoy_Config_Trace_V3_ZipkinConfig.self, Envoy_Config_Trace_V3_DatadogConfig.self,
      Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext.self,
      Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext.self,
      Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector.self,
      Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions.self,
      Envoy_Extensions_RequestId_Uuid_V3_UuidRequestIdConfig.self,
    ]
    return types.allSatisfy { Google_Protobuf_Any.register(messageType: $0) }
  }()
}
