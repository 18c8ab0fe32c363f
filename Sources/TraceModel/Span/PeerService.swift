/// The service at the other end of a span's call.
package enum PeerService {
  /// The tag with the cluster to which Envoy sent a request.
  package static let clusterTag = "upstream_cluster"
  package static let clusterKey = TextHash.hash(clusterTag)
  /// The ``TextHash`` of the tag with which Envoy marks spans of a proxy.
  package static let componentTag = "component"
  package static let componentKey = TextHash.hash(componentTag)
  package static let proxyValue = TextHash.hash("proxy")
  /// The tag with the id of the Envoy's node.
  package static let nodeTag = "node_id"
  package static let nodeKey = TextHash.hash(nodeTag)
  /// The tags that say whether a proxy reported a span, and whom it called.
  package static let proxyTags = [clusterTag, componentTag, nodeTag]
  private static let longestName = 256

  /// Whether a text is the name of a service. Not names: addresses, Envoy's `-` for no value, and Envoy's clusters for addresses
  /// (`inbound:…`, `outbound:passthrough:…`).
  package static func isName(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let first = text.first, text.count <= longestName, !text.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      return false
    }
    if text.count == 1, first == UInt8(ascii: "-") { return false }
    // Fast path: an address begins with a digit, contains a colon, or is `localhost`.
    let mayBeAddress = (0x30...0x39).contains(first) || first | 0x20 == UInt8(ascii: "l") || text.contains(0x3A)
    return !mayBeAddress || !isAddress(String(decoding: text, as: UTF8.self).lowercased())
  }

  /// As ``isName(_:)``.
  package static func isName(text: String) -> Bool {
    var text = text
    return text.withUTF8 { isName(UnsafeRawBufferPointer($0)) }
  }

  /// The ``TextHash`` of a name in lower case. `hash` is the hash of the name as given.
  package static func nameHash(_ name: UnsafeRawBufferPointer, _ hash: UInt64) -> UInt64 {
    let isLowercased = name.allSatisfy { $0 < 0x80 && !($0 >= 0x41 && $0 <= 0x5A) }
    return isLowercased ? hash : TextHash.hash(String(decoding: name, as: UTF8.self).lowercased())
  }

  private static func isAddress(_ text: String) -> Bool {
    if text.hasPrefix("inbound:") || text.hasPrefix("outbound:passthrough") || IPAddressText.isIPv6(text) {
      return true
    }
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return IPAddressText.isIPv6(String(text[text.index(after: text.startIndex)..<end]))
    }
    let host = text.prefix { $0 != ":" }
    return host == "localhost" || IPAddressText.isIPv4(String(host))
  }
}

extension Span {
  /// The service at the other end: for a call of Envoy's the cluster that it was sent to, otherwise the remote service. Empty if
  /// the span names none, or only an address.
  package var peerService: String {
    if kind == .client, let cluster = tag(PeerService.clusterTag), PeerService.isName(text: cluster) {
      return cluster.lowercased()
    }
    return PeerService.isName(text: remoteServiceName) ? remoteServiceName : ""
  }

  /// Whether a proxy reported the span, rather than the service itself.
  package var isProxied: Bool {
    tags.contains { tag in
      tag.key == PeerService.clusterTag || tag.key == PeerService.nodeTag
        || (tag.key == PeerService.componentTag && tag.value == "proxy")
    }
  }
}
