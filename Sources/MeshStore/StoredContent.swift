/// What a store holds, as it is in the database, so that a backup also has what this program cannot decode.
package struct StoredContent: Sendable {
  /// A resource as a database row.
  package struct Row: Sendable, Hashable {
    package var type: String
    package var mesh: String
    package var name: String
    /// Nanoseconds since 1970.
    package var creationTime: Int64
    /// Nanoseconds since 1970.
    package var modificationTime: Int64
    package var revision: Int64
    /// The labels as JSON.
    package var labels: String
    /// The specification as JSON.
    package var spec: String

    package init(
      type: String, mesh: String, name: String, creationTime: Int64, modificationTime: Int64, revision: Int64,
      labels: String, spec: String
    ) {
      self.type = type
      self.mesh = mesh
      self.name = name
      self.creationTime = creationTime
      self.modificationTime = modificationTime
      self.revision = revision
      self.labels = labels
      self.spec = spec
    }
  }

  /// The resources.
  package var rows: [Row]
  /// The last reading of the store's clock, in nanoseconds since 1970.
  package var lastTime: Int64

  package init(rows: [Row], lastTime: Int64) {
    self.rows = rows
    self.lastTime = lastTime
  }
}
