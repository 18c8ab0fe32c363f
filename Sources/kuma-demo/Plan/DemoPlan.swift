import DemoShop
import ProcessSupervisor

/// What the demo runs: its services, who calls whom, and every port.
struct DemoPlan: Sendable {
  /// A service with the proxy beside it.
  struct Service: Sendable {
    var name: String
    /// The services that it calls, in this order.
    var calls: [String]
    /// Every nth request fails; `nil` for no failures.
    var failsEvery: Int?
    /// About how long it works on a request, in milliseconds.
    var workMilliseconds: Int
    /// Where the service itself listens.
    var port: Int
    /// Where its proxy takes requests for it.
    var sidecarPort: Int
    /// Where its proxy is administered.
    var adminPort: Int
    /// Where its proxy takes its requests to others, by their names.
    var outboundPorts: [String: Int]

    /// The address of the service itself, not of its proxy.
    var url: String { "http://127.0.0.1:\(port)" }

    /// The name of the proxy.
    var proxy: String { "\(name)-1" }
  }

  /// The control plane's ports.
  struct ControlPlanePorts: Sendable {
    var api: Int
    var dataplane: Int
    var diagnostics: Int
    var collector: Int
    var otlp: Int
    var otlpGRPC: Int
  }

  let controlPlane: ControlPlanePorts
  let services: [Service]
  /// Default ports that are in use, each with its replacement.
  let replacedPorts: [(usual: Int, instead: Int)]

  /// The service that the demo's own requests go to.
  var entry: Service { services[0] }

  /// The address at which a browser shows the traces.
  var pageURL: String { "\(collectorURL)/" }
  var collectorURL: String { "http://127.0.0.1:\(controlPlane.collector)" }
  /// Where OpenTelemetry's exporters send spans.
  var otlpURL: String { "http://127.0.0.1:\(controlPlane.otlp)" }
  var apiURL: String { "http://127.0.0.1:\(controlPlane.api)" }
  var dataplaneServerURL: String { "http://127.0.0.1:\(controlPlane.dataplane)" }
  var readinessURL: String { "http://127.0.0.1:\(controlPlane.diagnostics)/ready" }
  /// The address of the entry's proxy.
  var entryURL: String { "http://127.0.0.1:\(entry.sidecarPort)/" }

  /// Makes a plan with ports that are free now.
  ///
  /// - Parameter usesUsualPorts: whether the control plane's usual ports are taken where they are free.
  /// - Throws: when no ports are free.
  init(usesUsualPorts: Bool) throws(FreePorts.Exhausted) {
    var ports = FreePorts()
    func port(_ usual: Int) throws(FreePorts.Exhausted) -> Int {
      usesUsualPorts ? try ports.take(preferring: usual) : try ports.take()
    }
    controlPlane = ControlPlanePorts(
      api: try port(5681), dataplane: try port(5678), diagnostics: try port(5680), collector: try port(9411),
      otlp: try port(4318), otlpGRPC: try port(4317))
    replacedPorts = ports.replaced
    services = try DemoShop.services.map { part throws(FreePorts.Exhausted) in
      var service = Service(
        name: part.name, calls: part.calls, failsEvery: part.failsEvery, workMilliseconds: part.workMilliseconds,
        port: try ports.take(), sidecarPort: try ports.take(), adminPort: try ports.take(), outboundPorts: [:])
      for call in part.calls { service.outboundPorts[call] = try ports.take() }
      return service
    }
  }

  /// The services that call others.
  static var callers: [String] { DemoShop.services.filter { !$0.calls.isEmpty }.map(\.name) }
}
