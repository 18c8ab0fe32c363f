import EnvoyAPI
import Logging
import MeshModel
import MeshXDS
import SwiftProtobuf
import Synchronization

/// The data plane server's streams, as ``ProxySessions`` sees them.
extension ProxySessions: ProxySessionObserver {
  func sessionOpened(_ session: ProxySession, node: Envoy_Config_Core_V3_Node) async throws(SessionRefusal) {
    do {
      _ = try await open(stream: session.id, Introduction(node, peer: session.remotePeer))
    } catch {
      throw SessionRefusal(code: error.isTemporary ? .unavailable : .invalidArgument, message: error.description)
    }
  }

  /// How many characters of a reason to refuse a configuration are kept.
  static let messageLimit = 4_096

  nonisolated func responseSent(_ session: ProxySession, typeURL: String) {
    counts.sent(session.id, DataplaneInsight.Discovery(typeURL: typeURL))
    noteCounts()
  }

  nonisolated func acknowledged(_ session: ProxySession, typeURL: String) {
    if counts.acknowledged(session.id, DataplaneInsight.Discovery(typeURL: typeURL)) { noteVerdict(of: session) }
    noteCounts()
  }

  nonisolated func rejected(_ session: ProxySession, typeURL: String, message: String) {
    guard let discovery = DataplaneInsight.Discovery(typeURL: typeURL) else { return }
    // Envoy repeats what it refuses, as long as that may be.
    let message = message.split(whereSeparator: \.isNewline).joined(separator: " ").printable(atMost: Self.messageLimit)
    counts.rejected(
      session.id, DataplaneInsight.Rejection(discovery: discovery, time: .now, message: message))
    noteVerdict(of: session)
    logger.warning(
      "a proxy rejected its configuration",
      metadata: ["proxy": "\(session.nodeID)", "type": "\(discovery.rawValue)", "reason": "\(message)"])
  }

  /// Who asks here is answered with what is in memory; only other control planes need counts to be written.
  private nonisolated func noteCounts() {
    if shared != nil { countsChanged.yield() }
  }

  private nonisolated func noteVerdict(of session: ProxySession) {
    verdicts.withLock { _ = $0.insert(session.id) }
    wakeUp.yield()
  }

  func sessionClosed(_ session: ProxySession, end: SessionEnd) async { await close(stream: session.id) }
}

extension ProxySessions.Introduction {
  /// Reads what a node tells of itself. Source of the keys: Kuma 2.7.
  init(_ node: Envoy_Config_Core_V3_Node, peer: String) {
    let metadata = node.metadata.fields
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
      nodeID: node.id, dataplane: metadata["dataplane.resource"]?.stringValue,
      version: DataplaneInsight.ProxyVersion(kumaDp: version("kumaDp"), envoy: envoy),
      whereabouts: ProxySessions.Whereabouts(peer: peer, adminPort: adminPort == 0 ? nil : adminPort))
    let further = metadata["dynamicMetadata"]?.structValue.fields ?? [:]
    drainTime = further[ProxyMetadata.drainTime].flatMap { Duration(goText: $0.stringValue) }
      .map { min($0, Self.longestDrainTime) }
  }

  /// What a proxy says is not believed beyond a day.
  private static let longestDrainTime = Duration.seconds(86_400)
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
