import Backoff
import Foundation
import GroupCommit
import MeshModel
import MeshStore
import Synchronization

/// Carries out writes on its own connection and thread. Writes that arrive while the server is busy share one transaction.
///
/// A transaction first locks the database's one row and reads what others have committed. So it decides on the current
/// state, and conditions hold across control planes. All its changes are sent in one round trip.
final class Writer: Sendable {
  /// A queued request.
  enum Request: Sendable {
    case write(WritePlan.Operation, CheckedContinuation<Result<WritePlan.Outcome, StoreError>, Never>)
    case ask([Int64], CheckedContinuation<Result<Set<Int64>, StoreError>, Never>)

    func fail(_ error: StoreError) {
      switch self {
      case .write(_, let continuation): continuation.resume(returning: .failure(error))
      case .ask(_, let continuation): continuation.resume(returning: .failure(error))
      }
    }
  }

  private struct State {
    var queue = CommitQueue<Request>(batchLimit: Writer.batchLimit)
    /// The earliest time of the next attempt to connect after a failure, and the failure.
    var pause: (end: ContinuousClock.Instant, error: StoreError)?
    var schedule: BackoffSchedule
  }

  /// How many writes share a transaction at most: it bounds how long the first of them waits.
  private static let batchLimit = CommitQueue<Request>.Weight(count: 1_000, bytes: .max)
  /// For how many transactions deletions are remembered; a control plane that has missed more compares everything.
  private let memory: Int64

  private let configuration: PostgresConfiguration
  private let hosts: PostgresHosts
  private let reader: ReplicaReader
  private let clock: StoreClock.Source
  private let wake: WakeSignal
  private let state: Mutex<State>
  private let onConnect: @Sendable () -> Void
  private let onLose: @Sendable () -> Void
  private let onEnd: @Sendable () -> Void

  init(
    configuration: PostgresConfiguration, hosts: PostgresHosts, reader: ReplicaReader,
    clock: @escaping StoreClock.Source, memory: Int64, onConnect: @escaping @Sendable () -> Void,
    onLose: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void
  ) throws(PostgresFailure) {
    self.configuration = configuration
    self.hosts = hosts
    self.reader = reader
    self.clock = clock
    self.memory = memory
    self.onConnect = onConnect
    self.onLose = onLose
    self.onEnd = onEnd
    wake = try WakeSignal()
    // A write retries the connection at once, but not each of many writes.
    let short = min(configuration.minimumReconnectInterval, .milliseconds(250))
    state = Mutex(
      State(schedule: BackoffSchedule(minimum: short, maximum: configuration.minimumReconnectInterval)))
  }

  func start() {
    let thread = Thread { self.run() }
    thread.name = "postgres-writer"
    thread.start()
  }

  /// Enqueues a request.
  func submit(_ request: Request) {
    switch state.withLock({ $0.queue.enqueue(request) }) {
    case .waits: break
    case .starts: wake.signal()
    case .full, .closed: request.fail(closedError)
    }
  }

  /// Lets the current batch end, and refuses pending requests.
  func close() {
    state.withLock { _ = $0.queue.close() }
    wake.signal()
  }

  /// The server was reached by another connection.
  func retryNow() {
    state.withLock {
      $0.pause = nil
      $0.schedule.succeeded()
    }
  }

  private var closedError: StoreError {
    StoreError(PostgresFailure(.closing, ""), configuration, doing: "written")
  }

  // MARK: The thread

  private func run() {
    var connection: Connection?
    while true {
      let (batch, isClosed) = state.withLock { state in
        let isClosed = state.queue.isClosed
        return (isClosed ? state.queue.takeAll() : state.queue.takeBatch(), isClosed)
      }
      if isClosed {
        for request in batch { request.fail(closedError) }
        break
      }
      if batch.isEmpty {
        if !configuration.keepsIdleConnections { connection = nil }
        if wait(for: connection?.socket ?? -1, or: wake, until: nil) == .ready {
          // No request is pending: the connection has ended, or a notice has arrived.
          do { _ = try connection?.notifications() } catch { lose(&connection) }
        }
        continue
      }
      work(batch, on: &connection)
    }
    connection = nil
    onEnd()
  }

  private func lose(_ connection: inout Connection?) {
    reader.replica.distrust()
    if let connection { hosts.lost(connection) }
    connection = nil
    onLose()
  }

