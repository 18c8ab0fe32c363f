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
  /// Whether the value is shown to nobody.
  var isSecret = false

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
  static let apiServerAllowedOrigins = Setting(
    key: "apiServer.corsAllowedDomains", defaultValue: "",
    summary: "Origins whose pages may use the HTTP API from a browser, such as https://gui.example:3000, with commas "
      + "between; * for all, empty for none.")
  static let allowedHosts = Setting(
    key: "general.allowedHosts", defaultValue: "",
    summary:
      "Names, beside localhost, this machine's and the certificate's, under which the HTTP API, diagnostics and the "
      + "collector's queries may be reached, such as cp.example or *.mesh.example, with commas between; * for any.")
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
    key: "store.type", defaultValue: "sqlite", summary: "Where resources are kept: sqlite, postgres or memory.")
  static let postgresHost = Setting(
    key: "store.postgres.host", defaultValue: "127.0.0.1",
    summary: "Host of PostgreSQL, or the directory of its socket; several, separated by commas, are tried in turn.")
  static let postgresPort = Setting(
    key: "store.postgres.port", defaultValue: "15432", summary: "Port of PostgreSQL.")
  static let postgresUser = Setting(
    key: "store.postgres.user", defaultValue: "kuma", summary: "User of the database.")
  static let postgresPassword = Setting(
    key: "store.postgres.password", defaultValue: "kuma",
    summary: "Password of the user; empty for what ~/.pgpass says.", isSecret: true)
  static let postgresDatabase = Setting(
    key: "store.postgres.dbName", defaultValue: "kuma", summary: "Name of the database, whose encoding is UTF8.")
  static let postgresConnectionTimeout = Setting(
    key: "store.postgres.connectionTimeout", defaultValue: "5",
    summary: "How many seconds a connection may take to be made, and an answer to come.")
  static let postgresMaxOpenConnections = Setting(
    key: "store.postgres.maxOpenConnections", defaultValue: "50",
    summary: "Limit of open connections; two are used, so 2 or more, or 0 for no limit.")
  static let postgresMaxIdleConnections = Setting(
    key: "store.postgres.maxIdleConnections", defaultValue: "50",
    summary: "Below 0, the connection that writes is closed when nothing is to be written.")
  static let postgresMinReconnectInterval = Setting(
    key: "store.postgres.minReconnectInterval", defaultValue: "1s",
    summary: "How long to wait after the first failure to connect; doubled after each more.")
  static let postgresMaxReconnectInterval = Setting(
    key: "store.postgres.maxReconnectInterval", defaultValue: "60s",
    summary: "How long to wait between attempts to connect at most.")
  static let postgresTLSMode = Setting(
    key: "store.postgres.tls.mode", defaultValue: "disable",
    summary: "TLS to PostgreSQL: disable, verifyNone, verifyCa or verifyFull.")
  static let postgresTLSCertPath = Setting(
    key: "store.postgres.tls.certPath", defaultValue: "", summary: "Certificate (PEM) that is shown to PostgreSQL.")
  static let postgresTLSKeyPath = Setting(
    key: "store.postgres.tls.keyPath", defaultValue: "", summary: "Key (PEM) that belongs to it.")
  static let postgresTLSCaPath = Setting(
    key: "store.postgres.tls.caPath", defaultValue: "",
    summary: "Certificate (PEM) of the authority of PostgreSQL's; needed by verifyCa and verifyFull.")
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
      .apiServerPort, .apiServerInterface, .apiServerReadOnly, .apiServerAllowedOrigins, .dpServerPort,
      .dpServerInterface, .diagnosticsPort,
      .diagnosticsInterface, .storeType, .postgresHost, .postgresPort, .postgresUser, .postgresPassword,
      .postgresDatabase, .postgresConnectionTimeout, .postgresMaxOpenConnections, .postgresMaxIdleConnections,
      .postgresMinReconnectInterval, .postgresMaxReconnectInterval, .postgresTLSMode, .postgresTLSCertPath,
      .postgresTLSKeyPath, .postgresTLSCaPath, .workDir, .allowedHosts, .tlsCertFile, .tlsKeyFile, .skipMeshCreation,
      .zoneName,
      .deregistrationDelay,
    ] + ofCollector + [.logLevel, .logFormat]
}
