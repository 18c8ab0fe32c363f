/// The address of a PostgreSQL database and the settings of its connections.
public struct PostgresConfiguration: Sendable {
  /// How a connection is protected.
  public enum TLSMode: String, CaseIterable, Sendable {
    /// Not encrypted.
    case disable
    /// Encrypted, without verifying the server.
    case verifyNone
    /// Encrypted, with a server whose certificate was signed by the given authority.
    case verifyCa
    /// As above, and the certificate must name the host.
    case verifyFull

    /// The value of libpq's `sslmode`.
    var sslmode: String {
      switch self {
      case .disable: "disable"
      case .verifyNone: "require"
      case .verifyCa: "verify-ca"
      case .verifyFull: "verify-full"
      }
    }
  }

  /// A host name, an address, or the directory of a Unix socket. Several, separated by commas, are tried in turn until one
  /// accepts writes.
  public var host: String
  /// The server's port.
  public var port: Int
  /// The user.
  public var user: String
  /// The user's password; if it is empty, libpq looks elsewhere (`~/.pgpass`).
  public var password: String
  /// The database's name.
  public var database: String
  /// The timeout for connecting and for each answer of the server.
  public var connectionTimeout: Duration
  /// The wait after the first failure to connect; it doubles with each failure, up to ``maximumReconnectInterval``.
  public var minimumReconnectInterval: Duration
  /// The maximum wait between attempts to connect.
  public var maximumReconnectInterval: Duration
  /// Whether the writer's connection stays open while it is idle.
  public var keepsIdleConnections: Bool
  /// How connections are protected.
  public var tlsMode: TLSMode
  /// How long an attempt to connect to one of several hosts may take.
  var attemptTimeout: Duration
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
    minimumReconnectInterval: Duration = .seconds(1), maximumReconnectInterval: Duration = .seconds(4),
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
    attemptTimeout = connectionTimeout
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.authorityPath = authorityPath
  }

  /// The maximum number of connections of a store: one follows changes, one writes.
  public static let connectionCount = 2

  /// The database as named in messages, without secrets.
  package var place: String { "the database \(database) at \(host):\(port)" }

  /// A configuration for each host. A host that does not answer leaves the others their share of the time.
  var perHost: [PostgresConfiguration] {
    let hosts = host.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    guard hosts.count > 1 else { return [self] }
    return hosts.map { host in
      var one = self
      one.host = host
      one.attemptTimeout = connectionTimeout / hosts.count
      return one
    }
  }

  /// libpq's parameters.
  var parameters: [(keyword: String, value: String)] {
    [
      ("host", host), ("port", String(port)), ("user", user), ("password", password), ("dbname", database),
      ("sslmode", tlsMode.sslmode), ("sslcert", certificatePath), ("sslkey", keyPath), ("sslrootcert", authorityPath),
      ("application_name", "kuma-cp"), ("client_encoding", "UTF8"), ("gssencmode", "disable"),
      // After a failover, the old server accepts no writes.
      ("target_session_attrs", "read-write"),
      // The kernel's keepalive watches idle connections, so the program need not poll the server.
      ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "20000"),
    ]
  }
}

extension Substring {
  fileprivate var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
  /// Names the database.
  public var description: String { "\(place) as \(user)" }
  /// Hides the fields, since one is secret.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
