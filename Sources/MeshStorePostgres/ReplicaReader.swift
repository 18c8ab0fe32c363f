import MeshModel
import MeshStore

/// Reads new transactions of the database into a ``Replica``.
struct ReplicaReader {
  let replica: Replica
  let observer: PostgresStore.Observer

  private static let columns =
    "change, type, mesh, name, creation_time, modification_time, revision, labels, spec"
  private static let everything = "SELECT \(columns) FROM kuma_trace_resource"
  private static let news = """
    SELECT \(columns) FROM kuma_trace_resource WHERE change > $1
    UNION ALL
    SELECT change, type, mesh, name, NULL, NULL, NULL, NULL, NULL FROM kuma_trace_deletion WHERE change > $1
    """
  private static let head = "SELECT last_change, forgotten_change, last_time FROM kuma_trace_store WHERE id = 1"

  /// How often to read again when another thread was faster.
  private static let attempts = 10

  /// Reads in a transaction of its own.
  func read(on connection: Connection) throws(PostgresFailure) {
    for _ in 0..<Self.attempts {
      let base = replica.position
      let results = try connection.run([
        Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), Statement(Self.head), rows(after: base),
        Statement("COMMIT"),
      ])
      if apply(results[2], since: base, head: try head(in: results[1])) { return }
    }
    throw PostgresFailure(.lost, "it changed faster than it could be read")
  }

  /// Begins a transaction, locks the database for writing, and reads earlier transactions of others.
  ///
  /// - Returns: the head of the database, which cannot change until the transaction ends.
  func readForWriting(on connection: Connection) throws(PostgresFailure) -> Replica.Head {
    var base = replica.position
    var results = try connection.run([
      Statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"), Statement(Self.head + " FOR UPDATE"),
      rows(after: base),
    ])
    let head = try head(in: results[1])
    results.removeFirst(2)
    for _ in 0..<Self.attempts {
      if apply(results[0], since: base, head: head) {
        let position = replica.position
        if position.isTrusted, position.change == head.change { return head }
      }
      base = replica.position
      results = try connection.run([rows(after: base)])
    }
    throw PostgresFailure(.lost, "it could not be read while it was locked")
  }

  private func rows(after base: Replica.Position) -> Statement {
    base.isTrusted ? Statement(Self.news, .int(base.change)) : Statement(Self.everything)
  }

  private func head(in result: QueryResult) throws(PostgresFailure) -> Replica.Head {
    guard let change = result.int(0, 0), let pruned = result.int(0, 1), let time = result.int(0, 2) else {
      throw PostgresFailure(.unusable, "the row of its table kuma_trace_store is missing; put a copy in its place")
    }
    return Replica.Head(change: change, pruned: pruned, time: Timestamp(nanosecondsSince1970: time))
  }

  private func apply(_ result: QueryResult, since base: Replica.Position, head: Replica.Head) -> Bool {
    var entries: [Replica.Entry] = []
    var unreadable: Set<ResourceKey> = []
    for row in 0..<result.count {
      do throws(StoreError) {
        if let entry = try entry(result, row) { entries.append(entry) }
      } catch {
        // The other entries are still read; a newer control plane may know this type.
        observer(.unreadable(error.message))
        if let key = key(result, row) { unreadable.insert(key) }
      }
    }
    if base.isTrusted { return replica.apply(entries, since: base, head: head) }
    let resources = entries.compactMap { if case .written(let resource) = $0.change { resource } else { nil } }
    return replica.apply(whole: resources, keeping: unreadable, since: base, head: head)
  }

  private func key(_ result: QueryResult, _ row: Int) -> ResourceKey? {
    guard let type = result.text(row, 1).flatMap(ResourceType.init(rawValue:)), let mesh = result.text(row, 2),
      let name = result.text(row, 3)
    else { return nil }
    return ResourceKey(type: type, mesh: mesh, name: name)
  }

  private func entry(_ result: QueryResult, _ row: Int) throws(StoreError) -> Replica.Entry? {
    guard let number = result.int(row, 0) else { return nil }
    if result.int(row, 6) == nil {
      return key(result, row).map { Replica.Entry(number: number, change: .deleted($0)) }
    }
    let resource = try ResourceRecord.resource(
      type: result.text(row, 1), mesh: result.text(row, 2), name: result.text(row, 3),
      creationTime: result.int(row, 4), modificationTime: result.int(row, 5), revision: result.int(row, 6),
      labels: result.text(row, 7), spec: result.text(row, 8))
    return Replica.Entry(number: number, change: .written(resource))
  }
}
