import CProcess
import Certificates
import EnvoyInspection
import Foundation
import HTTPService
import HTTPTypes
import Logging
import MeshAccess
import MeshControl
import MeshHTTP
import MeshKubernetes
import MeshModel
import MeshPolicy
import MeshStore
import MeshTransport
import MeshXDS
import OrderedCollections
import ProgramSettings
import PrometheusMetrics
import ReceiverInspection
import ServiceLifecycle
import Systemd
import TraceHTTP
import TraceModel
import TracingInspection

/// The control plane as a whole: start reading here.
///
/// A change of configuration passes through these stages. Each is a type. Only this file connects them:
///
/// ```
/// YAML ─▶ ResourceDocument ─▶ MeshAPI ─▶ ResourceStore ─▶ Reconciler ─▶ MeshIndex ─▶ ProxyConfiguration
///                                                                                           │
///            Envoy ◀─ DataplaneServer ◀─ SnapshotCache ◀─ ProxySnapshot ◀─ EnvoyTranslator ◀┘
///              │ spans
///              └─▶ CollectorAPI ─▶ SegmentStore ─▶ page
/// ```
///
/// On Kubernetes, kubectl and the API server take the place of the first three: ``ClusterConnection`` is the store, and
/// ``ClusterDuties`` is what a cluster asks of a control plane beside.
struct Pipeline: Sendable {
  /// The listening ports, known once the servers listen.
  let ports: BoundPorts
  /// In the order of their start; they end from the last to the first.
  let services: [any Service]
  /// What a service manager is told.
  let supervision: Supervision
  /// What is open, in words, while the program ends.
  let openWork: @Sendable () -> [String]
  /// How long the program may take to end in order.
  let shutdownTimeout: Duration
  let logger: Logger

  /// The names of the servers in logs and in ``ports``.
  typealias Server = ServerName

