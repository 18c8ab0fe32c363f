import Logging
import MeshModel
import MeshStore
package import MeshXDS
import Synchronization

/// The data plane server's streams, as ``ProxySessions`` sees them.
extension ProxySessions: ProxySessionObserver {
  package func sessionOpened(
    _ session: ProxySession, _ introduction: ProxyIntroduction
  ) async throws(SessionRefusal) {
    do {
      _ = try await open(stream: session.id, introduction)
    } catch {
      throw SessionRefusal(code: error.isTemporary ? .unavailable : .invalidArgument, message: error.description)
    }
  }

  /// How many characters of a reason to refuse a configuration are kept.
  static let messageLimit = 4_096

  package nonisolated func responseSent(_ session: ProxySession, typeURL: String) {
    counts.sent(session.id, DataplaneInsight.Discovery(typeURL: typeURL))
    noteCounts()
  }

  package nonisolated func acknowledged(_ session: ProxySession, typeURL: String) {
    if counts.acknowledged(session.id, DataplaneInsight.Discovery(typeURL: typeURL)) { noteVerdict(of: session) }
    noteCounts()
  }

  package nonisolated func rejected(_ session: ProxySession, typeURL: String, message: String) {
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

  package func sessionClosed(_ session: ProxySession, end: SessionEnd) async { await close(stream: session.id) }
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
