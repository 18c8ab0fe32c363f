import Foundation

/// A response on a discovery stream, in either variant, whose resources are encoded already.
public struct DiscoveryStreamResponse: Sendable {
  /// The variant of the stream.
  public let variant: DiscoveryVariant
  /// The type of the resources.
  public let typeURL: String
  /// The version of all resources of the type.
  public let version: String
  /// What the proxy's answer will refer to.
  public let nonce: String
  /// The resources: all of them, or those that changed.
  public let resources: [EncodedResource]
  /// Incremental only: names of resources that are no more.
  public let removed: [String]

  /// The message in protobuf's encoding, put together from the shared bytes of the resources.
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

/// Writes length-delimited fields with numbers below 16 of protobuf's wire format.
private struct WireWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// The size of a length-delimited field with a content of a length.
  static func size(field length: Int) -> Int { 1 + varintSize(length) + length }

  /// The size of a `google.protobuf.Any` (type_url 1, value 2) that wraps a resource.
  static func anySize(_ resource: EncodedResource) -> Int {
    size(field: resource.typeURL.utf8.count) + (resource.bytes.isEmpty ? 0 : size(field: resource.bytes.count))
  }

  private static func varintSize(_ value: Int) -> Int {
    var size = 1
    var rest = UInt64(truncatingIfNeeded: value) >> 7
    while rest != 0 {
      size += 1
      rest >>= 7
    }
    return size
  }

  mutating func header(field: UInt8, length: Int) {
    bytes.append(field << 3 | 2)
    var rest = UInt64(truncatingIfNeeded: length)
    while rest > 127 {
      bytes.append(UInt8(truncatingIfNeeded: rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func string(field: UInt8, _ text: String) {
    header(field: field, length: text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func any(field: UInt8, _ resource: EncodedResource) {
    header(field: field, length: Self.anySize(resource))
    string(field: 1, resource.typeURL)
    guard !resource.bytes.isEmpty else { return }
    header(field: 2, length: resource.bytes.count)
    resource.bytes.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }
}
