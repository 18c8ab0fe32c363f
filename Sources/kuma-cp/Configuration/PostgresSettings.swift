import MeshModel
import MeshStorePostgres
import ProgramSettings

/// The settings of the database shared by control planes.
struct PostgresSettings: SettingGroup {
  let host = Setting(
    "store.postgres.host", .nonEmpty, default: "127.0.0.1",
    "Host of PostgreSQL, or the directory of its socket; several, separated by commas, are tried in turn.")
  let port = Setting("store.postgres.port", .port, default: "15432", "Port of PostgreSQL.")
  let user = Setting("store.postgres.user", .nonEmpty, default: "kuma", "User of the database.")
  let password = Setting(
    "store.postgres.password", .text, default: "kuma", "Password of the user; empty for what ~/.pgpass says.",
    isSecret: true)
  let database = Setting(
    "store.postgres.dbName", .nonEmpty, default: "kuma", "Name of the database, whose encoding is UTF8.")
  let connectionTimeout = Setting(
    "store.postgres.connectionTimeout", .seconds, default: "5",
    "How many seconds a connection may take to be made, and an answer to come.")
  let maxOpenConnections = Setting(
    "store.postgres.maxOpenConnections", .connectionLimit, default: "50",
    "Limit of open connections; two are used, so 2 or more, or 0 for no limit.")
  let maxIdleConnections = Setting(
    "store.postgres.maxIdleConnections", .number, default: "50",
    "Below 0, the connection that writes is closed when nothing is to be written.")
  let minReconnectInterval = Setting(
    "store.postgres.minReconnectInterval", .duration, default: "1s",
    "How long to wait after the first failure to connect; doubled after each more.")
  let maxReconnectInterval = Setting(
    "store.postgres.maxReconnectInterval", .duration, default: "4s",
    "How long to wait between attempts to connect at most.")
  let tlsMode = Setting<PostgresConfiguration.TLSMode>(
    "store.postgres.tls.mode", .choice, default: "disable",
    "TLS to PostgreSQL: disable, verifyNone, verifyCa or verifyFull.")
  let tlsCertPath = Setting(
    "store.postgres.tls.certPath", .optionalText, default: "", "Client certificate (PEM) for PostgreSQL.")
  let tlsKeyPath = Setting(
    "store.postgres.tls.keyPath", .optionalText, default: "", "Key (PEM) that belongs to it.")
  let tlsCaPath = Setting(
    "store.postgres.tls.caPath", .optionalText, default: "",
    "Certificate (PEM) of the authority of PostgreSQL's; needed by verifyCa and verifyFull.")
}

extension PostgresConfiguration {
  /// Builds the database configuration by Kuma's rules.
  ///
  /// - Throws: ``SettingFailure`` when settings contradict each other.
  init(_ settings: SettingValues<PostgresSettings>) throws(SettingFailure) {
    let (minimum, maximum) = (settings.minReconnectInterval, settings.maxReconnectInterval)
    guard minimum > .zero, minimum < maximum else {
      throw settings.failure(
        \.minReconnectInterval, "must be above 0 and below \(PostgresSettings.key(\.maxReconnectInterval))")
    }
    let mode = settings.tlsMode
    if mode == .verifyCa || mode == .verifyFull, settings.tlsCaPath == nil {
      throw SettingFailure(
        "\(PostgresSettings.key(\.tlsCaPath)) is missing: with \(mode.rawValue), name the authority's certificate")
    }
    try settings.requireBoth(\.tlsCertPath, \.tlsKeyPath)
    self.init(
      host: settings.host, port: settings.port, user: settings.user, password: settings.password,
      database: settings.database, connectionTimeout: settings.connectionTimeout, minimumReconnectInterval: minimum,
      maximumReconnectInterval: maximum, keepsIdleConnections: settings.maxIdleConnections >= 0, tlsMode: mode,
      certificatePath: settings.tlsCertPath ?? "", keyPath: settings.tlsKeyPath ?? "",
      authorityPath: settings.tlsCaPath ?? "")
  }
}

extension SettingValues {
  /// Checks that a certificate and its key are set together or not at all.
  func requireBoth(
    _ certificate: KeyPath<Group, Setting<String?>>, _ key: KeyPath<Group, Setting<String?>>
  ) throws(SettingFailure) {
    guard (self[dynamicMember: certificate] == nil) != (self[dynamicMember: key] == nil) else { return }
    let missing = self[dynamicMember: certificate] == nil ? certificate : key
    throw SettingFailure(
      "\(Group.key(missing)) is missing: set both a certificate and its key, or neither")
  }
}

extension SettingFormat<Duration> {
  /// A time of 1 to 3600 seconds: a number of seconds, as in Kuma, or a duration.
  fileprivate static var seconds: Self {
    Self("is not a valid time to wait; give 1 to 3600 seconds") { text in
      let duration = Int(text).map(Duration.seconds) ?? Duration(goText: text)
      return duration.flatMap { (.seconds(1) ... .seconds(3600)).contains($0) ? $0 : nil }
    }
  }
}

extension SettingFormat<Int> {
  /// A whole number, which may be negative.
  fileprivate static var number: Self { Self("is not a valid number; give a whole number such as 50") { Int($0) } }

  /// A limit of open connections.
  fileprivate static var connectionLimit: Self {
    Self { text throws(SettingFault) in
      let limit = try Self.number.read(text)
      guard limit == 0 || limit >= PostgresConfiguration.connectionCount else {
        throw SettingFault(text, "is too few; \(PostgresConfiguration.connectionCount) are needed, 0 is no limit")
      }
      return limit
    }
  }
}
