import MeshStore

/// A failure of a connection or a statement.
struct PostgresFailure: Error {
  enum Kind: Sendable, Equatable {
    /// No connection could be made.
    case unreachable
    /// The connection broke.
    case lost
    /// The server did not answer in time.
    case silent
    /// The server rejected a statement with this SQLSTATE. The connection can still be used.
    case refused(String)
    /// The store was closed.
    case closing
    /// A retry cannot help: the database is newer than this program, or belongs to another program.
    case unusable
  }

  var kind: Kind
  /// What happened, without a full stop or a line feed.
  var message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
      .joined(separator: "; ")
  }

  /// Whether the connection can no longer be used.
  var endsConnection: Bool {
    switch kind {
    // SQLSTATE: connection exceptions, a read-only server, a server that shuts down.
    case .refused(let state): state.hasPrefix("08") || state == "25006" || state.hasPrefix("57P")
    case .unreachable, .lost, .silent, .closing, .unusable: true
    }
  }

  /// Whether a failed transaction may succeed without one of its writes.
  var mayBeOneWritesFault: Bool {
    guard case .refused(let state) = kind, !endsConnection else { return false }
    // Not if resources are short (53), an operator intervenes (57), rights are missing (42501), or a lock is held.
    return !["53", "57", "58"].contains(state.prefix(2)) && state != "42501" && state != "55P03"
  }
}

extension PostgresConfiguration {
  /// What to do when no connection can be made. Kuma's default port is none that a PostgreSQL listens on by itself.
  func advice(_ failure: PostgresFailure) -> String {
    if failure.message.contains("password authentication failed") {
      "correct store.postgres.user, or the password, for which there is KUMA_STORE_POSTGRES_PASSWORD"
    } else if port == 15432 {
      "try again when it is back, or set store.postgres.port: PostgreSQL's own is 5432, and 15432 the default of Kuma"
    } else {
      "try again when it is back"
    }
  }
}

extension StoreError {
  /// A failure in the store's terms.
  init(_ failure: PostgresFailure, _ configuration: PostgresConfiguration, doing action: String) {
    let place = configuration.place
    let message =
      switch failure.kind {
      case .unreachable: "\(place) cannot be reached: \(failure.message); \(configuration.advice(failure))"
      case .lost, .silent: "\(place) was lost: \(failure.message); try again"
      case .refused("55P03"):
        "\(place) is locked by another control plane that does not release it: \(failure.message); try again"
      case .refused: "\(place) cannot be \(action): \(failure.message)"
      case .closing: "\(place) has been closed; open it again"
      case .unusable: "\(place) cannot be used: \(failure.message)"
      }
    self.init(code: .unavailable, message: message, cause: failure)
  }
}
