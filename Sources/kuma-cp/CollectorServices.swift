import Foundation
import HTTPTypes
import Logging
import MeshModel
import ServiceLifecycle
import TraceCollector

/// The parts of a trace collector, be it beside the control plane or alone.
struct CollectorServices {
  let api: CollectorAPI
  /// Stopped last: what closes the store.
  let closing: [any Service]
  /// Stopped first: what lets spans in.
  let listeners: [any Service]

  /// Opens the store; nothing runs yet.
  ///
  /// - Parameter connections: how many each listener may have at a time.
  static func open(
    _ configuration: CollectorConfiguration, in directory: URL, connections: Int, ports: BoundPorts, logger: Logger
  ) throws(CollectorError) -> CollectorServices {
    var settings = SpanStore.Settings()
    settings.limits = configuration.limits
    settings.retention = configuration.retention
    settings.autocompleteKeys = configuration.autocompleteKeys
    let store = try SpanStore(
      path: configuration.storeFile ?? directory.appending(path: "traces.db").path(percentEncoded: false),
      settings: settings)
    var apiSettings = CollectorAPI.Settings()
    apiSettings.allowedOrigins = configuration.allowedOrigins
    apiSettings.version = ProductVersion.current
    let api = CollectorAPI(store: store, settings: apiSettings)

    // A flood of spans must not hold up the configuration of proxies: it is read and parsed by threads of its own, and
    // what is in memory of it at a time is bounded.
    let loops = CollectorLoops()
    let bodies = HTTPListener.BodyRule(
      limit: api.limits.bodyBytes, admission: BodyAdmission(bytes: api.limits.waitingBytes)
    ) { request, refusal in
      switch refusal {
      case .tooLarge: api.refuse(request, because: .tooLarge)
      case .overloaded: api.refuse(request, because: .overloaded)
      }
    }
    var listeners: [any Service] = [
      HTTPListener(
        name: Pipeline.Server.collector, endpoint: configuration.zipkin, bodyRule: bodies,
        connections: connections, ports: ports, logger: logger, loops: loops, responder: api.respond)
    ]
    if let endpoint = configuration.otlp {
      let advice =
        "OpenTelemetry's exporters can send to \(CollectorAPI.otlpPath) of the trace collector's port as well; choose "
        + "another port with \(Setting.collectorOTLPPort.key), or none with \(Setting.collectorOTLPEnabled.key)"
      listeners.append(
        HTTPListener(
          name: Pipeline.Server.otlp, endpoint: endpoint, bodyRule: bodies, connections: connections, ports: ports,
          logger: logger, loops: loops, adviceIfTaken: configuration.isOTLPPortGiven ? nil : advice
        ) { await api.respondToOTLP($0, body: $1) })
    }
    // Before the listeners stop, as they wait for what is open.
    listeners.append(ClosingService { api.stopWaiting() })
    return CollectorServices(
      api: api, closing: [ClosingService { try store.close() }, RetentionService(store: store)], listeners: listeners)
  }
}
