import MeshModel
import MeshPolicy

/// What the proxy's connection says.
extension Examination {
  /// How long a connection may be gone before it counts, in seconds: a proxy or a control plane is restarted within it.
  static let restart = 6.0
  /// How long a Dataplane may be there without a connection before it counts, in seconds. The cause has to be named within 10.
  static let start = 8.0
  /// How long proxies may take to connect to a control plane that has started, in seconds: Envoy waits for up to 30 seconds between
  /// two attempts. Source: `retry_back_off` of Envoy's gRPC service, whose defaults the bootstrap leaves as they are.
  static let reconnection = 30 + restart
  /// How long a configuration may wait for its acknowledgement, in seconds.
  private static let acknowledgement = 6.0

  /// Why the Envoy may not have the configuration; `nil` when it has.
  var connection: Verdict? {
    guard let connection = input.explanation.connection else { return nil }
    switch connection.status {
    case .neverConnected:
      if let starting { return starting }
      return Verdict(
        .neverConnected, "The proxy has never connected to the control plane.",
        evidence: [.init(.proxy, "No connection of this name was ever seen.")], since: input.created)
    case .offline:
      if isReturning(connection) { return nil }
      let time = connection.disconnectTime
      return Verdict(
        .proxyOffline, "The proxy is not connected" + (time.map { " since \($0.wholeSecond)." } ?? "."),
        evidence: [.init(.proxy, (connection.obstacle ?? "The connection ended").sentence)], since: time)
    case .online: return online(connection)
    }
  }

  /// What is said of a proxy that has never connected while it may still be about to; `nil` when it should have connected.
  private var starting: Verdict? {
    // The store's clock may differ from this one.
    let age = input.created.map { input.now.secondsSince($0) }
    if let age, abs(age) < Self.start {
      return Verdict(
        .noneExpected, level: .waiting, "The proxy is starting, and has not connected yet.",
        evidence: [
          .init(
            .proxy,
            "Its Dataplane was created \(Timestamp.words(seconds: age)) ago; its proxy has not connected yet.")
        ], remedy: "Wait some seconds.", since: input.created)
    }
    guard isAwaited, let awaited = input.awaited, input.created.map({ $0 <= awaited }) ?? true else { return nil }
    return Verdict(
      .noneExpected, level: .waiting, "The control plane has just started, and the proxy has not connected to it yet.",
      evidence: [
        .init(
          .proxy,
          "This control plane started \(input.now.ago(since: awaited)) ago; proxies that run connect to it within "
            + "\(Timestamp.words(seconds: Self.reconnection)).")
      ], remedy: "Wait some seconds.", since: awaited)
  }

  /// Whether a proxy that is not connected may be on its way back: it or the control plane has been restarted.
  func isReturning(_ connection: ProxyConnection) -> Bool {
    isAwaited || connection.disconnectTime.map { input.now.secondsSince($0) < Self.restart } ?? false
  }

  /// Whether this control plane has started so lately that the proxy may not have connected to it yet.
  private var isAwaited: Bool {
    input.awaited.map { abs(input.now.secondsSince($0)) < Self.reconnection } ?? false
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
    if let rejection = connection.lastRejection, rejection.discovery == .cds || rejection.discovery == .lds {
      return Verdict(
        .configurationRejected,
        "Envoy rejected its last \(rejection.discovery == .cds ? "clusters" : "listeners"): \(rejection.message.abridged().sentence)",
        evidence: [
          .init(.proxy, "It rejected them at \(rejection.time.wholeSecond) and keeps earlier ones.")
        ], remedy: connection.rejectionAdvice, since: rejection.time)
    }
    if let servedBy = input.servedBy, history == nil {
      // Nothing is known to be wrong with it.
      return Verdict(
        .connectedElsewhere, level: .unknown,
        "The proxy is connected to the control plane \"\(servedBy.abridged())\", which has its counts.",
        evidence: [.init(.proxy, "Its newest connection is to \"\(servedBy.abridged())\".")],
        remedy: "Ask the control plane \"\(servedBy.abridged())\".",
        since: connection.connectTime)
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
