/// What the command line asks for.
struct DemoOptions: Sendable {
  /// Whether services and proxies run in pods of a cluster.
  var isOnKubernetes: Bool
  /// Whether the demo ends by itself with a summary.
  var isHeadless: Bool
  /// Requests before the first trace is drawn.
  var requests: Int
  /// Requests per second afterwards.
  var rate: Double
  /// The service that is to stop forwarding the trace headers.
  var broken: String?
  /// A path of Envoy, where one is given.
  var envoy: String?
  /// Whether the control plane takes its usual ports where they are free.
  var usesUsualPorts: Bool
  /// Whether the folder is kept.
  var keepsFolder: Bool
}
