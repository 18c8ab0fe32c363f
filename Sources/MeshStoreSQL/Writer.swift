import GRDB
import GroupCommit
import MeshModel
import MeshStore
import Synchronization

/// Carries out writes in order of arrival; those that arrive while the disk is busy share one transaction.
///
/// The work runs on the database's queue, and a write that finds it idle starts it. There is no task, so that a cancelled
/// caller does not affect the others. A refused write (a missing mesh, a condition that does not hold) changes nothing,
/// and the others of its transaction are written. If a transaction fails and one write may be the cause, such as one too
/// large for the disk, each is retried in its own transaction.
final class Writer: Sendable {
  /// A write.
  enum Operation: Sendable {
    case put(ResourceRecord, WriteCondition)
    case delete(ResourceKey, WriteCondition)
  }

  /// What a write did.
  enum Outcome: Sendable {
    case stored(Resource, created: Bool)
    case deleted
  }

  private struct Request: Sendable {
    let operation: Operation
    let continuation: CheckedContinuation<Result<Outcome, StoreError>, Never>
  }

  /// The maximum number of writes in a transaction, which bounds how long the first of them waits.
  private static let batchLimit = CommitQueue<Request>.Weight(count: 1_000, bytes: .max)

  private let file: SQLiteFile
  private let feed: ChangeFeed
  private let clock: Mutex<StoreClock>
  private let queue = Mutex(CommitQueue<Request>(batchLimit: batchLimit))

  init(file: SQLiteFile, feed: ChangeFeed, clock: StoreClock) {
    self.file = file
    self.feed = feed
    self.clock = Mutex(clock)
  }

  /// How many writes wait for a transaction.
  var waitingCount: Int { queue.withLock { $0.waiting.count } }

  /// Writes; returns when the write is on the disk and published, or when it was refused.
  func submit(_ operation: Operation) async -> Result<Outcome, StoreError> {
    await withCheckedContinuation { continuation in
      switch queue.withLock({ $0.enqueue(Request(operation: operation, continuation: continuation)) }) {
      case .waits: break
      case .starts: file.pool.asyncWriteWithoutTransaction { self.work(on: $0) }
      case .full, .closed: continuation.resume(returning: .failure(file.closedError))
      }
    }
  }

  private func work(on database: Database) {
    while true {
      let batch = queue.withLock { $0.takeBatch() }
      if batch.isEmpty { return }
      commit(batch, on: database)
    }
  }

  private func commit(_ batch: [Request], on database: Database) {
    var results: [Result<Outcome, StoreError>] = []
    var changes: [ChangeFeedStateMachine.Change] = []
    do {
      try file.transaction(on: database) {
        for request in batch {
          do {
            results.append(.success(try perform(request.operation, on: database, changes: &changes)))
          } catch let refusal as StoreError {
            results.append(.failure(refusal))
          }
        }
        if !changes.isEmpty {
          try database.cachedStatement(sql: "UPDATE store_clock SET last_time = ?")
            .execute(arguments: [clock.withLock { $0.last.nanosecondsSince1970 }])
        }
      }
    } catch {
      if batch.count > 1, SQLiteFile.mayBeOneWritesFault(error) {
        for request in batch { commit([request], on: database) }
        return
      }
      for request in batch { request.continuation.resume(returning: .failure(file.error(error, doing: "written"))) }
      return
    }
    feed.publish(changes)
    for (request, result) in zip(batch, results) { request.continuation.resume(returning: result) }
  }

  /// Carries out one write. All checks come before the first change.
  private func perform(
    _ operation: Operation, on database: Database, changes: inout [ChangeFeedStateMachine.Change]
  ) throws -> Outcome {
    switch operation {
    case .put(let row, let condition):
      let (stored, created) = try put(row, condition, on: database)
      changes.append(.written(stored))
      return .stored(stored, created: created)
    case .delete(let key, let condition):
      changes += try delete(key, condition, on: database).map { .deleted($0) }
      return .deleted
    }
  }

