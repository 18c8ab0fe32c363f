import BackupArchive
import Documents
import Foundation
import MeshStorePostgres
import MeshStoreSQL
import SQLiteFiles
import SystemErrors
import TraceStore

/// Puts what a backup holds in the place of what a control plane has.
struct StoreRestore {
  /// What the names of replaced files get.
  static let suffix = ".before-restore"

  let places: StorePlaces
  let progress: CopyingProgress

  /// Restores a backup.
  ///
  /// Everything is read and checked before the first file is replaced.
  ///
  /// - Parameters:
  ///   - only: what is restored; nil for all that the backup has.
  ///   - isForced: whether what is there is replaced. A SQLite database that a program has open never is.
  /// - Throws: an error whose description says what is wrong and how to fix it.
  func read(_ file: String, only: StorePlaces.Part?, isForced: Bool) async throws {
    let archive = try BackupReader(file)
    let wanted = StorePlaces.parts(of: only).filter { part in archive.manifest.contents.contains { $0.part == part } }
    guard wanted.contains(where: { StorePlaces.kind($0) != nil }) else {
      throw StorePlaces.Refusal(description: "the backup \(file) has no \((only ?? .resources).rawValue)")
    }
    if wanted.contains(.resources), places.store == .memory || places.store == .kubernetes {
      throw StorePlaces.Refusal(
        description:
          "resources cannot be restored to the store \(places.store.rawValue); give --store sqlite or "
          + "--store postgres, or restore the traces alone with --only traces")
    }
    places.becomeOwner()
    var reservations: [BackupManifest.Part: DatabaseReservation] = [:]
    defer { for reservation in reservations.values { reservation.release() } }
    for part in wanted {
      guard let kind = StorePlaces.kind(part), !isInDatabase(part) else { continue }
      let reservation = try DatabaseReservation(path: places.path(part), kind: kind)
      if reservation.exists, !isForced, try holdsSomething(part) {
        throw StorePlaces.Refusal(
          description: "\(places.path(part)) holds \(part.noun) already; let --force replace it (the old file stays as "
            + "\(part.rawValue)\(Self.suffix)), or give another path")
      }
      reservations[part] = reservation
    }
    func temporary(_ part: BackupManifest.Part) -> String { places.path(part) + ".restoring" }
    defer {
      // Reading the schema of a database makes two files beside it.
      for part in wanted { for end in ["", "-wal", "-shm"] { unlink(temporary(part) + end) } }
    }
    try FileManager.default.createDirectory(
      at: places.workDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try archive.extract(to: { wanted.contains($0) ? temporary($0) : nil }) { part, read, total in
      try progress.step("reading the \(part.noun)", read, total)
    }
    for part in wanted {
      guard let schema = try StorePlaces.kind(part)?.schema(of: temporary(part)), schema.isNewer else { continue }
      throw StorePlaces.Refusal(
        description:
          "the \(part.noun) in \(file) have the schema \(schema.applied.last?.debugDescription ?? ""), and this "
          + "program knows \(schema.known.last?.debugDescription ?? ""); restore them with version \(archive.manifest.version)"
      )
    }
    if wanted.contains(.resources), isInDatabase(.resources) {
      let id = (try? FileAccess.read(temporary(.clusterID), limit: 1_000).get()).map {
        String(decoding: $0, as: UTF8.self)
      }
      try await PostgresContent.replace(
        places.postgres, with: try ResourceDatabase.content(of: temporary(.resources)),
        clusterID: id.flatMap { UUID(uuidString: $0.trimmingCharacters(in: .whitespacesAndNewlines))?.uuidString },
        if: isForced ? .replaced : .refused)
      progress.end("the resources are in the database, as they were at \(archive.manifest.created)")
    }
    for part in wanted where !isInDatabase(part) {
      if let reservation = reservations[part] {
        let old = try reservation.replace(with: temporary(part), keepingOldWith: Self.suffix)
        progress.end(
          "\(places.path(part)) holds the \(part.noun) as they were at \(archive.manifest.created)"
            + (old.map { "; the file before is \($0)" } ?? ""))
      } else {
        try replace(places.path(part), with: temporary(part))
      }
    }
  }

  /// Whether a part is in PostgreSQL and has no file. The authority is there too, as a secret among the resources.
  private func isInDatabase(_ part: BackupManifest.Part) -> Bool {
    places.store == .postgres && (part == .resources || part == .clusterID)
  }

  private func holdsSomething(_ part: BackupManifest.Part) throws -> Bool {
    switch part {
    case .resources: try ResourceDatabase.count(in: places.path(part)) > 0
    case .traces: try TraceDatabase.holdsSpans(places.path(part))
    case .clusterID, .certificate, .key: false
    }
  }

  private func replace(_ path: String, with file: String) throws {
    if FileManager.default.fileExists(atPath: path) { _ = rename(path, path + Self.suffix) }
    guard rename(file, path) == 0 else {
      throw StorePlaces.Refusal(
        description: "\(file) cannot be renamed to \(path): \(SystemError.last); check the permissions")
    }
  }
}
