import MeshModel
import MeshStore

/// The changes of a transaction, computed in memory from everything that was committed before.
struct WritePlan: Sendable {
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

  private struct Entry {
    var resource: Resource
    var labels: String
    var spec: String

    var row: StoredContent.Row {
      StoredContent.Row(
        type: resource.key.type.rawValue, mesh: resource.mesh, name: resource.name,
        creationTime: resource.creationTime?.nanosecondsSince1970 ?? 0,
        modificationTime: resource.modificationTime?.nanosecondsSince1970 ?? 0,
        revision: Int64(clamping: resource.revision), labels: labels, spec: spec)
    }
  }

  /// The outcome of each operation.
  private(set) var results: [Result<Outcome, StoreError>] = []
  /// The changes, in order.
  private(set) var changes: [ChangeFeedStateMachine.Change] = []
  /// The last version of each changed resource; `nil` if it was deleted.
  private var touched: [ResourceKey: Entry?] = [:]
  private var existedBefore: Set<ResourceKey> = []
  private var clock: StoreClock

  /// Plans operations; each one sees the effects of the earlier ones.
  init(_ operations: [Operation], on table: ResourceTable, clock: StoreClock) {
    self.clock = clock
    for operation in operations {
      do throws(StoreError) {
        switch operation {
        case .put(let record, let condition): results.append(.success(try put(record, condition, on: table)))
        case .delete(let key, let condition):
          try delete(key, condition, on: table)
          results.append(.success(.deleted))
        }
      } catch {
        results.append(.failure(error))
      }
    }
    existedBefore = Set(touched.keys.filter { table[$0] != nil })
  }

  private func present(_ key: ResourceKey, on table: ResourceTable) -> Resource? {
    if let entry = touched[key] { return entry?.resource }
    return table[key]
  }

  private mutating func put(
    _ record: ResourceRecord, _ condition: WriteCondition, on table: ResourceTable
  ) throws(StoreError) -> Outcome {
    var stored = record.resource
    let key = stored.key
    let old = present(key, on: table)
    if key.type.isMeshScoped, present(ResourceKey(type: .mesh, name: key.mesh), on: table) == nil {
      throw .meshNotFound(key.mesh)
    }
    guard condition.holds(for: old?.revision) else {
      throw .conflict(key, present: old?.revision, condition: condition)
    }
    let now = clock.tick()
    stored.creationTime = StoreClock.creation(old?.creationTime, writtenAt: now)
    stored.modificationTime = now
    stored.revision = UInt64(clamping: Int64(clamping: (old?.revision ?? 0) &+ 1))
    touched[key] = .some(Entry(resource: stored, labels: record.labels, spec: record.spec))
    changes.append(.written(stored))
    return .stored(stored, created: old == nil)
  }

  private mutating func delete(
    _ key: ResourceKey, _ condition: WriteCondition, on table: ResourceTable
  ) throws(StoreError) {
    guard let old = present(key, on: table) else { throw .notFound(key) }
    guard condition.holds(for: old.revision) else {
      throw .conflict(key, present: old.revision, condition: condition)
    }
    var gone = Set(table.deletion(of: key)).filter { present($0, on: table) != nil }
    for (other, entry) in touched where entry != nil {
      let goesAlong =
        key.type == .mesh
        ? other.owningMesh == key.name
        : key.type == .dataplane
          && other == ResourceKey(type: .dataplaneInsight, mesh: key.mesh, name: key.name)
      if goesAlong { gone.insert(other) }
    }
    gone.insert(key)
    if key.type == .mesh, gone.contains(where: { $0.type == .dataplane }) { throw .meshInUse(key.name) }
    for key in gone.sorted() {
      touched[key] = .some(nil)
      changes.append(.deleted(key))
    }
  }

  // MARK: Statements

  /// The statements that write the changes and end the transaction.
  ///
  /// - Parameters:
  ///   - number: the transaction's number.
  ///   - pruning: the transaction up to which deletions are pruned; `nil` for none.
  func statements(number: Int64, pruning: Int64?) -> [Statement] {
    let written = touched.values.compactMap(\.self).sorted { $0.resource.key < $1.resource.key }
    let gone = touched.filter { $0.value == nil && existedBefore.contains($0.key) }.keys.sorted()
    let created = written.map(\.resource.key).filter { !existedBefore.contains($0) }
    var statements: [Statement] = []
    if !written.isEmpty {
      statements.append(.writing(written.map(\.row), number: number, revision: .given))
    }
    if !created.isEmpty { statements.append(Self.removal("kuma_trace_deletion", created)) }
    if !gone.isEmpty {
      statements.append(Self.removal("kuma_trace_resource", gone))
      statements.append(
        Statement(
          """
          INSERT INTO kuma_trace_deletion (type, mesh, name, change)
          SELECT type, mesh, name, $4 FROM unnest($1, $2, $3) AS gone (type, mesh, name)
          ON CONFLICT (type, mesh, name) DO UPDATE SET change = excluded.change
          """,
          .texts(gone.map(\.type.rawValue)), .texts(gone.map(\.mesh)), .texts(gone.map(\.name)), .int(number)))
    }
    if let pruning {
      statements.append(Statement("DELETE FROM kuma_trace_deletion WHERE change <= $1", .int(pruning)))
      statements.append(Statement("UPDATE kuma_trace_store SET forgotten_change = $1", .int(pruning)))
    }
    return statements + [
      Statement(
        "UPDATE kuma_trace_store SET last_change = $1, last_time = $2", .int(number),
        .int(clock.last.nanosecondsSince1970)),
      Statement("SELECT pg_notify('\(Schema.channel)', $1)", .text(String(number))),
      Statement("COMMIT"),
    ]
  }

  private static func removal(_ table: String, _ keys: [ResourceKey]) -> Statement {
    Statement(
      """
      DELETE FROM \(table) AS old USING unnest($1, $2, $3) AS key (type, mesh, name)
      WHERE old.type = key.type AND old.mesh = key.mesh AND old.name = key.name
      """,
      .texts(keys.map(\.type.rawValue)), .texts(keys.map(\.mesh)), .texts(keys.map(\.name)))
  }
}
