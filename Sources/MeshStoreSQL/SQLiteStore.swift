import GRDB
public import MeshModel
public import MeshStore
import SQLiteFiles
import Synchronization

/// A store in one SQLite file, for one control plane.
///
/// Every write is on the disk before its call returns (write-ahead log, `synchronous = FULL`). Concurrent writes share one
/// transaction, but each has its own outcome. While a store is open, no other can open the file.
public final class SQLiteStore: ResourceStore {
  /// The path of the database.
  public let path: String

  let file: SQLiteFile
  private let feed: ChangeFeed
  let writer: Writer
  private let isClosed = Mutex(false)

  /// Opens a database, or creates it. Missing directories are created with mode 0700, the file with 0600.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - clock: the source of times.
  ///   - busyTimeout: how many seconds to wait for another program that uses the file, such as a backup.
  ///   - report: called with a sentence when writes begin to fail, and with nil when they succeed again.
  /// - Throws: ``StoreError`` `unavailable`: the file cannot be created, read or locked, is damaged, is not a database of this
  ///   program, or was written by a newer version.
  public convenience init(
    path: String, clock: @escaping StoreClock.Source = StoreClock.wallClock, busyTimeout: Double = 5,
    report: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(StoreError) {
    try self.init(path: path, clock: clock, busyTimeout: busyTimeout, pageLimit: nil, report: report)
  }

  /// - Parameters:
  ///   - pageLimit: the maximum number of pages; beyond it, the disk counts as full.
  ///   - patience: how long ``obstacle()`` waits after a failed write before it tries another one.
  init(
    path: String, clock: @escaping StoreClock.Source, busyTimeout: Double, pageLimit: Int?,
    patience: Duration = DatabaseFile.patience, report: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(StoreError) {
    let file = try SQLiteFile(
      path: path, busyTimeout: busyTimeout, pageLimit: pageLimit, patience: patience, report: report)
    let (resources, lastTime) = try file.load()
    self.path = path
    self.file = file
    feed = ChangeFeed(present: ResourceTable(resources))
    writer = Writer(file: file, feed: feed, clock: StoreClock(source: clock, last: lastTime))
  }

  /// The resource, or `nil` when there is none.
  public func get(_ key: ResourceKey) async throws(StoreError) -> Resource? {
    try await read { try ResourceRow.fetch(key, in: $0) }
  }

  /// The resources of a type, sorted by mesh and name.
  public func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource] {
    try await read { try ResourceRow.fetch(type, mesh: mesh, in: $0) }
  }

  /// Creates or updates a resource.
  public func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    let row = try ResourceRecord(resource)
    let outcome = try await submit(.put(row, condition)).get()
    guard case .stored(let resource, let created) = outcome else { throw file.closedError }
    return (resource, created)
  }

  /// Deletes a resource and what depends on it.
  public func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    _ = try await submit(.delete(key, condition)).get()
  }

  /// A new subscription to changes.
  public func changes() -> ResourceChanges { feed.changes() }

  /// The number of the newest change.
  public var sequence: UInt64 { feed.sequence }

  /// Why the store cannot be written to now: files that were deleted or replaced, or a full disk.
  public func obstacle() async -> String? {
    isClosed.withLock { $0 } ? file.closedError.message : await file.obstacle()
  }

  /// Waits until the threads that read and write have come to this question. It writes nothing.
  public func turn() async {
    guard !isClosed.withLock({ $0 }) else { return }
    await file.writerTurn()
    _ = try? await get(ResourceKey(type: .mesh, name: "default"))
  }

  /// Waits for pending writes, ends every subscription and releases the lock of the file. After this every call fails.
  public func close() throws(StoreError) {
    let wasClosed = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return isClosed
    }
    guard !wasClosed else { return }
    defer { feed.finish() }
    try file.close()
  }

  private func submit(_ operation: Writer.Operation) async -> Result<Writer.Outcome, StoreError> {
    guard !isClosed.withLock({ $0 }) else { return .failure(file.closedError) }
    return await writer.submit(operation)
  }

  /// Reads on a separate connection. GRDB's `async` read fails in a cancelled task; this one does not.
  private func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    guard !isClosed.withLock({ $0 }) else { throw file.closedError }
    let file = self.file
    return try await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, StoreError>, Never>) in
      file.pool.asyncRead { database in
        continuation.resume(
          returning: Result { try body(database.get()) }.mapError { file.error($0, doing: "read") })
      }
    }.get()
  }
}