  private func put(
    _ row: ResourceRecord, _ condition: WriteCondition, on database: Database
  ) throws -> (stored: Resource, created: Bool) {
    var stored = row.resource
    let key = stored.key
    let present = try Row.fetchOne(
      database.cachedStatement(
        sql: "SELECT creation_time, revision FROM resource WHERE type = ? AND mesh = ? AND name = ?"),
      arguments: [key.type.rawValue, key.mesh, key.name])
    if key.type.isMeshScoped, try !exists(ResourceKey(type: .mesh, name: key.mesh), on: database) {
      throw StoreError.meshNotFound(key.mesh)
    }
    let revision = present.flatMap { Int64.fromDatabaseValue($0[1]) }
    guard condition.holds(for: revision.map(UInt64.init(clamping:))) else {
      throw StoreError.conflict(key, present: revision.map(UInt64.init(clamping:)), condition: condition)
    }
    let now = clock.withLock { $0.tick() }
    let created = StoreClock.creation(
      present.flatMap { Int64.fromDatabaseValue($0[0]) }.map(Timestamp.init(nanosecondsSince1970:)), writtenAt: now)
    stored.creationTime = created
    stored.modificationTime = now
    stored.revision = UInt64(clamping: (revision ?? 0) &+ 1)
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO resource (type, mesh, name, creation_time, modification_time, revision, labels, spec)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (type, mesh, name) DO UPDATE SET creation_time = excluded.creation_time,
          modification_time = excluded.modification_time, revision = excluded.revision, labels = excluded.labels, spec = excluded.spec
        """)
    try statement.execute(arguments: [
      key.type.rawValue, key.mesh, key.name, created.nanosecondsSince1970, now.nanosecondsSince1970,
      Int64(clamping: stored.revision), row.labels, row.spec,
    ])
    return (stored, present == nil)
  }

  private func delete(
    _ key: ResourceKey, _ condition: WriteCondition, on database: Database
  ) throws -> [ResourceKey] {
    guard let revision = try revision(of: key, on: database) else { throw StoreError.notFound(key) }
    guard condition.holds(for: revision) else {
      throw StoreError.conflict(key, present: revision, condition: condition)
    }
    var deleted = [key]
    switch key.type {
    case .mesh:
      // The table's foreign key deletes them; the subscribers need their keys.
      let members = try Row.fetchAll(
        database.cachedStatement(sql: "SELECT type, name FROM resource WHERE mesh = ?"), arguments: [key.name])
      for row in members {
        guard let type = String.fromDatabaseValue(row[0]).flatMap(ResourceType.init(rawValue:)),
          let name = String.fromDatabaseValue(row[1])
        else { continue }
        if type == .dataplane { throw StoreError.meshInUse(key.name) }
        deleted.append(ResourceKey(type: type, mesh: key.name, name: name))
      }
    case .dataplane:
      let insight = ResourceKey(type: .dataplaneInsight, mesh: key.mesh, name: key.name)
      if try exists(insight, on: database) {
        try remove(insight, on: database)
        deleted.append(insight)
      }
    case .trafficTrace, .dataplaneInsight, .secret, .globalSecret: break
    }
    try remove(key, on: database)
    return deleted
  }

  private func remove(_ key: ResourceKey, on database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM resource WHERE type = ? AND mesh = ? AND name = ?")
      .execute(arguments: [key.type.rawValue, key.mesh, key.name])
  }

  private func exists(_ key: ResourceKey, on database: Database) throws -> Bool {
    try revision(of: key, on: database) != nil
  }

  private func revision(of key: ResourceKey, on database: Database) throws -> UInt64? {
    guard ResourceRecord.canBeNamed(key) else { return nil }
    let statement = try database.cachedStatement(
      sql: "SELECT revision FROM resource WHERE type = ? AND mesh = ? AND name = ?")
    return try Row.fetchOne(statement, arguments: [key.type.rawValue, key.mesh, key.name])
      .map { UInt64(clamping: Int64.fromDatabaseValue($0[0]) ?? 0) }
  }
}
