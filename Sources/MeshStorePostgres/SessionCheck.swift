import CLibPQ

/// Whether a connection has a dedicated session of the server.
///
/// A connection pooler such as PgBouncer answers in the server's place. In its modes `transaction` and `statement`, each
/// transaction gets any free session. Nothing fails then, but notifications go to sessions without a listener, and locks
/// belong to other clients' sessions, so that control planes would silently miss each other's changes.
struct SessionCheck {
  /// The error, wherever the pooler is detected.
  static let failure = PostgresFailure(
    .unusable,
    "a connection pooler such as PgBouncer stands before it and gives each transaction another session (pool_mode = "
      + "transaction or statement), so that it loses notifications and locks; set pool_mode = session "
      + "for this database, or give the host and port of PostgreSQL itself")

  /// Each round runs two queries on the connection and one on another.
  private static let rounds = 3

  /// Whether the process id of the session is the one that was reported when the connection was made. A pooler reports an
  /// invented one.
  static func isDirect(_ connection: Connection) throws(PostgresFailure) -> Bool {
    try process(connection) == Int64(connection.announcedProcess)
  }

  /// Whether two open connections share a session, or one connection gets several. A pooler assigns the session that was
  /// used last, or each in turn; the queries detect both.
  static func isShared(_ connection: Connection, _ other: Connection) throws(PostgresFailure) -> Bool {
    for _ in 0..<rounds {
      let process = try process(connection)
      if try self.process(connection) != process { return true }
      if try self.process(other) == process { return true }
    }
    return false
  }

  private static func process(_ connection: Connection) throws(PostgresFailure) -> Int64? {
    try connection.run([Statement("SELECT pg_backend_pid()::bigint")], isPrepared: false)[0].int(0, 0)
  }
}
