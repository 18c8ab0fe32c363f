import CLibPQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One connection to a server, for one thread.
///
/// It uses libpq's asynchronous calls only, so that every wait has a deadline.
final class Connection {
  private let handle: OpaquePointer
  private let timeout: Duration
  /// The names of the statements that the server has prepared.
  private var prepared: [String: String] = [:]
  private var lastName = 0
  /// Whether there is a connection pooler in front of the server.
  private var isPooled = false
  /// Which of ``PostgresHosts`` it leads to.
  var host = 0

  /// Connects to a dedicated session of the server.
  ///
  /// - Parameters:
  ///   - signal: wakes the thread so that it checks `isClosing`.
  ///   - isClosing: whether to give up.
  static func open(
    _ configuration: PostgresConfiguration, or signal: WakeSignal, isClosing: () -> Bool
  ) throws(PostgresFailure) -> Connection {
    let connection = try connect(configuration, or: signal, isClosing: isClosing)
    if try !SessionCheck.isDirect(connection) {
      connection.isPooled = true
      let other = try connect(configuration, or: signal, isClosing: isClosing)
      guard try !SessionCheck.isShared(connection, other) else { throw SessionCheck.failure }
    }
    try connection.prepareSession()
    return connection
  }

  private static func connect(
    _ configuration: PostgresConfiguration, or signal: WakeSignal, isClosing: () -> Bool
  ) throws(PostgresFailure) -> Connection {
    guard configuration.parameters.allSatisfy({ !$0.value.utf8.contains(0) }) else {
      throw PostgresFailure(.unusable, "a setting holds a zero byte")
    }
    // An empty parameter counts as missing.
    let parameters = configuration.parameters.filter { !$0.value.isEmpty }
    let keywords = parameters.map { strdup($0.keyword) }
    let values = parameters.map { strdup($0.value) }
    defer { for pointer in keywords + values { free(pointer) } }
    let handle = (keywords.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { keywords in
      (values.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { values in
        PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
      }
    }
    guard let handle else { throw PostgresFailure(.unreachable, "no memory is left") }
    let connection = Connection(handle, timeout: configuration.connectionTimeout)
    try connection.finishConnecting(within: configuration.attemptTimeout, or: signal, isClosing: isClosing)
    return connection
  }

  private init(_ handle: OpaquePointer, timeout: Duration) {
    self.handle = handle
    self.timeout = timeout
  }

  deinit { PQfinish(handle) }

  private func finishConnecting(
    within timeout: Duration, or signal: WakeSignal, isClosing: () -> Bool
  ) throws(PostgresFailure) {
    let deadline = ContinuousClock.now + timeout
    var state = PGRES_POLLING_WRITING
    while true {
      guard PQstatus(handle) != CONNECTION_BAD else { throw PostgresFailure(.unreachable, lastError) }
      switch state {
      case PGRES_POLLING_OK:
        // By default, notices are printed to standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
          throw PostgresFailure(.unreachable, lastError)
        }
        return
      case PGRES_POLLING_FAILED: throw PostgresFailure(.unreachable, lastError)
      default:
        switch wait(
          for: PQsocket(handle), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, or: signal, until: deadline)
        {
        case .ready: state = PQconnectPoll(handle)
        case .woken: if isClosing() { throw PostgresFailure(.closing, "the connection attempt was abandoned") }
        case .timedOut: throw PostgresFailure(.unreachable, "no connection within \(timeout)")
        }
      }
    }
  }

  private func prepareSession() throws(PostgresFailure) {
    let milliseconds = String(max(1, Int64(clamping: Int((timeout / .milliseconds(1)).rounded()))))
    // A frozen or disconnected control plane must not block the others.
    try run([
      Statement(
        """
        SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $1, false),
          set_config('idle_in_transaction_session_timeout', $1, false),
          set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
          set_config('tcp_keepalives_count', '3', false)
        """, .text(milliseconds)),
      // A completed write must be on the server's disk, whatever the server's default is.
      Statement(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"),
    ])
  }

  private var lastError: String { PQerrorMessage(handle).map { String(cString: $0) } ?? "an unknown failure" }

  /// The process id of the session, as reported when the connection was made.
  var announcedProcess: Int32 { PQbackendPID(handle) }

  /// The socket, to wait for notifications or the end of the connection.
  var socket: Int32 { PQsocket(handle) }

  // MARK: Statements

  /// Runs statements in one round trip. If one fails, those after it are not run. Statements outside `BEGIN` and `COMMIT`
  /// form one transaction.
  ///
  /// - Parameter isPrepared: whether the server keeps them as prepared statements.
  /// - Returns: a result for each.
  @discardableResult
  func run(_ statements: [Statement], isPrepared: Bool = true) throws(PostgresFailure) -> [QueryResult] {
    let deadline = ContinuousClock.now + timeout
    var isPreparation: [Bool] = []
    var fresh: [String: String] = [:]
    for statement in statements {
      let types = statement.parameters.map(\.type)
      var name = prepared[statement.sql] ?? fresh[statement.sql]
      if name == nil, isPrepared {
        // A name is never used twice, since the server may or may not know the names of a failed batch.
        lastName += 1
        let new = "s\(lastName)"
        guard PQsendPrepare(handle, new, statement.sql, Int32(clamping: types.count), types) == 1 else {
          throw PostgresFailure(.lost, lastError)
        }
        fresh[statement.sql] = new
        isPreparation.append(true)
        name = new
      }
      try send(statement, name: name)
      isPreparation.append(false)
    }
    guard PQpipelineSync(handle) == 1 else { throw PostgresFailure(.lost, lastError) }
    var results: [QueryResult] = []
    var refusal: PostgresFailure?
    for isPreparation in isPreparation {
      // No further result ends the results of a command.
      while let result = try nextResult(by: deadline) {
        switch result.status {
        case PGRES_FATAL_ERROR:
          guard PQstatus(handle) != CONNECTION_BAD else { throw PostgresFailure(.lost, lastError) }
          if refusal == nil { refusal = PostgresFailure(.refused(result.state), result.message) }
        case PGRES_PIPELINE_ABORTED: break
        default: if !isPreparation { results.append(result) }
        }
      }
    }
    guard let sync = try nextResult(by: deadline), sync.status == PGRES_PIPELINE_SYNC else {
      throw PostgresFailure(.lost, "the server's answers do not match the statements")
    }
    if let refusal {
      // A pooler gave the session with this prepared statement to another connection, or the reverse.
      if isPooled, refusal.kind == .refused("26000") || refusal.kind == .refused("42P05") { throw SessionCheck.failure }
      throw refusal
    }
    prepared.merge(fresh) { old, _ in old }
    guard results.count == statements.count else {
      throw PostgresFailure(.lost, "\(statements.count) statements had \(results.count) results")
    }
    return results
  }

  /// - Parameter name: the name under which the server knows the statement; nil to send its text.
  private func send(_ statement: Statement, name: String?) throws(PostgresFailure) {
    let count = statement.parameters.count
    // One buffer holds all values; the pointers into it are valid as long as the buffer.
    let block = statement.parameters.flatMap(\.bytes)
    let sent = block.withUnsafeBytes { block -> Int32 in
      var values: [UnsafePointer<CChar>?] = []
      var offset = 0
      // An empty value needs an address too: without one it would be null.
      let empty = UnsafePointer<CChar>(bitPattern: 1)
      for parameter in statement.parameters {
        let start = block.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
        values.append(start ?? empty)
        offset += parameter.bytes.count
      }
      let lengths = statement.parameters.map { Int32(clamping: $0.bytes.count) }
      let formats = [Int32](repeating: 1, count: count)
      guard let name else {
        return PQsendQueryParams(
          handle, statement.sql, Int32(clamping: count), statement.parameters.map(\.type), values, lengths, formats, 1)
      }
      return PQsendQueryPrepared(handle, name, Int32(clamping: count), values, lengths, formats, 1)
    }
    guard sent == 1 else { throw PostgresFailure(.lost, lastError) }
  }

  private func nextResult(by deadline: ContinuousClock.Instant) throws(PostgresFailure) -> QueryResult? {
    while PQisBusy(handle) == 1 {
      let unsent = PQflush(handle)
      guard unsent >= 0 else { throw PostgresFailure(.lost, lastError) }
      switch wait(for: socket, unsent == 1 ? POLLIN | POLLOUT : POLLIN, or: nil, until: deadline) {
      case .ready, .woken: break
      case .timedOut: throw PostgresFailure(.silent, "the server did not answer within \(timeout)")
      }
      guard PQconsumeInput(handle) == 1 else { throw PostgresFailure(.lost, lastError) }
    }
    return PQgetResult(handle).map(QueryResult.init(owning:))
  }

  // MARK: Notifications

  /// Reads pending notifications.
  ///
  /// - Returns: the payloads of notifications.
  /// - Throws: ``PostgresFailure`` `lost`.
  func notifications() throws(PostgresFailure) -> [String] {
    guard PQconsumeInput(handle) == 1, PQstatus(handle) != CONNECTION_BAD else {
      throw PostgresFailure(.lost, lastError)
    }
    var payloads: [String] = []
    while let notification = PQnotifies(handle) {
      payloads.append(String(cString: notification.pointee.extra))
      PQfreemem(notification)
    }
    return payloads
  }
}
