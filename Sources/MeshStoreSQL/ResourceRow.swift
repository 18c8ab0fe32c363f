import GRDB
import MeshModel
import MeshStore

/// A resource as the table `resource` holds it: labels and specification as JSON text.
struct ResourceRow: Sendable {
  /// The resource, its specification as it will be read again.
  var resource: Resource
  let labels: String
  let spec: String

  /// Encodes a resource, and reads it again: what cannot be read must not be stored.
  init(_ resource: Resource) throws(StoreError) {
    guard !resource.key.mesh.utf8.contains(0), !resource.key.name.utf8.contains(0) else {
      throw StoreError(
        code: .unavailable, message: "a database cannot hold the zero byte in the name of \(resource.key)")
    }
    self.resource = resource
    labels = DocumentValue.tags(resource.labels).json()
    spec = resource.spec.document.json()
    do {
      self.resource.spec = try Self.readSpec(resource.type, spec)
    } catch {
      throw StoreError(
        code: .unavailable, message: "\(resource.key) cannot be stored, as it could not be read again: \(error)",
        cause: error)
    }
  }

  private static func readSpec(_ type: ResourceType, _ text: String) throws(DocumentError) -> ResourceSpec {
    try ResourceSpec(type, document: DocumentValue(json: text.utf8))
  }

  // MARK: Reading

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
    // By way of `DatabaseValue`, as GRDB's direct conversions stop the program where a value is not as expected.
    func text(_ index: Int) -> String? { String.fromDatabaseValue(row[index]) }
    func number(_ index: Int) -> Int64? { Int64.fromDatabaseValue(row[index]) }
    let place = "the database's entry of \(text(0) ?? "?") \(text(1) ?? "?")/\(text(2) ?? "?")"
    guard let typeName = text(0), let mesh = text(1), let name = text(2), let created = number(3),
      let modified = number(4), let revision = number(5), let labels = text(6), let spec = text(7),
      let type = ResourceType(rawValue: typeName)
    else {
      throw StoreError(code: .unavailable, message: "\(place) cannot be read; put a copy in the database's place")
    }
    do {
      let labels = try DocumentValue(json: labels.utf8).tags ?? [:]
      return Resource(
        mesh: mesh, name: name, spec: try readSpec(type, spec), labels: labels,
        creationTime: Timestamp(nanosecondsSince1970: created),
        modificationTime: Timestamp(nanosecondsSince1970: modified), revision: UInt64(clamping: revision))
    } catch {
      throw StoreError(
        code: .unavailable, message: "\(place) cannot be read: \(error); put a copy in the database's place",
        cause: error)
    }
  }
}
