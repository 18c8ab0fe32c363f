import MeshStore

extension Statement {
  /// The revision that a resource gets which is there already.
  enum NewRevision: String {
    /// The one of the row.
    case given = "excluded.revision"
    /// That of the row, or a higher one, so that none comes again.
    case above = "greatest(excluded.revision, kuma_trace_resource.revision + 1)"
  }

  /// Writes resources, also over those that are there.
  ///
  /// - Parameters:
  ///   - number: the transaction's number.
  ///   - revision: the revision of those that are there.
  static func writing(_ rows: [StoredContent.Row], number: Int64, revision: NewRevision) -> Statement {
    Statement(
      """
      INSERT INTO kuma_trace_resource
        (type, mesh, name, creation_time, modification_time, revision, labels, spec, change)
      SELECT type, mesh, name, created, modified, revision, labels::json, spec::json, $9
      FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        AS new (type, mesh, name, created, modified, revision, labels, spec)
      ON CONFLICT (type, mesh, name) DO UPDATE SET creation_time = excluded.creation_time,
        modification_time = excluded.modification_time, revision = \(revision.rawValue), labels = excluded.labels,
        spec = excluded.spec, change = excluded.change
      """,
      .texts(rows.map(\.type)), .texts(rows.map(\.mesh)), .texts(rows.map(\.name)), .ints(rows.map(\.creationTime)),
      .ints(rows.map(\.modificationTime)), .ints(rows.map(\.revision)), .texts(rows.map(\.labels)),
      .texts(rows.map(\.spec)), .int(number))
  }
}
