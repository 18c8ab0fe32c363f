import AccessHTTP
import Foundation
import HTTPService
import Logging
import MeshModel
import ProgramSettings
import PrometheusMetrics
import ServiceLifecycle
import Systemd
import TraceAnalysis
import TraceHTTP
import TraceModel
import TraceStore

/// The services of a trace collector, with or without a control plane.
struct CollectorServices {
  let api: CollectorAPI
  /// What it says of spans to whoever looks for the reason why there are none.
  let receipts: LiveSpanReceipts
  /// Why spans cannot be stored now; `nil` if they can.
  let obstacle: @Sendable () async -> String?
  /// Stopped last: closes the store.
  let closing: [any Service]
  /// Stopped first: receives spans.
  let listeners: [any Service]

  /// Serve the listeners' requests and count refusals.
  let services: [RequestService]
  /// Counts connections of HTTP/2 that were ended and streams that were refused.
  let frames: FrameCounts
  /// Started last and stopped first: the canary, unless a setting turns it off.
  let canary: [any Service]
  /// What has to answer while the collector is well.
  let parts: [Watchdog.Part]

  /// Opens the store. Starts nothing yet.
  ///
  /// - Parameters:
  ///   - meshes: what the page may ask about meshes; `nil` without a control plane.
  ///   - connections: the limit of connections of each listener.
  ///   - hosts: the host names allowed for queries and the page.
  ///   - access: who may send spans and read traces.
  ///   - limits: what one client may use.
  ///   - metrics: the registry for the collector's metrics.
  ///   - certificates: those of the ports that take TLS; `nil` if none does.
  ///   - protection: who may do without TLS.
  ///   - proxyTags: reads the tags of proxies by node; `nil` without a control plane.
  static func open(
    _ configuration: CollectorConfiguration, in directory: URL, meshes: PageMeshes? = nil, connections limit: Int,
    hosts: HostRule,
    access: ServerAccess, limits: ClientLimits, budgets: RequestBudgets, ports: BoundPorts, metrics: PrometheusRegistry,
    certificates: ServerCertificates?, protection: ListenerProtection,
    proxyTags: (@Sendable ([String]) async -> [String: [String: String]])? = nil, logger: Logger,
    requestLogLevel: Logger.Level
  ) throws(CollectorError) -> CollectorServices {
    var settings = SegmentStore.Settings()
    settings.limits = configuration.limits
    settings.retention = configuration.retention
    settings.autocompleteKeys = configuration.autocompleteKeys
    settings.privacy = configuration.privacy.rules
    settings.report = { OpenedStore.logWriting("spans", $0, logger) }
    let store = try SegmentStore(
      path: configuration.database(in: directory), settings: settings, metrics: CollectorMetrics(metrics))
    var apiSettings = CollectorAPI.Settings()
    apiSettings.version = ProductVersion.current
    if let proxyTags { apiSettings.proxyTags = proxyTags }
    let page = PrometheusRegistry()
    page.read(budgets.list)
    apiSettings.serverMetrics = page.text
    apiSettings.memory = CollectorMemory(budget: budgets.decoded)
    let canary = Canary(interval: configuration.canary.enabled ? configuration.canary.interval : nil)
    apiSettings.canary = canary
    apiSettings.meshes = meshes?.queries
    let propagation = PropagationMonitor()
    propagation.follow(store)
    let api = CollectorAPI(store: store, propagation: propagation, settings: apiSettings)

    // A flood of spans must not delay the configuration of proxies. Spans are received and parsed by threads of their own with a
    // lower priority, within memory budgets.
    let loops = RequestLoops { ThreadPriority.lower(to: 10) }
    // Senders of spans may use any host name for the collector: an Envoy sends the name of its backend. So does a control plane
    // that asks who receives them.
    let callers = CallerRule(
      hosts: hosts, origins: OriginRule(configuration.allowedOrigins), hasPage: true
    ) { !CollectorAPI.acceptsAnyHost($0) }
    let readers = access.collector()
    let signIn = SignInRoutes(sessions: access.sessions, logger: logger)
    let tls = { (name: String, endpoint: ControlPlaneConfiguration.Endpoint, protocols: [String]?) in
      guard ListenerProtection.collectorUsesTLS(configuration, endpoint) else { return nil as ServerTLS? }
      return protocols.map { certificates?.tls(name, protocols: $0) } ?? certificates?.tls(name)
    }
    var zipkin = service(Pipeline.Server.collector, limit, limits, api, callers, budgets, logger, requestLogLevel) {
      request, body, caller in
      if let answer = signIn.respond(to: request, body: body, from: caller) { return answer }
      let answer = await api.respond(to: request, body: body)
      guard answer.operation == CollectorAPI.waitingOperation else { return answer }
      // Somebody may have lost access while the request waited.
      return readers.refusal(of: request, from: caller) ?? answer
    }
    zipkin.access = readers
    zipkin.rates = limits.rates
    zipkin.limitsRate = { !CollectorAPI.takesSpans($0) }
    zipkin.smallerBodyLimit = SignInRoutes.bodyLimit
    zipkin.settings.origins = CollectorSettings.key(\.allowedOrigins)
    var listeners: [any Service] = [
      HTTPListener(
        host: configuration.zipkin.host, port: configuration.zipkin.port, service: zipkin, ports: ports, logger: logger,
        loops: loops, tls: tls(Pipeline.Server.collector, configuration.zipkin, nil),
        plaintext: protection.plaintext(.collector))
    ]
    var services = [zipkin]
    let frames = FrameCounts()
    let otlp = { (name: String) in
      // Senders may use any host name for the collector.
      var otlp = service(
        name, limit, limits, api, CallerRule(hosts: hosts, origins: callers.origins) { _ in false }, budgets, logger,
        requestLogLevel
      ) { request, body, _ in await api.respondToOTLP(request, body: body) }
      otlp.access = access.otlp()
      otlp.settings.origins = CollectorSettings.key(\.allowedOrigins)
      return otlp
    }
    if let endpoint = configuration.otlp {
      let service = otlp(Pipeline.Server.otlp)
      listeners.append(
        HTTPListener(
          host: endpoint.host, port: endpoint.port, service: service, ports: ports, logger: logger, loops: loops,
          tls: tls(Pipeline.Server.otlp, endpoint, nil), plaintext: protection.plaintext(.otlp),
          adviceIfTaken: configuration.isOTLPPortGiven
            ? nil : Self.advice(\.otlpPort, \.otlpEnabled)))
      services.append(service)
    }
    if let endpoint = configuration.otlpGRPC {
      let service = otlp(Pipeline.Server.otlpGRPC)
      let calls = UnaryCalls(
        methods: CollectorAPI.calls, advice: CollectorAPI.callAdvice, counts: frames, logger: logger)
      listeners.append(
        HTTPListener(
          host: endpoint.host, port: endpoint.port, service: service, ports: ports, logger: logger, loops: loops,
          tls: tls(Pipeline.Server.otlpGRPC, endpoint, UnaryCalls.protocols), plaintext: protection.plaintext(.otlp),
          http2: { calls.setup($0) },
          adviceIfTaken: configuration.isOTLPGRPCPortGiven
            ? nil : Self.advice(\.otlpGRPCPort, \.otlpGRPCEnabled)))
      services.append(service)
    }
    page.read([frames])
    page.read(services)
    page.read(limits)
    // Stopped before the listeners, which wait for open requests.
    listeners.append(ClosingService { api.stopWaiting() })
    return CollectorServices(
      api: api,
      receipts: LiveSpanReceipts(
        api: api, store: store, propagation: propagation, maximumAge: configuration.retention.maximumAge),
      obstacle: store.obstacle,
      closing: [ClosingService { try store.close() }, RetentionService(store: store, propagation: propagation)],
      listeners: listeners,
      services: services,
      frames: frames,
      canary: Self.canaryServices(configuration, canary, ports, access.canaryToken, [metrics, page], logger),
      parts: Supervision.threads("spans", of: loops.group) + [.task("store of spans") { await store.writerTurn() }])
  }

