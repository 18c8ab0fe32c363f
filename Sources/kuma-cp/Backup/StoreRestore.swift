import BackupArchive
import Certificates
import Documents
import Foundation
import MeshStorePostgres
import MeshStoreSQL
import SQLiteFiles
import SystemErrors
import TraceStore

/// Puts what a backup holds in the place of what a control plane has.
struct StoreRestore {
  /// What the names of replaced files get; a number follows if there are such files of an earlier restore.
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
    let inFiles = wanted.filter { !isInDatabase($0) }
    var reservations: [BackupManifest.Part: DatabaseReservation] = [:]
    defer { for reservation in reservations.values { reservation.release() } }
    var taken: [BackupManifest.Part] = []
    for part in inFiles {
      guard let kind = StorePlaces.kind(part) else { continue }
      let reservation = try DatabaseReservation(path: places.path(part), kind: kind)
      reservations[part] = reservation
      if reservation.exists, !isForced, try holdsSomething(part, at: places.path(part)) { taken.append(part) }
    }
    guard taken.isEmpty else {
      throw refusal(file, inFiles.filter { taken.contains($0) || (reservations[$0] == nil && isTaken($0)) })
    }
    let folders = try temporaryFolders(for: wanted)
    defer { for folder in folders.values { try? FileManager.default.removeItem(atPath: folder) } }
    for folder in folders.values { progress.interruption.remove(atTheEnd: folder) }
    func temporary(_ part: BackupManifest.Part) -> String { "\(folders[part] ?? "")/\(part.rawValue)" }
    try archive.extract(to: { wanted.contains($0) ? temporary($0) : nil }) { part, read, total in
      try progress.step("reading the \(part.noun)", read, total)
    }
    try check(wanted, of: archive, at: temporary)
    // A small file that is as it was stays as it is.
    let replaced = inFiles.filter { reservations[$0] != nil || !isSame(places.path($0), temporary($0)) }
    let differing = replaced.filter { reservations[$0] == nil && isTaken($0) }
    guard isForced || differing.isEmpty else { throw refusal(file, differing) }
    try progress.interruption.check()
    if wanted.contains(.resources), isInDatabase(.resources) {
      try await PostgresContent.replace(
        places.postgres, with: try ResourceDatabase.content(of: temporary(.resources)),
        clusterID: wanted.contains(.clusterID) ? clusterID(temporary(.clusterID)) : nil,
        if: isForced ? .replaced : .refused)
      progress.end("the resources are in the database, as they were at \(archive.manifest.created)")
    }
    let suffix = freeSuffix(replaced)
    for part in replaced {
      let old: String?
      if let reservation = reservations[part] {
        old = try reservation.replace(with: temporary(part), keepingOldWith: suffix)
      } else {
        old = try replace(part, with: temporary(part), keepingOldWith: suffix)
      }
      progress.end(
        "\(places.path(part)) holds the \(part.noun) of \(archive.manifest.created)"
          + (old.map { "; the file before is \($0)" } ?? ""))
    }
  }

  /// Whether a part is in PostgreSQL and has no file. The authority is there too, as a secret among the resources.
  private func isInDatabase(_ part: BackupManifest.Part) -> Bool {
    places.store == .postgres && (part == .resources || part == .clusterID)
  }

  private func holdsSomething(_ part: BackupManifest.Part, at path: String) throws -> Bool {
    switch part {
    case .resources: try ResourceDatabase.count(in: path) > 0
    case .traces: try TraceDatabase.holdsSpans(path)
    case .clusterID, .certificate, .key: false
    }
  }

  /// Checks that a control plane can start with what was read: checksums say only that it is what was written.
  private func check(
    _ parts: [BackupManifest.Part], of archive: BackupReader, at path: (BackupManifest.Part) -> String
  ) throws {
    func unusable(_ reason: String) -> StorePlaces.Refusal {
      StorePlaces.Refusal(
        description:
          "the backup \(archive.path) cannot be restored: \(reason), and was so when it was written; take another one")
    }
    for part in parts {
      guard let kind = StorePlaces.kind(part) else { continue }
      let schema: DatabaseSchema
      do {
        schema = try kind.schema(of: path(part))
        _ = schema.isNewer ? false : try holdsSomething(part, at: path(part))
      } catch is DatabaseFileError {
        throw unusable("its \(part.rawValue) is damaged")
      }
      guard schema.isNewer else { continue }
      throw StorePlaces.Refusal(
        description:
          "the \(part.noun) in \(archive.path) have the schema \(schema.applied.last?.debugDescription ?? ""), and this "
          + "program knows \(schema.known.last?.debugDescription ?? ""); restore them with version \(archive.manifest.version)"
      )
    }
    if parts.contains(.clusterID), clusterID(path(.clusterID)) == nil { throw unusable("its cluster-id is not a UUID") }
    if parts.contains(.certificate), parts.contains(.key) {
      do throws(ServerCertificate.Failure) {
        _ = try ServerCertificate.load(certificateFile: path(.certificate), keyFile: path(.key))
      } catch {
        throw unusable("its kuma-cp.crt and kuma-cp.key are not a certificate and its key")
      }
    }
  }

  /// The id in a file.
  private func clusterID(_ path: String) -> String? {
    guard let bytes = try? FileAccess.read(path, limit: 1_000).get() else { return nil }
    return UUID(uuidString: String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))?
      .uuidString
  }

  private func isTaken(_ part: BackupManifest.Part) -> Bool { FileAccess.isTaken(places.path(part)) }

  private func refusal(_ file: String, _ parts: [BackupManifest.Part]) -> StorePlaces.Refusal {
    let names = parts.map { "\(places.path($0)) (\($0.noun))" }.joined(separator: ", ")
    return StorePlaces.Refusal(
      description:
        "\(file) is not restored, since it would replace \(names); let --force replace what is there (the old files "
        + "stay, with \(Self.suffix) behind their names), or give another --work-dir")
  }

  /// A folder for each part, on the file system of its place and of names that nobody else has: what is read is nothing before it is
  /// checked.
  private func temporaryFolders(
    for parts: [BackupManifest.Part]
  ) throws(StorePlaces.Refusal) -> [BackupManifest.Part: String] {
    let directory = places.workDirectory.path(percentEncoded: false)
    if case .failure(let failure) = FileAccess.makeDirectories(directory) {
      throw StorePlaces.Refusal(
        description:
          "the folder \(failure.path) cannot be made: \(SystemError(failure.number)); give another --work-dir")
    }
    var folders: [BackupManifest.Part: String] = [:]
    do throws(StorePlaces.Refusal) {
      for part in parts { folders[part] = try StorePlaces.folder(beside: places.path(part)) }
    } catch {
      for folder in folders.values { rmdir(folder) }
      throw error
    }
    return folders
  }

  /// What the names of all replaced files get: no file of an earlier restore has it.
  private func freeSuffix(_ parts: [BackupManifest.Part]) -> String {
    var (suffix, number) = (Self.suffix, 1)
    while parts.contains(where: { part in
      ([""] + DatabaseReservation.companions).contains { FileAccess.isTaken(places.path(part) + suffix + $0) }
    }) {
      number += 1
      suffix = "\(Self.suffix)-\(number)"
    }
    return suffix
  }

  private func isSame(_ path: String, _ other: String) -> Bool {
    guard let bytes = try? FileAccess.read(path, limit: 1 << 20, waits: false).get() else { return false }
    return bytes == (try? FileAccess.read(other, limit: 1 << 20).get())
  }

  /// - Returns: the name of the old file; nil if there was none.
  private func replace(
    _ part: BackupManifest.Part, with file: String, keepingOldWith suffix: String
  ) throws(StorePlaces.Refusal) -> String? {
    let path = places.path(part)
    let old = isTaken(part) ? path + suffix : nil
    if let old { try move(path, to: old) }
    try move(file, to: path)
    FileAccess.synchronizeFolder(of: path)
    return old
  }

  private func move(_ file: String, to target: String) throws(StorePlaces.Refusal) {
    guard rename(file, target) == 0 else {
      throw StorePlaces.Refusal(
        description: "\(file) cannot be renamed to \(target): \(SystemError.last); check the permissions")
    }
  }
}
