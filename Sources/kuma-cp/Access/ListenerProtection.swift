import HTTPService
import MeshModel
import ProgramSettings

/// Which servers may be reached from the network: those that take TLS and ask who is there, and those that a setting names.
struct ListenerProtection {
  /// A server that would be reachable from the network, and what it lacks.
  private struct Gap {
    var listener: ControlPlaneConfiguration.Listener
    var server: String
    var endpoint: ControlPlaneConfiguration.Endpoint
    /// What it lacks, and what happens without it.
    var lack: String
    /// The setting that gives it.
    var fix: String
  }

  private let configuration: ControlPlaneConfiguration

  init(_ configuration: ControlPlaneConfiguration) { self.configuration = configuration }

  /// Whether the collector's ports take TLS.
  static func collectorUsesTLS(_ collector: CollectorConfiguration, _ endpoint: ControlPlaneConfiguration.Endpoint)
    -> Bool
  {
    collector.tlsEnabled ?? !HostRules.isLoopbackListener(endpoint.host)
  }

  /// Whether proxies reach the collector over TLS.
  static func collectorUsesTLS(_ collector: CollectorConfiguration) -> Bool {
    collectorUsesTLS(collector, collector.zipkin)
  }

  /// Checks the servers of a control plane, or of a collector alone.
  ///
  /// - Returns: warnings about the servers that are open on purpose.
  /// - Throws: ``SettingFailure`` for a server that is open by mistake.
  func check(isCollectorAlone: Bool = false) throws(SettingFailure) -> [String] {
    var warnings: [String] = []
    for gap in (isCollectorAlone ? [] : controlPlaneGaps) + collectorGaps {
      let address = "\(gap.endpoint.host):\(gap.endpoint.port)"
      guard configuration.unprotectedListeners.contains(gap.listener) else {
        throw SettingFailure(
          "the \(gap.server) would be open to the network on \(address) \(gap.lack): \(gap.fix), or, if everybody on that "
            + "network is trusted, add \(gap.listener.rawValue) to \(ControlPlaneSettings.key(\.unprotectedListeners))")
      }
      warnings.append(
        "the \(gap.server) is open to the network on \(address) \(gap.lack), as "
          + "\(ControlPlaneSettings.key(\.unprotectedListeners)) says")
    }
    if !configuration.access.localhostIsAdmin, let collector = configuration.collector,
      !Self.collectorUsesTLS(collector)
    {
      warnings.append(
        "spans of proxies are refused: clients on this machine have to show a token, as "
          + "\(AccessSettings.key(\.localhostIsAdmin)) says, and proxies show theirs over TLS alone; set "
          + "\(CollectorSettings.key(\.tlsEnabled)) to true")
    }
    return warnings
  }

  private var controlPlaneGaps: [Gap] {
    var gaps: [Gap] = []
    if !HostRules.isLoopbackListener(configuration.api.host) {
      gaps.append(
        Gap(
          listener: .api, server: ServerName.api, endpoint: configuration.api,
          lack: "without TLS, so that tokens can be read by others",
          fix: "set \(ControlPlaneSettings.key(\.apiInterface)) to 127.0.0.1 and "
            + "\(ControlPlaneSettings.key(\.apiEncryption.interface)) to \(configuration.api.host)"))
    }
    if !HostRules.isLoopbackListener(configuration.dataplaneServer.host), configuration.proxyAuthentication == .none {
      gaps.append(
        Gap(
          listener: .dataplane, server: ServerName.dataplane, endpoint: configuration.dataplaneServer,
          lack: "without authentication, so that everybody can read and replace the configuration of every proxy",
          fix: "set \(ControlPlaneSettings.key(\.proxyAuthentication)) to dpToken"))
    }
    return gaps
  }

  private var collectorGaps: [Gap] {
    guard let collector = configuration.collector else { return [] }
    let endpoints: [(ControlPlaneConfiguration.Listener, String, ControlPlaneConfiguration.Endpoint)] =
      [(.collector, ServerName.collector, collector.zipkin)]
      + (collector.otlp.map { [(.otlp, ServerName.otlp, $0)] } ?? [])
      + (collector.otlpGRPC.map { [(.otlp, ServerName.otlpGRPC, $0)] } ?? [])
    return endpoints.compactMap { listener, server, endpoint in
      guard !HostRules.isLoopbackListener(endpoint.host), !Self.collectorUsesTLS(collector, endpoint) else {
        return nil
      }
      return Gap(
        listener: listener, server: server, endpoint: endpoint,
        lack: "without TLS, so that tokens and spans can be read by others",
        fix: "set \(CollectorSettings.key(\.tlsEnabled)) to true")
    }
  }

  /// Who may talk without encryption to a server with TLS.
  func plaintext(_ listener: ControlPlaneConfiguration.Listener) -> PlaintextRule {
    configuration.unprotectedListeners.contains(listener) ? .allowed : .fromLoopback
  }
}
