import Foundation

/// A response on a discovery stream, in either variant, with encoded resources.
public struct DiscoveryStreamResponse: Sendable {
  /// The variant of the stream.
  public let variant: DiscoveryVariant
  /// The type of the resources.
  public let typeURL: String
  /// The version of all resources of the type.
  public let version: String
  /// The nonce that the proxy's answer will carry.
  public let nonce: String
  /// The resources: all of them, or those that changed.
  public let resources: [EncodedResource]
  /// Incremental only: names of removed resources.
  public let removed: [String]

  /// The protobuf message, assembled from the shared bytes of the resources.
  ///
  /// Field numbers are those of `DiscoveryResponse` and `DeltaDiscoveryResponse` of Envoy's v3 API.
  public func serialized() -> [UInt8] {
    var size = 64 + version.utf8.count + nonce.utf8.count + typeURL.utf8.count
    for resource in resources {
      size += resource.bytes.count + resource.typeURL.utf8.count + resource.name.utf8.count + 64
    }
    for name in removed { size += name.utf8.count + 6 }
    var out = WireWriter(capacity: size)
    out.string(field: 1, version)
    for resource in resources {
      switch variant {
      case .stateOfTheWorld:
        out.any(field: 2, resource)
      case .incremental:
        // envoy.service.discovery.v3.Resource: version 1, resource 2, name 3.
        let version = resource.version
        let length =
          WireWriter.size(field: version.utf8.count) + WireWriter.size(field: WireWriter.anySize(resource))
          + WireWriter.size(field: resource.name.utf8.count)
        out.header(field: 2, length: length)
        out.string(field: 1, version)
        out.any(field: 2, resource)
        out.string(field: 3, resource.name)
      }
    }
    out.string(field: 4, typeURL)
    out.string(field: 5, nonce)
    for name in removed { out.string(field: 6, name) }
    return out.bytes
  }
}
