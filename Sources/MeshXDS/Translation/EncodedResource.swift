public import Foundation

/// An encoded Envoy resource. Copies share the bytes, so that a thousand proxies cost the memory of one.
public struct EncodedResource: Sendable, Hashable {
  /// The name, unique among the resources of its type that a proxy gets.
  public let name: String
  /// The type, one of ``ResourceTypeURL``'s.
  public let typeURL: String
  /// The encoded message; the value of an `Any` whose type is ``typeURL``.
  public let bytes: Data
  /// The hash of ``bytes``.
  public let contentHash: ContentHash

  /// Wraps an encoded message.
  public init(name: String, typeURL: String, bytes: Data) {
    self.name = name
    self.typeURL = typeURL
    self.bytes = bytes
    self.contentHash = ContentHash(of: bytes)
  }

  /// Whether type, name and content are the same.
  public static func == (a: EncodedResource, b: EncodedResource) -> Bool {
    a.contentHash == b.contentHash && a.name == b.name && a.typeURL == b.typeURL
  }

  /// Hashes name and content.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(contentHash)
  }
}

extension WireWriter {
  /// The size of a `google.protobuf.Any` (type_url 1, value 2) that wraps a resource.
  static func anySize(_ resource: EncodedResource) -> Int {
    size(field: resource.typeURL.utf8.count) + (resource.bytes.isEmpty ? 0 : size(field: resource.bytes.count))
  }

  mutating func any(field: UInt8, _ resource: EncodedResource) {
    header(field: field, length: Self.anySize(resource))
    string(field: 1, resource.typeURL)
    if !resource.bytes.isEmpty { bytes(field: 2, resource.bytes) }
  }
}

/// The types of resources that proxies get.
public enum ResourceTypeURL {
  /// `Listener`.
  public static let listener = "type.googleapis.com/envoy.config.listener.v3.Listener"
  /// `Cluster`.
  public static let cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
  /// `ClusterLoadAssignment`: the endpoints of a cluster.
  public static let endpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
  /// `Secret`: what a collector is verified with, and what it is shown.
  public static let secret = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
  /// `Runtime`: values that change the behaviour of a running Envoy.
  public static let runtime = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
}