  private func connect() throws(StoreError) -> Connection {
    if let pause = state.withLock({ $0.pause }), pause.end > .now { throw pause.error }
    do {
      let connection = try hosts.open(or: wake) { state.withLock { $0.queue.isClosed } }
      retryNow()
      onConnect()
      return connection
    } catch {
      let error = StoreError(error, configuration, doing: "written")
      state.withLock { state in
        state.pause = (.now + state.schedule.failed(.random(in: 0...1)), error)
      }
      throw error
    }
  }

  private func work(_ batch: [Request], on connection: inout Connection?) {
    var operations: [WritePlan.Operation] = []
    var continuations: [CheckedContinuation<Result<WritePlan.Outcome, StoreError>, Never>] = []
    for request in batch {
      switch request {
      case .write(let operation, let continuation):
        operations.append(operation)
        continuations.append(continuation)
      case .ask(let keys, let continuation):
        continuation.resume(returning: ask(keys, on: &connection))
      }
    }
    guard !operations.isEmpty else { return }
    let results = commit(operations, on: &connection)
    for (continuation, result) in zip(continuations, results) { continuation.resume(returning: result) }
  }

  /// Runs an operation on the connection. An open connection may have ended unnoticed; then the operation is retried once on
  /// a new one, unless it has begun to commit.
  private func use<Value>(
    _ connection: inout Connection?, canRepeat: () -> Bool = { true },
    _ body: (Connection) throws(PostgresFailure) -> Value
  ) throws(PostgresUseFailure) -> Value {
    while true {
      let wasOpen = connection != nil
      let used: Connection
      if let connection {
        used = connection
      } else {
        do throws(StoreError) { used = try connect() } catch { throw PostgresUseFailure(error: error) }
      }
      connection = used
      do throws(PostgresFailure) {
        return try body(used)
      } catch {
        if error.endsConnection {
          lose(&connection)
          // Not if the server is silent: the next attempt would take as long.
          if wasOpen, error.kind != .silent, canRepeat() { continue }
        }
        throw PostgresUseFailure(error: StoreError(error, configuration, doing: "written"), failure: error)
      }
    }
  }

  private func commit(
    _ operations: [WritePlan.Operation], on connection: inout Connection?
  ) -> [Result<WritePlan.Outcome, StoreError>] {
    var isCommitting = false
    do throws(PostgresUseFailure) {
      return try use(&connection, canRepeat: { !isCommitting }) { (connection) throws(PostgresFailure) in
        do throws(PostgresFailure) {
          let head = try reader.readForWriting(on: connection)
          let clock = StoreClock(source: self.clock, last: head.time)
          let plan = reader.replica.feed.read { WritePlan(operations, on: $0, clock: clock) }
          guard !plan.changes.isEmpty else {
            try connection.run([Statement("ROLLBACK")])
            return plan.results
          }
          let number = head.change + 1
          isCommitting = true
          try connection.run(plan.statements(number: number, pruning: pruning(head)))
          isCommitting = false
          reader.replica.apply(own: plan.changes, number: number, after: head)
          return plan.results
        } catch {
          if !error.endsConnection { try connection.run([Statement("ROLLBACK")]) }
          throw error
        }
      }
    } catch {
      if operations.count > 1, error.failure?.mayBeOneWritesFault == true {
        return operations.flatMap { commit([$0], on: &connection) }
      }
      var failure = error.error
      if isCommitting, error.failure?.endsConnection == true {
        failure.message +=
          "; whether the write was committed is unknown until the database is back: read the resource again"
      }
      return operations.map { _ in .failure(failure) }
    }
  }

  /// The transaction up to which deletions can be pruned; pruning happens in large steps.
  private func pruning(_ head: Replica.Head) -> Int64? {
    let limit = head.change - memory
    return limit >= head.pruned + max(1, memory / 10) ? limit : nil
  }

  /// Which of the given advisory locks are held.
  private func ask(_ keys: [Int64], on connection: inout Connection?) -> Result<Set<Int64>, StoreError> {
    do throws(PostgresUseFailure) {
      return .success(
        try use(&connection) { (connection) throws(PostgresFailure) in
          let result = try connection.run([
            Statement(
              """
              SELECT key FROM unnest($1) AS key WHERE key IN (
                SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
                WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
              """, .ints(keys))
          ])[0]
          return Set((0..<result.count).compactMap { result.int($0, 0) })
        })
    } catch {
      return .failure(error.error)
    }
  }
}

/// Why a connection could not be used.
private struct PostgresUseFailure: Error {
  var error: StoreError
  /// What the connection reported; `nil` without a connection.
  var failure: PostgresFailure?
}
