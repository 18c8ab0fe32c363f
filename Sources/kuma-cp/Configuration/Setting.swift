/// One setting of the control plane: its key in the configuration file, and from it the environment variable.
///
/// Names are Kuma's where Kuma has the setting.
struct Setting: Sendable, Hashable {
  /// The path in the configuration file, such as `apiServer.http.port`.
  let key: String
  /// The default, as it would be written in the file.
  let defaultValue: String
  /// What the setting does, in a line.
  let summary: String

  /// The environment variable: `KUMA_API_SERVER_HTTP_PORT`.
  var environmentVariable: String {
    var name = "KUMA_"
    var previousIsLower = false
    for character in key {
      if character == "." {
        name += "_"
        previousIsLower = false
        continue
      }
      if character.isUppercase, previousIsLower { name += "_" }
      name += character.uppercased()
      previousIsLower = character.isLowercase || character.isNumber
    }
    return name
  }

  static let apiServerPort = Setting(
    key: "apiServer.http.port", defaultValue: "5681", summary: "Port of the HTTP API; 0 picks a free one.")
  static let apiServerInterface = Setting(
    key: "apiServer.http.interface", defaultValue: "127.0.0.1", summary: "Address on which the HTTP API listens.")
  static let apiServerReadOnly = Setting(
    key: "apiServer.readOnly", defaultValue: "false", summary: "Whether the HTTP API refuses writes.")
  static let dpServerPort = Setting(
    key: "dpServer.port", defaultValue: "5678",
    summary: "Port of the data plane server: bootstrap and xDS, TLS and plaintext; 0 picks a free one.")
  static let dpServerInterface = Setting(
    key: "dpServer.interface", defaultValue: "127.0.0.1", summary: "Address on which the data plane server listens.")
  static let diagnosticsPort = Setting(
    key: "diagnostics.serverPort", defaultValue: "5680",
    summary: "Port of /ready, /healthy and /metrics; 0 picks a free one.")
  static let diagnosticsInterface = Setting(
    key: "diagnostics.serverInterface", defaultValue: "127.0.0.1", summary: "Address on which diagnostics listen.")
  static let storeType = Setting(
    key: "store.type", defaultValue: "sqlite", summary: "Where resources are kept: sqlite or memory.")
  static let workDir = Setting(
    key: "general.workDir", defaultValue: "",
    summary: "Directory of databases and certificates; empty for kuma-trace in the user's state directory.")
  static let tlsCertFile = Setting(
    key: "general.tlsCertFile", defaultValue: "",
    summary: "Certificate (PEM) of the data plane server; empty for a self-signed one made at the first start.")
  static let tlsKeyFile = Setting(
    key: "general.tlsKeyFile", defaultValue: "", summary: "Key (PEM) that belongs to the certificate.")
  static let skipMeshCreation = Setting(
    key: "defaults.skipMeshCreation", defaultValue: "false",
    summary: "Whether the mesh \"default\" is not created at the first start.")
  static let zoneName = Setting(
    key: "multizone.zone.name", defaultValue: "default", summary: "Zone of this control plane: tag kuma.io/zone.")
  static let deregistrationDelay = Setting(
    key: "xdsServer.dataplaneDeregistrationDelay", defaultValue: "10s",
    summary: "How long a proxy that registered itself may be away before its Dataplane is removed.")
  static let logLevel = Setting(
    key: "log.level", defaultValue: "info", summary: "Least level logged: trace, debug, info, warning, error.")
  static let logFormat = Setting(
    key: "log.format", defaultValue: "text", summary: "How log lines are written: text or json.")

  /// Every setting, in the order in which they are shown.
  static let all: [Setting] =
    [
      .apiServerPort, .apiServerInterface, .apiServerReadOnly, .dpServerPort, .dpServerInterface, .diagnosticsPort,
      .diagnosticsInterface, .storeType, .workDir, .tlsCertFile, .tlsKeyFile, .skipMeshCreation, .zoneName,
      .deregistrationDelay,
    ] + ofCollector + [.logLevel, .logFormat]
}
