import BackupArchive
import Documents
import Foundation
import MeshModel
import MeshStorePostgres
import MeshStoreSQL
import SQLiteFiles
import SystemErrors

/// Writes what a control plane has into one file, also while it runs.
struct StoreBackup {
  let places: StorePlaces
  let progress: CopyingProgress

  /// Writes a backup.
  ///
  /// - Parameters:
  ///   - file: the archive, which is replaced if it is there.
  ///   - only: what is written; nil for all.
  /// - Throws: an error whose description says what is wrong and how to fix it. Nothing is left then.
  func write(to file: String, only: StorePlaces.Part?) async throws {
    try BackupWriter.check(file)
    guard !places.owns(file) else {
      throw StorePlaces.Refusal(
        description: "\(file) is a file of the control plane's own, which a backup cannot replace; give another path")
    }
    // Databases are copied before the archive begins, since a file's size stands before its content.
    let folder = try StorePlaces.folder(beside: file)
    progress.interruption.remove(atTheEnd: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var contents: [BackupManifest.Content] = []
    var sources: [BackupManifest.Part: String] = [:]
    var small: [BackupManifest.Part: [UInt8]] = [:]
    for part in StorePlaces.parts(of: only) {
      let copy = "\(folder)/\(part.rawValue)"
      switch part {
      case .resources where places.store == .postgres:
        let (content, id) = try await progress.interruption.wait { [places] in
          try await PostgresContent.read(places.postgres)
        }
        try ResourceDatabase.make(content, at: copy)
        (sources[part], small[.clusterID]) = (copy, Array("\(id)\n".utf8))
      case .resources where places.store == .sqlite && places.exists(part),
        .traces where places.exists(part):
        let action = "copying the \(part.noun)"
        try StorePlaces.kind(part)?.copy(places.path(part), to: copy) { try progress.step(action, $0, $1) }
        sources[part] = copy
      case .clusterID, .certificate, .key:
        // A collector alone has a certificate, too, but no store with an id.
        guard part != .clusterID || sources[.resources] != nil, small[part] == nil, places.exists(part) else { break }
        small[part] = try FileAccess.read(places.path(part), limit: 1 << 20).get()
      case .resources, .traces: break
      }
      if let source = sources[part] {
        contents.append(
          BackupManifest.Content(part: part, schema: try StorePlaces.kind(part)?.schema(of: source).applied.last ?? ""))
      } else if small[part] != nil {
        contents.append(BackupManifest.Content(part: part))
      }
    }
    guard !sources.isEmpty else { throw StorePlaces.Refusal(description: nothing(only)) }
    let manifest = BackupManifest(
      version: ProductVersion.current, created: .now, store: places.store.rawValue, contents: contents)
    let archive = try BackupWriter(file, in: folder, manifest: manifest)
    defer { archive.abandon() }
    for content in contents {
      let part = content.part
      if let source = sources[part] {
        try archive.add(part, from: source) { try progress.step("writing the \(part.noun)", $0, $1) }
        unlink(source)
      } else {
        try archive.add(part, small[part] ?? [])
      }
    }
    try archive.finish()
    progress.end("\(file) holds \(contents.map(\.part.noun).joined(separator: ", "))")
    if only != .traces, sources[.resources] == nil { progress.end(remark) }
  }

  /// Why a backup has no resources.
  private var remark: String {
    switch places.store {
    case .kubernetes: "the resources are objects of the cluster: back them up with the cluster's own tools"
    case .memory: "resources in memory (store.type memory) have no backup"
    case .sqlite, .postgres: "there are no resources in \(places.path(.resources)): it may be a collector alone"
    }
  }

  private func nothing(_ only: StorePlaces.Part?) -> String {
    let traces = "there are no traces in \(places.traces)"
    let fix = "; name the folder of the control plane with --work-dir, or its file of settings with --config-file"
    switch only {
    case .resources: return "nothing to back up: \(remark)\(fix)"
    case .traces: return "nothing to back up: \(traces)\(fix)"
    case nil: return "nothing to back up: \(remark), and \(traces)\(fix)"
    }
  }
}
