import MeshTransport

/// The names of the servers in logs and metrics.
enum ServerName {
  static let api = "HTTP API"
  static let secureAPI = "HTTPS API"
  static let dataplane = DataplaneServer.name
  static let diagnostics = "diagnostics"
  static let collector = "trace collector"
  static let otlp = "trace collector for OpenTelemetry"
  static let otlpGRPC = "trace collector for OpenTelemetry over gRPC"

  /// A sentence about a server that does not listen yet.
  static func notListening(_ name: String) -> String {
    "the \(name == diagnostics ? "diagnostics server" : name) does not listen yet"
  }
}
