public import MeshModel
import OrderedCollections

/// The state of a proxy's connection to the control plane: it tells whether the proxy has its current configuration.
public struct ProxyConnection: Sendable, Hashable {
  /// Whether the proxy is connected.
  public enum Status: String, Sendable, Hashable {
    /// The proxy is connected.
    case online
    /// The proxy was connected.
    case offline
    /// The proxy has never connected.
    case neverConnected
  }

  /// Whether the proxy is connected.
  public var status: Status
  /// When the current or last connection began.
  public var connectTime: Timestamp?
  /// When the last connection ended; `nil` while the proxy is connected.
  public var disconnectTime: Timestamp?
  /// When the proxy last accepted configuration.
  public var lastAcknowledgementTime: Timestamp?
  /// The last rejection, if the proxy has accepted nothing since.
  public var lastRejection: DataplaneInsight.Rejection?
  /// The processes that claim to be this proxy, the oldest first; empty when there is only one.
  public var claims: [Claim] = []

  /// A process that claims to be the proxy.
  public struct Claim: Sendable, Hashable {
    /// Where it is connected from.
    public var address: String
    /// Since when.
    public var connectTime: Timestamp
  }

  /// Extracts the connection from a proxy's insight.
  ///
  /// - Parameter insight: `nil` when the proxy has no insight.
  public init(_ insight: DataplaneInsight?) {
    let subscriptions = insight?.subscriptions ?? []
    guard let current = insight?.current else {
      status = .neverConnected
      return
    }
    status = current.disconnectTime == nil ? .online : .offline
    connectTime = current.connectTime
    disconnectTime = current.disconnectTime
    lastAcknowledgementTime = subscriptions.compactMap(\.status.lastAcknowledgementTime).max()
    lastRejection = current.status.lastRejection
    claims = (insight?.claims ?? []).map { Claim(address: $0.peer?.address ?? "", connectTime: $0.connectTime) }
  }

  /// A sentence that says why the running Envoy does not follow the policies; `nil` when it does.
  ///
  /// Only rejected listeners and clusters count: tracing does not depend on endpoints.
  public var obstacle: String? {
    let refusal = lastRejection.flatMap { rejection -> String? in
      switch rejection.discovery {
      case .cds, .lds:
        let what = rejection.discovery == .cds ? "clusters" : "listeners"
        return "refused its last \(what) (\(rejection.discovery.rawValue.uppercased())) at \(rejection.time) and keeps "
          + "earlier ones: \(rejection.message.abridged())"
      case .eds, .rds: return nil
      }
    }
    switch status {
    case .neverConnected:
      return "The proxy has never connected to the control plane, so no Envoy has this configuration yet."
    case .offline:
      let state = disconnectTime.map { "has been offline since \($0)" } ?? "is offline"
      let what = refusal.map { "; before, it \($0)" } ?? ""
      return "The proxy \(state): its Envoy, if it runs at all, has the configuration of that time\(what)"
        + (what.isEmpty ? "." : "")
    case .online:
      let sentences = [
        refusal.map {
          "The running Envoy does not have this configuration: it \($0)" + (rejectionAdvice.map { ". \($0)" } ?? "")
        },
        rivalry,
      ].compactMap { $0 }
      return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }
  }

  /// What to do about the last rejection: a sentence, where it was caused by a port in use; `nil` for other rejections. Neither the
  /// control plane nor Envoy retries. Envoy reports the error as the system's text, without a number.
  public var rejectionAdvice: String? {
    guard let lastRejection, lastRejection.message.contains("Address already in use") else { return nil }
    return "Free the port and restart kuma-dp, or name another port in the Dataplane."
  }

  /// A sentence that lists the processes that claim to be the proxy; `nil` when there is only one.
  private var rivalry: String? {
    guard claims.count > 1 else { return nil }
    let list = claims.map { "\($0.address) since \($0.connectTime)" }.joined(separator: ", ")
    return
      "\(claims.count) proxies claim this name (\(list)); all of them get what the newest one's Dataplane says, so give each "
      + "a name of its own."
  }

  /// The connection in document form.
  public var document: DocumentValue {
    func text(_ time: Timestamp?) -> DocumentValue { time.map { .string($0.description) } ?? .null }
    var object: DocumentValue.Object = [
      "status": .string(status.rawValue), "connectTime": text(connectTime), "disconnectTime": text(disconnectTime),
      "lastAcknowledgementTime": text(lastAcknowledgementTime), "lastRejection": lastRejection?.document ?? .null,
    ]
    if !claims.isEmpty {
      object["claims"] = .array(
        claims.map { ["address": .string($0.address), "connectTime": .string($0.connectTime.description)] })
    }
    return .object(object)
  }
}