  /// Opens the store and connects the stages. Starts nothing yet.
  ///
  /// - Throws: an error whose description says what is wrong and how to fix it.
  static func build(
    _ configuration: ControlPlaneConfiguration, inherited: InheritedSockets = InheritedSockets(), logger: Logger
  ) async throws -> Pipeline {
    process_share_arenas(Int32(max(2, ProcessInfo.processInfo.activeProcessorCount)))
    let descriptors = DescriptorLimit.raised()
    let ports = BoundPorts(logger: logger, inherited: inherited)
    let budgets = RequestBudgets()
    let limits = ClientLimits(configuration.limits)
    let protection = ListenerProtection(configuration)
    for warning in try protection.check() { logger.warning("\(warning)") }
    let directory = URL(filePath: configuration.workDirectory, directoryHint: .isDirectory)
    let instance = ControlPlaneIdentity.instance()

    let opened = try await OpenedStore.open(configuration, in: directory, instance: instance, logger: logger)
    let store = opened.store
    // In a cluster the leader does it, once the store is loaded.
    if opened.cluster == nil, !configuration.skipMeshCreation { try await store.createFirstMesh(logger: logger) }

    let accessState = AccessState(
      configuration, store: store, in: opened.cluster == nil ? directory : nil, logger: logger)
    if opened.cluster == nil { try await accessState.load() }
    let access = try ServerAccess(configuration, logger: logger) { accessState.keys }

    let cache = SnapshotCache()
    let translator = EnvoyTranslator()
    let resolver = AddressResolver(logger: logger, lookup: SystemLookup.lookUp)
    let forms = ReportFormSelector(logger: logger) { LocalMachine.has(peer: $0.remotePeer) }
    let reconciler = Reconciler(
      store: store, translator: translator, cache: cache, resolver: resolver, forms: forms,
      awaitsServiceAddresses: opened.cluster != nil,
      awaitsOwnCollector: configuration.collector.map(ListenerProtection.collectorUsesTLS) ?? false, logger: logger)
    let authenticator = try configuration.proxyAuthenticator(opened.cluster, access: accessState, logger: logger)
    let sessions = ProxySessions(
      store: store, shared: opened.shared, reconciler: reconciler, authenticator: authenticator, instance: instance,
      zone: configuration.zone,
      removalDelay: configuration.deregistrationDelay, giveBackMemory: process_give_back_memory,
      logger: logger)

    let certificates = try await ServerCertificates.open(configuration, logger: logger) {
      try await Self.certificate(configuration, in: directory, store: opened, logger: logger)
    }
    let isInCluster = opened.cluster != nil
    var bootstrap = BootstrapResponder(
      resources: BootstrapEndpoint.Resources(
        dataplane: { mesh, name in
          try await store.get(ResourceKey(type: .dataplane, mesh: mesh, name: name))?.content(Dataplane.self)
        },
        meshExists: { try await store.get(ResourceKey(type: .mesh, name: $0)) != nil },
        refusalOfName: { isInCluster ? ResourceType.dataplane.refusal(ofNameInCluster: $0) : nil }),
      identity: { [certificate = certificates.main, isOwn = configuration.tlsCertificateFile == nil] in
        BootstrapResponder.Identity(
          names: certificate.current.names, authority: isOwn ? certificate.authorityPEM : "")
      },
      authenticator: authenticator, logger: logger
    ) { ports.port(Server.dataplane) }
    let admission = EvidenceAdmission(store: store, sessions: sessions, authenticator: authenticator)
    let envoyMetrics = MetricsService.Setup(configuration, admission, sessions.evidence)
    bootstrap.metricsInterval = envoyMetrics?.interval
    let requests = DataplaneRequests(
      bootstrap: bootstrap,
      evidence: EvidenceResponder(admission, sessions.evidence))
    ports.expect(Server.dataplane)
    var settings = DataplaneServer.Configuration()
    (settings.host, settings.port) = (configuration.dataplaneServer.host, configuration.dataplaneServer.port)
    settings.socket = try inherited.take(for: Server.dataplane, host: settings.host, port: settings.port)
    settings.encryption = Encryption(
      tls: certificates.tls(Server.dataplane, protocols: DataplaneServer.protocols),
      plaintext: protection.plaintext(.dataplane))
    settings.limits.connections = descriptors.proxyConnections
    (settings.limits.connectionShare, settings.rates) = (limits.connectionShare, limits.rates)
    (settings.budgets, settings.metrics) = (budgets.dataplane, envoyMetrics)
    settings.documents = { DocumentThreads.shared.lane(for: $0) }
    settings.requestLogLevel = configuration.requestLogLevel
    let dataplaneServer = DataplaneServer(
      configuration: settings,
      cache: cache, observer: sessions,
      logger: logger,
      onListening: { ports.set(Server.dataplane, $0, host: configuration.dataplaneServer.host) },
      bootstrap: { request, body, caller in
        await Self.answer(request, body, caller, requests)
      })

    let administration = EnvoyAdministrationClient(
      address: { await sessions.address(of: $0) },
      podAddress: { isInCluster ? await reconciler.podAddress(of: $0) : nil })
    let addresses = configuration.collector.map {
      CollectorAddresses(
        ports: ports, configuration: $0, certificate: certificates.main,
        names: configuration.allowedHosts + configuration.serviceNames)
    }
    let isOwnCollector: @Sendable (CollectorURL) -> Bool = { [addresses] url in addresses?.receives(url) ?? false }
    let inspection = LiveInspection(reconciler: reconciler)
    let hosts = HostRule(
      names: ControlPlaneIdentity.machineNames().union(certificates.main.current.names ?? []).union(
        configuration.allowedHosts
      )
      .union(configuration.serviceNames))
    let meshes = PageMeshes(store: store)
    let metrics = PrometheusRegistry()
    metrics.read(reconciler, sessions, translator, dataplaneServer)
    metrics.read(forms)
    metrics.read(sessions.evidence)
    metrics.read(opened.bounded, resolver)
    let collector = try configuration.collector.map { settings in
      try CollectorServices.open(
        settings, in: directory, meshes: meshes, connections: descriptors.httpConnections, hosts: hosts, access: access,
        limits: limits, budgets: budgets, ports: ports, metrics: metrics, certificates: certificates,
        protection: protection, proxyTags: { await ProxyTags.read(of: $0, from: reconciler) },
        logger: logger, requestLogLevel: configuration.requestLogLevel)
    }
    if let receipts = collector?.receipts { sessions.evidence.compare(with: receipts.lastStored) }
    let insights = LiveInsights(store: store, sessions: sessions)
    let diagnoses = TracingDiagnoses.live(
      configuration, store: insights, inspection: inspection, evidence: sessions.evidence,
      collector: collector?.receipts,
      receivers: (addresses, forms), instance: instance, isShared: opened.shared != nil)
    metrics.read(diagnoses)
    let api = MeshAPI(
      store: insights,
      configuration: APIConfiguration(
        hostname: ControlPlaneIdentity.hostname, version: ProductVersion.current, instanceId: instance,
        clusterId: opened.clusterID(), zone: configuration.zone, isReadOnly: configuration.apiReadOnly,
        readOnlyReason: opened.cluster == nil
          ? APIConfiguration.readOnlyBySetting : APIConfiguration.readOnlyOnKubernetes,
        object: { [cluster = opened.cluster] in cluster?.document(of: $0) },
        effective: configuration.document,
        versions: ["kumaDp": .object([ProductVersion.current: ["envoy": "~1.40.0"]])],
        isOwnCollector: isOwnCollector),
      inspection: inspection, administration: administration, diagnoses: diagnoses,
      tokens: accessState.issuer(configuration),
      foreign: { [addresses] in addresses?.operations ?? [] }, now: { .now })

    var services = opened.services
    if let collector { services += collector.closing }
    if let addresses {
      services.append(
        OwnCollectorWatch(
          reconciler: reconciler, addresses: addresses, certificate: certificates.main, access: accessState))
    }
    let receiverClient = ReceiverClient(lookup: SystemLookup.lookUp)
    let receivers = ReceiverWatch(
      forms,
      questions: LiveReceivers(
        addresses: addresses, senders: collector?.api.senders, client: receiverClient, administration: administration)
    )
    meshes.connect(api)
    let answer: RequestService.Responder = { request, body, caller in
      await DocumentThreads.answer(body, for: caller.key) { await api.respond(to: request, body: $0, from: caller) }
    }
    let apiServices = ([Server.api] + (configuration.secureAPI == nil ? [] : [Server.secureAPI])).map { name in
      Self.service(
        name, configuration, hosts, access.api(api, isSecure: name == Server.secureAPI), descriptors, limits, budgets,
        bodyLimit: api.bodyLimit, logger: logger,
        answer)
    }
    let injection = try await InjectorSettings.make(
      configuration, authority: certificates.main.authorityPEM, client: opened.cluster?.client, logger: logger)
    let kubernetes = opened.cluster.map { cluster in
      ClusterDuties(
        of: cluster, configuration, injection: injection, reconciler: reconciler, administration: administration,
        preview: WritePreview(
          store: store, inspection: inspection, zone: configuration.zone, isOwnCollector: isOwnCollector, now: { .now }),
        connections: descriptors.httpConnections, budgets: budgets, ports: ports, logger: logger)
    }
    metrics.read(budgets.list + (kubernetes == nil ? [] : [budgets.admission]))
    metrics.read(
      apiServices + [dataplaneServer.service] + (collector?.services ?? [])
        + (kubernetes.map { [$0.admission.service] } ?? [])
    )
    metrics.read([dataplaneServer.frames] + (collector.map { [$0.frames] } ?? []))
    metrics.read(limits)
    metrics.readProcess(KumaControlPlane.logLines)
    let starting: @Sendable () async -> [String] = {
      var obstacles = ports.missing.map { ServerName.notListening($0) }
      if !accessState.isComplete { obstacles.append("the keys that check tokens are not complete yet") }
      if await !reconciler.isSynchronized { obstacles.append("the store's content is not loaded yet") }
      return obstacles
    }
    let diagnostics = DiagnosticsAPI(
      obstacles: {
        var obstacles = await starting()
        if let trouble = await store.obstacle() { obstacles.append(trouble) }
        if let trouble = await collector?.obstacle() { obstacles.append(trouble) }
        obstacles += kubernetes?.obstacles() ?? []
        return obstacles
      },
      remark: { kubernetes?.remark() },
      metrics: metrics.text)

    // Stopped from the last to the first: the proxies disconnect, then their insights are stored, then the stores close.
    services += [
      accessState, resolver, reconciler, sessions, administration, receiverClient, receivers, diagnoses,
    ]
    services += certificates.services
    let diagnosticsService = Self.service(
      Server.diagnostics, configuration, hosts, access.diagnostics(), descriptors, limits, budgets, bodyLimit: 4096,
      logger: logger
    ) { request, _, _ in await diagnostics.respond(to: request) }
    if let kubernetes { services += kubernetes.services }
    let diagnosticsListener = HTTPListener(
      host: configuration.diagnostics.host, port: configuration.diagnostics.port, service: diagnosticsService,
      ports: ports, logger: logger, tls: certificates.tls(Server.diagnostics), plaintext: .allowed)
    services.append(
      ServersTogether(
        services: [diagnosticsListener] + (collector?.listeners ?? [])
          + Self.listeners(apiServices, configuration, certificates, ports, logger) + [dataplaneServer]))
    if let collector { services += collector.canary }
    let supervision = Supervision(
      startsWaitingFor: starting,
      status: { Supervision.status(proxies: dataplaneServer.streamCount) },
      parts: Supervision.sharedThreads + opened.parts + (collector?.parts ?? []))
    return Pipeline(
      ports: ports, services: services, supervision: supervision,
      openWork: { [requests = apiServices + [diagnosticsService] + (collector?.services ?? [])] in
        requests.compactMap(\.openWork) + dataplaneServer.openWork
      },
      shutdownTimeout: configuration.shutdownTimeout, logger: logger)
  }

  /// The certificate of a control plane that is given none: that of its cluster, of its database, or of its work directory.
  private static func certificate(
    _ configuration: ControlPlaneConfiguration, in directory: URL, store: OpenedStore, logger: Logger
  ) async throws -> ReloadableCertificate.Source {
    let hosts: @Sendable () -> [String] = { ServerCertificates.hosts(configuration) }
    if let cluster = store.cluster {
      let shared = SharedCertificate(
        client: cluster.client, namespace: configuration.kubernetes.systemNamespace, hosts: hosts, logger: logger)
      if let source = await shared.find() { return source }
    }
    if configuration.store == .postgres {
      return try await StoredAuthority(
        store: store.store, directory: directory.path(percentEncoded: false), hosts: hosts, logger: logger
      ).find()
    }
    return try .own(directory: directory.path(percentEncoded: false), hosts: hosts)
  }
}
