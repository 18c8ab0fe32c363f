import BackupArchive
import MeshStorePostgres
import SQLiteFiles

/// The versions of the schemas of what a control plane has.
struct StoreMigration {
  /// One store and its schema.
  struct Finding: Equatable {
    /// Its name: `resources` or `traces`.
    var name: String
    /// Its file, or its database.
    var place: String
    /// The version that it has, in words.
    var version: String
    /// Whether it has all versions that this program knows.
    var isCurrent: Bool
    /// What is so, or was done, in words.
    var state: String

    /// The finding as a line.
    var line: String { "\(name): \(place): schema \(version): \(state)" }
  }

  let places: StorePlaces

  /// Looks at the stores, and migrates them if asked. A newer program's store is an error.
  ///
  /// - Parameter migrates: whether older schemas are brought to the newest one.
  /// - Returns: the stores that are there.
  func run(migrates: Bool) async throws -> [Finding] {
    var findings: [Finding] = []
    places.becomeOwner()
    if places.store == .postgres { findings.append(try await database(migrates)) }
    for part in [BackupManifest.Part.resources, .traces] {
      guard part == .traces || places.store == .sqlite, let kind = StorePlaces.kind(part), places.exists(part)
      else { continue }
      findings.append(try Self.file(places.path(part), part.noun, kind, migrates))
    }
    return findings
  }

  private static func file(
    _ path: String, _ name: String, _ kind: DatabaseKind, _ migrates: Bool
  ) throws -> Finding {
    let schema = try kind.schema(of: path)
    let version = schema.applied.last.map(\.debugDescription) ?? "none"
    let newest = schema.known.last.map(\.debugDescription) ?? "none"
    var finding = Finding(
      name: name, place: path, version: version, isCurrent: schema.missing.isEmpty && !schema.isNewer,
      state: "the newest that this program knows")
    if schema.isNewer {
      finding.state = "newer than this program, which knows \(newest); start the version that wrote it"
    } else if !schema.missing.isEmpty, migrates {
      // Opening it takes its lock, so that no other program has it open, and brings it forward.
      let file = try DatabaseFile(path: path, kind: kind, busyTimeout: 5)
      try file.close()
      (finding.version, finding.state) = (newest, "migrated from \(version)")
      finding.isCurrent = true
    } else if !schema.missing.isEmpty {
      finding.state = "older than \(newest); the next start migrates it, or `kuma-cp migrate` while nothing runs"
    }
    return finding
  }

  private func database(_ migrates: Bool) async throws -> Finding {
    let settings = places.postgres
    var schema = try await PostgresContent.schema(of: settings)
    let before = schema.present
    var finding = Finding(
      name: "resources", place: "\(settings)", version: "\(schema.present)", isCurrent: schema.present == schema.known,
      state: "the newest that this program knows")
    if migrates, before < schema.known {
      try await PostgresContent.migrate(settings)
      schema = try await PostgresContent.schema(of: settings)
      finding.version = "\(schema.present)"
      finding.state = before == 0 ? "its tables were made" : "migrated from \(before)"
      finding.isCurrent = true
    } else if before < schema.known {
      finding.state = "older than \(schema.known); the next start migrates it, or `kuma-cp migrate`"
    }
    return finding
  }
}
