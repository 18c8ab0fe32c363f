import HTTPService
import HTTPTypes
import Logging
import ProgramSettings
import ServiceLifecycle

/// The servers of the API and of diagnostics.
extension Pipeline {
  /// The listeners of the API: over HTTP, and, if there is a second service, over HTTPS.
  static func listeners(
    _ services: [RequestService], _ configuration: ControlPlaneConfiguration, _ certificates: ServerCertificates,
    _ ports: BoundPorts, _ logger: Logger
  ) -> [any Service] {
    let settings = configuration.apiEncryption
    let advice = "choose another port with \(ControlPlaneSettings.key(\.apiEncryption.port))"
    return services.map { service in
      guard service.counts.name == Server.secureAPI else {
        return HTTPListener(
          host: configuration.api.host, port: configuration.api.port, service: service, ports: ports, logger: logger)
      }
      return HTTPListener(
        host: settings.interface, port: settings.port, service: service, ports: ports, logger: logger,
        tls: certificates.apiTLS(), adviceIfTaken: settings.given(\.port) == nil ? advice : nil)
    }
  }

  /// The request service of the API or of diagnostics.
  static func service(
    _ name: String, _ configuration: ControlPlaneConfiguration, _ hosts: HostRule, _ access: any RequestAccess,
    _ descriptors: DescriptorLimit, _ limits: ClientLimits, _ budgets: RequestBudgets, bodyLimit: Int, logger: Logger,
    _ responder: @escaping RequestService.Responder
  ) -> RequestService {
    let origins = OriginRule(configuration.apiOrigins, methods: [.get, .head, .post, .put, .delete])
    // A large document needs much more memory while it is parsed, so documents are parsed one at a time.
    let turns = FairTurns(1)
    var service = RequestService(
      name: name, connections: descriptors.httpConnections, connectionShare: limits.connectionShare,
      callers: CallerRule(hosts: hosts, origins: origins),
      bodyLimit: bodyLimit, bodies: budgets.api, heads: budgets.heads, logger: logger,
      requestLogLevel: configuration.requestLogLevel
    ) { request, body, caller in
      guard body.count > 64 << 10 else { return await responder(request, body, caller) }
      return await turns.run(for: caller.key) { await responder(request, body, caller) }
    }
    service.access = access
    service.rates = limits.rates
    service.settings = RequestService.SettingNames(
      hosts: ControlPlaneSettings.key(\.allowedHosts), origins: ControlPlaneSettings.key(\.apiOrigins))
    return service
  }
}