  /// What an operator is told when the default port for exporters is in use.
  private static func advice(
    _ port: KeyPath<CollectorSettings, Setting<Int>>, _ enabled: KeyPath<CollectorSettings, Setting<Bool>>
  ) -> String {
    "OpenTelemetry's exporters can also send to \(CollectorAPI.exporterPaths) of the trace collector's port; choose "
      + "another port with \(CollectorSettings.key(port)), or none with \(CollectorSettings.key(enabled))"
  }

  /// The canary with its metrics; nothing if a setting turns it off.
  private static func canaryServices(
    _ configuration: CollectorConfiguration, _ canary: Canary, _ ports: BoundPorts, _ token: CanaryToken,
    _ pages: [PrometheusRegistry], _ logger: Logger
  ) -> [any Service] {
    guard let interval = canary.record.interval else { return [] }
    for page in pages { page.read(canary) }
    return [
      CanaryService(
        canary, interval: interval, ports: ports, endpoint: configuration.zipkin,
        usesTLS: ListenerProtection.collectorUsesTLS(configuration), token: token, logger: logger)
    ]
  }

  private static func service(
    _ name: String, _ connections: Int, _ limits: ClientLimits, _ api: CollectorAPI, _ callers: CallerRule,
    _ budgets: RequestBudgets,
    _ logger: Logger, _ requestLogLevel: Logger.Level, _ responder: @escaping RequestService.Responder
  ) -> RequestService {
    var service = RequestService(
      name: name, connections: connections, connectionShare: limits.connectionShare, callers: callers,
      bodyLimit: api.limits.bodyBytes, bodies: budgets.spans,
      heads: budgets.heads,
      logger: logger, requestLogLevel: requestLogLevel, responder: responder)
    service.settings.hosts = ControlPlaneSettings.key(\.allowedHosts)
    service.refusalWording = { request, refusal in
      switch refusal {
      case .bodyTooLarge(api.limits.bodyBytes): api.refuse(request, because: .tooLarge)
      case .overloaded: api.refuse(request, because: .overloaded)
      case .late where CollectorAPI.takesSpans(request): api.refuse(request, because: .late)
      default: nil
      }
    }
    return service
  }
}
