import Foundation
import HTTPService
import Logging
import MeshModel
import ProgramSettings
import PrometheusMetrics
import ServiceLifecycle
import TraceAnalysis
import TraceHTTP
import TraceModel
import TraceStore

/// The parts of a trace collector, be it beside the control plane or alone.
struct CollectorServices {
  let api: CollectorAPI
  /// Why no span can be stored at the moment; nil if they can.
  let obstacle: @Sendable () async -> String?
  /// Stopped last: what closes the store.
  let closing: [any Service]
  /// Stopped first: what lets spans in.
  let listeners: [any Service]

  /// How the listeners serve requests, and what they have refused.
  let services: [RequestService]

  /// Opens the store; nothing runs yet.
  ///
  /// - Parameters:
  ///   - connections: how many each listener may have at a time.
  ///   - hosts: the names under which queries and the page may be reached.
  ///   - metrics: shows what the collector counts.
  static func open(
    _ configuration: CollectorConfiguration, in directory: URL, connections limit: Int, hosts: HostRule,
    budgets: RequestBudgets, ports: BoundPorts, metrics: PrometheusRegistry, logger: Logger,
    requestLogLevel: Logger.Level
  ) throws(CollectorError) -> CollectorServices {
    var settings = SegmentStore.Settings()
    settings.limits = configuration.limits
    settings.retention = configuration.retention
    settings.autocompleteKeys = configuration.autocompleteKeys
    settings.report = { OpenedStore.logWriting("spans", $0, logger) }
    let store = try SegmentStore(
      path: configuration.storeFile ?? directory.appending(path: "traces.db").path(percentEncoded: false),
      settings: settings, metrics: CollectorMetrics(metrics))
    var apiSettings = CollectorAPI.Settings()
    apiSettings.version = ProductVersion.current
    let page = PrometheusRegistry()
    page.read(budgets.list)
    apiSettings.serverMetrics = page.text
    apiSettings.memory = CollectorMemory(budget: budgets.decoded)
    let propagation = PropagationMonitor()
    propagation.follow(store)
    let api = CollectorAPI(store: store, propagation: propagation, settings: apiSettings)

    // A flood of spans must not hold up the configuration of proxies: it is read and parsed by threads of its own, and
    // what is in memory of it at a time is bounded.
    let loops = RequestLoops { ThreadPriority.giveWay(10) }
    // Senders of spans name the collector as they please: an Envoy sends the name of its backend.
    let callers = CallerRule(
      hosts: hosts, origins: OriginRule(configuration.allowedOrigins), hasPage: true
    ) { !CollectorAPI.takesSpans($0) }
    var zipkin = service(Pipeline.Server.collector, limit, api, callers, budgets, logger, requestLogLevel) {
      await api.respond(to: $0, body: $1)
    }
    zipkin.settings.origins = CollectorSettings.key(\.allowedOrigins)
    var listeners: [any Service] = [
      HTTPListener(
        host: configuration.zipkin.host, port: configuration.zipkin.port, service: zipkin, ports: ports, logger: logger,
        loops: loops)
    ]
    var services = [zipkin]
    if let endpoint = configuration.otlp {
      let advice =
        "OpenTelemetry's exporters can send to \(CollectorAPI.exporterPaths) of the trace collector's port as well; choose "
        + "another port with \(CollectorSettings.key(\.otlpPort)), or none with \(CollectorSettings.key(\.otlpEnabled))"
      let senders = CallerRule(hosts: hosts, origins: callers.origins) { _ in false }
      var otlp = service(Pipeline.Server.otlp, limit, api, senders, budgets, logger, requestLogLevel) {
        await api.respondToOTLP($0, body: $1)
      }
      otlp.settings.origins = CollectorSettings.key(\.allowedOrigins)
      listeners.append(
        HTTPListener(
          host: endpoint.host, port: endpoint.port, service: otlp, ports: ports, logger: logger, loops: loops,
          adviceIfTaken: configuration.isOTLPPortGiven ? nil : advice))
      services.append(otlp)
    }
    page.read(services)
    // Before the listeners stop, as they wait for what is open.
    listeners.append(ClosingService { api.stopWaiting() })
    return CollectorServices(
      api: api, obstacle: store.obstacle,
      closing: [ClosingService { try store.close() }, RetentionService(store: store, propagation: propagation)],
      listeners: listeners,
      services: services)
  }

  private static func service(
    _ name: String, _ connections: Int, _ api: CollectorAPI, _ callers: CallerRule, _ budgets: RequestBudgets,
    _ logger: Logger, _ requestLogLevel: Logger.Level, _ responder: @escaping RequestService.Responder
  ) -> RequestService {
    var service = RequestService(
      name: name, connections: connections, callers: callers, bodyLimit: api.limits.bodyBytes, bodies: budgets.spans,
      heads: budgets.heads,
      logger: logger, requestLogLevel: requestLogLevel, responder: responder)
    service.settings.hosts = ControlPlaneSettings.key(\.allowedHosts)
    service.refusalWording = { request, refusal in
      switch refusal {
      case .bodyTooLarge: api.refuse(request, because: .tooLarge)
      case .overloaded: api.refuse(request, because: .overloaded)
      case .late where CollectorAPI.takesSpans(request): api.refuse(request, because: .late)
      default: nil
      }
    }
    return service
  }
}
