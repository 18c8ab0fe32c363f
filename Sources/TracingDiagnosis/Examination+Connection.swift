import MeshModel
import MeshPolicy

/// What the proxy's connection says.
extension Examination {
  /// How long a connection may be gone before it counts, in seconds: a proxy or a control plane is restarted within it.
  static let restart = 6.0
  /// How long a configuration may wait for its acknowledgement, in seconds.
  private static let acknowledgement = 6.0

  /// Why the Envoy may not have the configuration; `nil` when it has.
  var connection: Verdict? {
    guard let connection = input.explanation.connection else { return nil }
    switch connection.status {
    case .neverConnected:
      return Verdict(
        .neverConnected, "The proxy has never connected to the control plane.",
        evidence: [.init(.proxy, "No connection of this name was ever seen.")])
    case .offline:
      let time = connection.disconnectTime
      if let time, input.now.secondsSince(time) < Self.restart { return nil }
      return Verdict(
        .proxyOffline, "The proxy is not connected" + (time.map { " since \($0.wholeSecond)." } ?? "."),
        evidence: [.init(.proxy, (connection.obstacle ?? "The connection ended").sentence)], since: time)
    case .online: return online(connection)
    }
  }

  /// Whether several processes have had the proxy's name for longer than one takes the place of another. Spans that come may then be
  /// those of any of them.
  var hasRivals: Bool {
    guard let claims = input.explanation.connection?.claims, claims.count > 1, let newest = claims.last else {
      return false
    }
    return input.now.secondsSince(newest.connectTime) >= Self.restart
  }

  private func online(_ connection: ProxyConnection) -> Verdict? {
    if connection.claims.count > 1 {
      let list = connection.claims.prefix(5).map { "\($0.address) since \($0.connectTime.wholeSecond)" }
      return Verdict(
        .connectedElsewhere,
        "\(connection.claims.count) processes claim to be this proxy; the requests may go through another one.",
        evidence: [.init(.proxy, "They connect from \(list.joined(separator: ", ")).")],
        remedy: "Give each process of kuma-dp a name of its own.",
        since: connection.claims.last?.connectTime)
    }
    if let servedBy = input.servedBy, history == nil {
      return Verdict(
        .connectedElsewhere,
        "The proxy is connected to the control plane \"\(servedBy.abridged())\", which has its counts.",
        evidence: [.init(.proxy, "Its newest connection is to \"\(servedBy.abridged())\".")],
        remedy: "Ask the control plane \"\(servedBy.abridged())\".",
        since: connection.connectTime)
    }
    if let rejection = connection.lastRejection, rejection.discovery == .cds || rejection.discovery == .lds {
      return Verdict(
        .configurationRejected,
        "Envoy rejected its last \(rejection.discovery == .cds ? "clusters" : "listeners"): \(rejection.message.abridged().sentence)",
        evidence: [
          .init(.proxy, "It rejected them at \(rejection.time.wholeSecond) and keeps earlier ones.")
        ], remedy: connection.rejectionAdvice, since: rejection.time)
    }
    if let outstanding = input.outstanding, input.now.secondsSince(outstanding.since) >= Self.acknowledgement {
      return Verdict(
        .acknowledgementOutstanding,
        "Envoy has not acknowledged what it was sent \(input.now.ago(since: outstanding.since)) ago "
          + "(\(outstanding.discovery.rawValue.uppercased())).",
        evidence: [.init(.proxy, "Sent at \(outstanding.since.wholeSecond), and not answered.")],
        since: outstanding.since)
    }
    return nil
  }
}
