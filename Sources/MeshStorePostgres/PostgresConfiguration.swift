/// Where a PostgreSQL database is and how to reach it.
public struct PostgresConfiguration: Sendable {
  /// How a connection is protected.
  public enum TLSMode: String, CaseIterable, Sendable {
    /// Not at all.
    case disable
    /// Encrypted, without verifying the server.
    case verifyNone
    /// Encrypted, with a server whose certificate was signed by the given authority.
    case verifyCa
    /// The same, and the certificate names the host.
    case verifyFull

    /// What libpq calls it.
    var sslmode: String {
      switch self {
      case .disable: "disable"
      case .verifyNone: "require"
      case .verifyCa: "verify-ca"
      case .verifyFull: "verify-full"
      }
    }
  }

  /// A host name, an address, or the directory of a Unix socket. Several, separated by commas, are tried in turn: the one
  /// that takes writes is used.
  public var host: String
  /// The server's port.
  public var port: Int
  /// The user.
  public var user: String
  /// The user's password; where it is empty, what libpq finds elsewhere (`~/.pgpass`).
  public var password: String
  /// The database's name.
  public var database: String
  /// How long a connection may take to be made, and the server to answer.
  public var connectionTimeout: Duration
  /// How long to wait after the first failure to connect; it doubles with each more, up to ``maximumReconnectInterval``.
  public var minimumReconnectInterval: Duration
  /// How long to wait at most.
  public var maximumReconnectInterval: Duration
  /// Whether the connection that writes stays open while nothing is written.
  public var keepsIdleConnections: Bool
  /// How connections are protected.
  public var tlsMode: TLSMode
  /// The client's certificate; empty for none.
  public var certificatePath: String
  /// The certificate's key.
  public var keyPath: String
  /// The authority's certificate.
  public var authorityPath: String

  /// Names a database.
  public init(
    host: String, port: Int, user: String, password: String, database: String,
    connectionTimeout: Duration = .seconds(5),
    minimumReconnectInterval: Duration = .seconds(1), maximumReconnectInterval: Duration = .seconds(60),
    keepsIdleConnections: Bool = true, tlsMode: TLSMode = .disable, certificatePath: String = "", keyPath: String = "",
    authorityPath: String = ""
  ) {
    self.host = host
    self.port = port
    self.user = user
    self.password = password
    self.database = database
    self.connectionTimeout = connectionTimeout
    self.minimumReconnectInterval = minimumReconnectInterval
    self.maximumReconnectInterval = maximumReconnectInterval
    self.keepsIdleConnections = keepsIdleConnections
    self.tlsMode = tlsMode
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.authorityPath = authorityPath
  }

  /// How many connections a store has at most: one follows the changes, one writes.
  public static let connectionCount = 2

  /// The database as messages name it; nothing secret.
  var place: String { "the database \(database) at \(host):\(port)" }

  /// libpq's parameters.
  var parameters: [(keyword: String, value: String)] {
    [
      ("host", host), ("port", String(port)), ("user", user), ("password", password), ("dbname", database),
      ("sslmode", tlsMode.sslmode), ("sslcert", certificatePath), ("sslkey", keyPath), ("sslrootcert", authorityPath),
      ("application_name", "kuma-cp"), ("client_encoding", "UTF8"), ("gssencmode", "disable"),
      // After a failover, the server that was left behind takes no writes.
      ("target_session_attrs", "read-write"),
      // The kernel watches idle connections: nothing of ours has to ask whether the server is still there.
      ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "20000"),
    ]
  }
}

extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
  /// Names the database.
  public var description: String { "\(place) as \(user)" }
  /// Nothing is shown of the parts: one is secret.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
