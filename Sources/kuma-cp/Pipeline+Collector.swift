import Certificates
import Foundation
import HTTPService
import Logging
import MeshAccess
import ProgramSettings
import PrometheusMetrics
import Systemd

extension Pipeline {
  /// Opens the trace collector's store and builds the collector, without a control plane. Starts nothing yet.
  ///
  /// - Throws: an error whose description says what is wrong and how to fix it.
  static func buildCollector(
    _ configuration: ControlPlaneConfiguration, inherited: InheritedSockets = InheritedSockets(), logger: Logger
  ) async throws -> Pipeline {
    guard let settings = configuration.collector else {
      throw SettingFailure(
        "\(CollectorSettings.key(\.enabled)) is false, so there is nothing to run")
    }
    let protection = ListenerProtection(configuration)
    for warning in try protection.check(isCollectorAlone: true) { logger.warning("\(warning)") }
    let directory = URL(filePath: configuration.workDirectory, directoryHint: .isDirectory)
    let usesTLS = settings.endpoints.contains { ListenerProtection.collectorUsesTLS(settings, $0) }
    let certificates =
      usesTLS
      ? try await ServerCertificates.open(configuration, logger: logger) {
        try .own(directory: directory.path(percentEncoded: false), hosts: { ServerCertificates.hosts(configuration) })
      } : nil
    let ports = BoundPorts(logger: logger, inherited: inherited)
    let keys = KeyRing(configuration.tokenValidation)
    let collector = try CollectorServices.open(
      settings, in: directory,
      connections: DescriptorLimit.raised().httpConnections,
      hosts: HostRule(names: ControlPlaneIdentity.machineNames().union(configuration.allowedHosts)),
      access: try ServerAccess(configuration, logger: logger) { keys },
      limits: ClientLimits(configuration.limits), budgets: RequestBudgets(), ports: ports,
      metrics: PrometheusRegistry(), certificates: certificates,
      protection: protection, logger: logger, requestLogLevel: configuration.requestLogLevel)
    return Pipeline(
      ports: ports,
      services: collector.closing + (certificates?.services ?? []) + [ServersTogether(services: collector.listeners)]
        + collector.canary,
      supervision: Supervision(
        startsWaitingFor: { ports.missing.map { ServerName.notListening($0) } }, status: { "serves" },
        parts: Supervision.sharedThreads + collector.parts),
      openWork: { collector.services.compactMap(\.openWork) }, shutdownTimeout: configuration.shutdownTimeout,
      logger: logger)
  }
}
