import EnvoyAPI
import MeshModel
import MeshXDS
import SwiftProtobuf

/// The data plane server's streams, as ``ProxySessions`` sees them.
extension ProxySessions: ProxySessionObserver {
  func sessionOpened(_ session: ProxySession) async throws(SessionRefusal) {
    do {
      _ = try await open(stream: session.id, Introduction(session.node, peer: session.remotePeer))
    } catch {
      throw SessionRefusal(code: error.isTemporary ? .unavailable : .invalidArgument, message: error.description)
    }
  }

  func responseSent(_ session: ProxySession, typeURL: String, version: String) {
    sent(stream: session.id, DataplaneInsight.Discovery(typeURL: typeURL))
  }

  func acknowledged(_ session: ProxySession, typeURL: String, version: String) {
    acknowledged(stream: session.id, DataplaneInsight.Discovery(typeURL: typeURL))
  }

  func rejected(_ session: ProxySession, typeURL: String, version: String, message: String) {
    rejected(stream: session.id, DataplaneInsight.Discovery(typeURL: typeURL), message: message)
  }

  func sessionClosed(_ session: ProxySession, end: SessionEnd) async { await close(stream: session.id) }
}

extension ProxySessions.Introduction {
  /// Reads what a node tells of itself. Source of the keys: Kuma 2.7.
  init(_ node: Envoy_Config_Core_V3_Node, peer: String) {
    let metadata = node.metadata.fields
    let versions = metadata["version"]?.structValue.fields ?? [:]
    func version(_ program: String) -> String {
      versions[program]?.structValue.fields["version"]?.stringValue ?? ""
    }
    var envoy = version("envoy")
    if envoy.isEmpty, case .userAgentBuildVersion(let build) = node.userAgentVersionType {
      envoy = "\(build.version.majorNumber).\(build.version.minorNumber).\(build.version.patch)"
    }
    let adminPort = metadata["dataplane.admin.port"].flatMap { UInt16($0.stringValue) }
    self.init(
      nodeID: node.id, dataplane: metadata["dataplane.resource"]?.stringValue,
      version: DataplaneInsight.ProxyVersion(kumaDp: version("kumaDp"), envoy: envoy),
      whereabouts: ProxySessions.Whereabouts(peer: peer, adminPort: adminPort == 0 ? nil : adminPort))
  }
}

extension DataplaneInsight.Discovery {
  /// The kind that a type of resources is counted under; `nil` for a type that proxies are not sent.
  init?(typeURL: String) {
    switch typeURL {
    case ResourceTypeURL.cluster: self = .cds
    case ResourceTypeURL.endpoints: self = .eds
    case ResourceTypeURL.listener: self = .lds
    default: return nil
    }
  }
}
