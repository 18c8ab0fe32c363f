public import MeshModel
import OrderedCollections

/// What is known of a proxy's connection to the control plane, as far as it tells whether the proxy has the
/// configuration that it should have.
public struct ProxyConnection: Sendable, Hashable {
  /// Whether the proxy is connected.
  public enum Status: String, Sendable, Hashable {
    /// It is.
    case online
    /// It was.
    case offline
    /// It never was.
    case neverConnected
  }

  /// Whether the proxy is connected.
  public var status: Status
  /// When the current or last connection began.
  public var connectTime: Timestamp?
  /// When the last connection ended; `nil` while one lasts.
  public var disconnectTime: Timestamp?
  /// When the proxy last accepted configuration.
  public var lastAcknowledgementTime: Timestamp?
  /// What the proxy refused last and has not accepted since.
  public var lastRejection: DataplaneInsight.Rejection?
  /// The processes that claim to be this proxy, the oldest first, where there is more than one.
  public var claims: [Claim] = []

  /// A process that claims to be the proxy.
  public struct Claim: Sendable, Hashable {
    /// Where it is connected from.
    public var address: String
    /// Since when.
    public var connectTime: Timestamp
  }

  /// Takes a proxy's connection out of what is known of it.
  ///
  /// - Parameter insight: `nil` when nothing is known.
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

  /// What keeps the running Envoy from doing what the policies say, in a sentence; `nil` when nothing does.
  ///
  /// Tracing is a matter of listeners and clusters: refused endpoints do not hinder it.
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
      let since = disconnectTime.map { " since \($0)" } ?? ""
      let what = refusal.map { "; before, it \($0)" } ?? ""
      return "The proxy is offline\(since): its Envoy, if it runs at all, has the configuration of that time\(what)"
        + (what.isEmpty ? "." : "")
    case .online:
      let sentences = [
        refusal.map { "The running Envoy does not have this configuration: it \($0)\(portAdvice)" }, rivalry,
      ].compactMap { $0 }
      return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }
  }

  /// What to do about a refusal because of a port that is taken, to follow its reason; empty for others. Neither control plane
  /// nor Envoy tries again by itself. Envoy gives the system's text for the error, and no number.
  private var portAdvice: String {
    guard let lastRejection, lastRejection.message.contains("Address already in use") else { return "" }
    return ". Free the port and restart kuma-dp, or name another port in the Dataplane."
  }

  /// Says that several processes claim to be the proxy; `nil` where one does.
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
