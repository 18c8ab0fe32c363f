import GRDB
import MeshModel
import MeshStore

/// Reads the rows of the table `resource`.
enum ResourceRow {
  private static let columns = "type, mesh, name, creation_time, modification_time, revision, labels, spec"

  static func fetch(_ key: ResourceKey, in database: Database) throws -> Resource? {
    guard !key.mesh.utf8.contains(0), !key.name.utf8.contains(0) else { return nil }
    let statement = try database.cachedStatement(
      sql: "SELECT \(columns) FROM resource WHERE type = ? AND mesh = ? AND name = ?")
    return try Row.fetchOne(statement, arguments: [key.type.rawValue, key.mesh, key.name]).map(resource)
  }

  static func fetch(_ type: ResourceType, mesh: String?, in database: Database) throws -> [Resource] {
    if let mesh {
      guard !mesh.utf8.contains(0) else { return [] }
      let statement = try database.cachedStatement(
        sql: "SELECT \(columns) FROM resource WHERE type = ? AND mesh = ? ORDER BY name")
      return try Row.fetchAll(statement, arguments: [type.rawValue, mesh]).map(resource)
    }
    let statement = try database.cachedStatement(
      sql: "SELECT \(columns) FROM resource WHERE type = ? ORDER BY mesh, name")
    return try Row.fetchAll(statement, arguments: [type.rawValue]).map(resource)
  }

  static func fetchAll(in database: Database) throws -> [Resource] {
    var resources: [Resource] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT \(columns) FROM resource")
    while let row = try rows.next() { resources.append(try resource(row)) }
    return resources
  }

  private static func resource(_ row: Row) throws(StoreError) -> Resource {
    // Through `DatabaseValue`, because GRDB's direct conversions trap on an unexpected value.
    func text(_ index: Int) -> String? { String.fromDatabaseValue(row[index]) }
    func number(_ index: Int) -> Int64? { Int64.fromDatabaseValue(row[index]) }
    return try ResourceRecord.resource(
      type: text(0), mesh: text(1), name: text(2), creationTime: number(3), modificationTime: number(4),
      revision: number(5), labels: text(6), spec: text(7))
  }
}
