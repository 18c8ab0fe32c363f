import CLibPQ

/// Whether a connection has a session of the server's to itself.
///
/// A connection pooler such as PgBouncer answers in the server's place. In its modes `transaction` and `statement` it gives
/// each transaction whatever session is free. Nothing fails then: notifications are sent to sessions that nobody listens
/// on, and locks are held by one's neighbour, so that control planes would silently miss each other's changes.
struct SessionCheck {
  /// What is said of it, wherever it is noticed.
  static let failure = PostgresFailure(
    .unusable,
    "a connection pooler such as PgBouncer stands before it and gives each transaction another session (pool_mode = "
      + "transaction or statement), so that it loses notifications and locks; set pool_mode = session "
      + "for this database, or give the host and port of PostgreSQL itself")

  /// Each round is two questions on the connection and one on another.
  private static let rounds = 3

  /// Whether the session of the server, by its process, is the one that the connection was told of at its beginning. A
  /// pooler makes up what it tells.
  static func isDirect(_ connection: Connection) throws(PostgresFailure) -> Bool {
    try process(connection) == Int64(connection.announcedProcess)
  }

  /// Whether two connections that are open at the same time are given the same session, or one of them several. Poolers
  /// give the session that was used last, or each in turn: in both ways one of the questions shows it.
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
