package import EnvoyAPI
package import MeshModel
import SwiftProtobuf

/// A proxy's description of itself in the first request of a stream.
package struct ProxyIntroduction: Sendable {
  /// Envoy's node id.
  package var nodeID: String
  /// The Dataplane document in the proxy's metadata; `nil` when the Dataplane was created by other means.
  package var dataplane: String?
  /// The versions of the proxy's programs.
  package var version: DataplaneInsight.ProxyVersion
  /// The proxy's address.
  package var address: ProxyAddress
  /// How long its listeners drain; `nil` when it does not say.
  package var drainTime: Duration?
  /// Whether its Envoy takes the size and the interval of reports from the control plane.
  package var hasReportRuntime: Bool

  /// Makes an introduction.
  package init(
    nodeID: String, dataplane: String?, version: DataplaneInsight.ProxyVersion, address: ProxyAddress,
    drainTime: Duration? = nil, hasReportRuntime: Bool = false
  ) {
    self.nodeID = nodeID
    self.dataplane = dataplane
    self.version = version
    self.address = address
    self.drainTime = drainTime
    self.hasReportRuntime = hasReportRuntime
  }
}

/// The address of a connected proxy and of its administration interface.
package struct ProxyAddress: Sendable, Hashable {
  /// The address from which it is connected, in gRPC's form: `ipv4:127.0.0.1:40000`.
  package var remotePeer: String
  /// The port of Envoy's administration interface on the proxy's loopback address; `nil` when the proxy names none.
  package var adminPort: UInt16?

  /// Makes an address.
  package init(remotePeer: String, adminPort: UInt16?) {
    self.remotePeer = remotePeer
    self.adminPort = adminPort
  }

  /// The remote address and port without gRPC's prefix: `127.0.0.1:40000`.
  package var hostAndPort: String {
    guard let colon = remotePeer.firstIndex(of: ":"), remotePeer.hasPrefix("ipv") else { return remotePeer }
    return String(remotePeer[remotePeer.index(after: colon)...])
  }

  /// The remote host, without brackets; `nil` when the peer has none.
  package var host: String? {
    guard let scheme = remotePeer.firstIndex(of: ":"), let port = remotePeer.lastIndex(of: ":"), scheme < port,
      ["ipv4", "ipv6"].contains(remotePeer[..<scheme])
    else { return nil }
    var host = remotePeer[remotePeer.index(after: scheme)..<port]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    // A dual-stack socket shows IPv4 addresses as IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2).
    if host.lowercased().hasPrefix("::ffff:"), host.contains(".") { host = host.dropFirst("::ffff:".count) }
    return String(host)
  }
}

extension ProxyIntroduction {
  /// Parses an Envoy's node. Source of the keys: Kuma 2.7.
  ///
  /// - Parameter remotePeer: the proxy's address, in gRPC's form.
  /// - Throws: a refusal if the Dataplane in the metadata is not a string.
  package init(_ node: Envoy_Config_Core_V3_Node, remotePeer: String) throws(SessionRefusal) {
    let metadata = node.metadata.fields
    let dataplane: String?
    switch metadata["dataplane.resource"]?.kind {
    case .stringValue(let document): dataplane = document
    case nil where metadata["dataplane.resource"] == nil: dataplane = nil
    default:
      throw SessionRefusal(
        code: .invalidArgument,
        message: "dataplane.resource in the node's metadata has to be a string with a Dataplane in YAML or JSON")
    }
    let versions = metadata["version"]?.structValue.fields ?? [:]
    func version(_ program: String) -> String {
      (versions[program]?.structValue.fields["version"]?.stringValue ?? "").printable(atMost: 100)
    }
    var envoy = version("envoy")
    if envoy.isEmpty, case .userAgentBuildVersion(let build) = node.userAgentVersionType {
      envoy = "\(build.version.majorNumber).\(build.version.minorNumber).\(build.version.patch)"
    }
    let adminPort = metadata["dataplane.admin.port"].flatMap { UInt16($0.stringValue) }
    self.init(
      nodeID: node.id, dataplane: dataplane,
      version: DataplaneInsight.ProxyVersion(kumaDp: version("kumaDp"), envoy: envoy),
      address: ProxyAddress(remotePeer: remotePeer, adminPort: adminPort == 0 ? nil : adminPort),
      drainTime: Self.drainTime(of: node), hasReportRuntime: metadata[ProxyMetadata.reportRuntime] != nil)
  }

  /// How long an Envoy's listeners drain; `nil` when its node does not say.
  static func drainTime(of node: Envoy_Config_Core_V3_Node) -> Duration? {
    let further = node.metadata.fields["dynamicMetadata"]?.structValue.fields ?? [:]
    return further[ProxyMetadata.drainTime].flatMap { Duration(goText: $0.stringValue) }
      .map { min($0, longestDrainTime) }
  }

  /// A proxy's drain time is limited to one day.
  private static let longestDrainTime = Duration.seconds(86_400)
}
