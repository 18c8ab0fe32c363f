import DemoShop
import ProcessSupervisor

/// What the demo of a cluster runs: its names, and every port.
struct ClusterPlan: Sendable {
  /// The namespace of the control plane.
  static let systemNamespace = "kuma-system"
  /// The namespace of the four services.
  static let namespace = "kuma-demo"
  /// The Service by which pods know the control plane.
  static let controlPlane = "kuma-control-plane"
  /// The name of the documentation's collector, which the collector of the control plane has here.
  static let collector = "jaeger-collector.kuma-tracing"

  /// The address of this machine that pods reach, where control plane and collector listen.
  let address: String
  let api: Int
  let dataplane: Int
  let diagnostics: Int
  let zipkin: Int
  let otlp: Int
  let otlpGRPC: Int
  let admission: Int
  /// Ports of the API server: etcd, etcd's peers, the API, controllers.
  let server: [Int]
  /// Default ports that are in use, each with its replacement.
  let replacedPorts: [(usual: Int, instead: Int)]

  var apiURL: String { "http://127.0.0.1:\(api)" }
  var collectorURL: String { "http://\(address):\(zipkin)" }
  /// The address at which a browser shows the traces.
  var pageURL: String { "\(collectorURL)/" }
  var otlpURL: String { "http://\(address):\(otlp)" }
  var readinessURL: String { "http://127.0.0.1:\(diagnostics)/ready" }

  /// Makes a plan with ports that are free now.
  ///
  /// - Throws: when no ports are free.
  init(address: String, usesUsualPorts: Bool) throws(FreePorts.Exhausted) {
    var ports = FreePorts()
    func port(_ usual: Int) throws(FreePorts.Exhausted) -> Int {
      usesUsualPorts ? try ports.take(preferring: usual) : try ports.take()
    }
    self.address = address
    api = try port(5681)
    dataplane = try port(5678)
    diagnostics = try port(5680)
    zipkin = try port(9411)
    otlp = try port(4318)
    otlpGRPC = try port(4317)
    admission = try ports.take()
    server = [try ports.take(), try ports.take(), try ports.take(), try ports.take()]
    replacedPorts = ports.replaced
  }

  /// The name by which the spans of a service are known.
  static func traced(_ service: String) -> String { "\(service)_\(namespace)_svc_80" }

  /// The services as they appear in traces.
  static let services = DemoShop.services.map {
    TracedService(name: traced($0.name), calls: $0.calls.map(traced))
  }

  /// The service that the requests go to, and whose pod sends them.
  static let entry = DemoShop.services.first?.name ?? ""

  /// The names that pods resolve besides those of Services.
  var hosts: [String: String] {
    let service = "\(Self.controlPlane).\(Self.systemNamespace)"
    return [service: address, "\(service).svc": address, Self.collector: address]
  }
}
