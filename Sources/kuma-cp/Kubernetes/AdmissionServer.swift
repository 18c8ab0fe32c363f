import Documents
import HTTPService
import KubernetesAPI
import Logging
import MeshHTTP
import MeshKubernetes
import ServiceLifecycle

/// The server that the API server asks before it stores or deletes objects: HTTPS, on a port of its own.
struct AdmissionServer: Sendable {
  /// The server's name in logs, metrics and errors.
  static let name = "admission server"

  /// Where it listens and how it answers.
  struct Settings: Sendable {
    /// The address or name to listen on.
    var host = "0.0.0.0"
    /// The port; 0 for a free one.
    var port = 5443
    /// A folder with `tls.crt`, `tls.key` and, to be put into the webhook configurations, `ca.crt`; `nil` for certificates of
    /// the control plane's own.
    var certificateFolder: String?
    /// The namespace of the control plane.
    var systemNamespace = "kuma-system"
    /// The Service by which the API server reaches the control plane.
    var serviceName = "kuma-control-plane"
    /// What the injector writes into pods.
    var injection = InjectorSettings()
    /// Whether new policies get a reference to their mesh.
    var setsOwnerReferences = true
    /// The largest number of connections.
    var connections = 256
    /// The log level of the line for each request.
    var requestLogLevel = Logger.Level.debug

    /// The names under which the API server, and tests on this machine, reach the server.
    var hosts: [String] {
      ClusterService.names(serviceName, namespace: systemNamespace) + ["localhost", "127.0.0.1", "::1"]
    }
  }

  /// The size limit of a question in bytes. The API server takes requests of 3 MiB.
  private static let bodyLimit = 4 << 20

  /// Serves the requests and counts refusals.
  let service: RequestService
  /// What has to run, in the order of start.
  let services: [any Service]
  private let trust: AdmissionTrust

  /// - Parameters:
  ///   - client: asks the API server.
  ///   - preview: computes the warnings.
  ///   - namespaces: looks up what namespaces say about their pods.
  ///   - isLeader: whether this control plane is the one that changes webhook configurations.
  init(
    _ settings: Settings, client: KubernetesClient, preview: WritePreview, namespaces: NamespaceLookup,
    isLeader: @escaping @Sendable () -> Bool, budgets: RequestBudgets, ports: BoundPorts, logger: Logger
  ) {
    let trust = AdmissionTrust(settings, client: client, isLeader: isLeader, logger: logger)
    let responder = AdmissionResponder(
      admission: Admission(
        view: LiveMeshView(client: client, preview: preview, namespaces: namespaces),
        injector: Injector(settings: settings.injection), setsOwnerReferences: settings.setsOwnerReferences,
        ownFieldManager: client.fieldManager), report: InjectionReport(logger: logger))
    let turns = FairTurns(1)
    service = RequestService(
      name: Self.name, connections: settings.connections,
      // The API server may use any name, and pages of browsers may not use the server.
      callers: CallerRule(hosts: HostRule(names: []), origins: OriginRule([])) { _ in false },
      bodyLimit: Self.bodyLimit, bodies: budgets.admission, heads: budgets.heads, logger: logger,
      requestLogLevel: settings.requestLogLevel
    ) { request, body, _ in
      await DocumentThreads.answer(body, for: .machine) { body in
        // A large document needs much more memory while it is parsed.
        guard body.count > 64 << 10 else { return await responder.respond(to: request, body: body) }
        return await turns.run { await responder.respond(to: request, body: body) }
      }
    }
    let listener = HTTPListener(
      host: settings.host, port: settings.port, service: service, ports: ports, logger: logger,
      tls: trust)
    self.trust = trust
    services = [trust, listener]
  }

  /// Why the API server cannot ask this control plane; `nil` if it can.
  func obstacle() -> String? { trust.obstacle() }
}
