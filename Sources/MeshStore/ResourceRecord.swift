package import MeshModel

/// A resource as a database row: labels and specification as JSON text.
package struct ResourceRecord: Sendable {
  /// The resource, with its specification as decoded from the row.
  package let resource: Resource
  /// The labels as JSON.
  package let labels: String
  /// The specification as JSON.
  package let spec: String

  /// Encodes a resource and decodes it again: a resource that cannot be decoded must not be stored.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  package init(_ resource: Resource) throws(StoreError) {
    guard Self.canBeNamed(resource.key) else {
      throw StoreError(
        code: .unavailable, message: "a database cannot hold the zero byte in the name of \(resource.key)")
    }
    labels = DocumentValue.tags(resource.labels).json()
    spec = resource.spec.document.json()
    var stored = resource
    do {
      stored.spec = try Self.readSpec(resource.type, spec)
    } catch {
      throw StoreError(
        code: .unavailable, message: "\(resource.key) cannot be stored, as it could not be read again: \(error)",
        cause: error)
    }
    self.resource = stored
  }

  /// Whether a database can hold a key: its strings cannot contain a zero byte.
  package static func canBeNamed(_ key: ResourceKey) -> Bool {
    !key.mesh.utf8.contains(0) && !key.name.utf8.contains(0)
  }

  /// Decodes the columns of a row.
  ///
  /// - Throws: ``StoreError`` `unavailable`, naming the entry, when a column is missing or cannot be decoded.
  package static func resource(
    type typeName: String?, mesh: String?, name: String?, creationTime: Int64?, modificationTime: Int64?,
    revision: Int64?, labels: String?, spec: String?
  ) throws(StoreError) -> Resource {
    let place = "the database's entry of \(typeName ?? "?") \(mesh ?? "?")/\(name ?? "?")"
    guard let typeName, let mesh, let name, let creationTime, let modificationTime, let revision, let labels,
      let spec, let type = ResourceType(rawValue: typeName)
    else {
      throw StoreError(code: .unavailable, message: "\(place) cannot be read; put a copy in the database's place")
    }
    do {
      let labels = try DocumentValue(json: labels.utf8).tags ?? [:]
      return Resource(
        mesh: mesh, name: name, spec: try readSpec(type, spec), labels: labels,
        creationTime: Timestamp(nanosecondsSince1970: creationTime),
        modificationTime: Timestamp(nanosecondsSince1970: modificationTime), revision: UInt64(clamping: revision))
    } catch {
      throw StoreError(
        code: .unavailable, message: "\(place) cannot be read: \(error); put a copy in the database's place",
        cause: error)
    }
  }

  private static func readSpec(_ type: ResourceType, _ text: String) throws(DocumentError) -> ResourceSpec {
    try ResourceSpec(type, document: DocumentValue(json: text.utf8))
  }
}
