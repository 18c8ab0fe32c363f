import BackupArchive
import Certificates
import Foundation
import MeshStorePostgres
import MeshStoreSQL
import SQLiteFiles
import SystemErrors
import TraceStore

/// Where a control plane, or a collector alone, keeps what it has.
struct StorePlaces: Sendable {
  /// What of it a command is about.
  enum Part: String, CaseIterable, Sendable {
    /// The resources, with the id of their store and the certificate authority that proxies trust.
    case resources
    /// The spans.
    case traces
  }

  /// A command cannot do what it is asked to do here.
  struct Refusal: Error, CustomStringConvertible {
    var description: String
  }

  let workDirectory: URL
  /// The database of spans.
  let traces: String
  let store: ControlPlaneConfiguration.StoreType
  /// The database of resources, where ``store`` is PostgreSQL.
  let postgres: PostgresConfiguration

  init(_ configuration: ControlPlaneConfiguration) {
    workDirectory = URL(filePath: configuration.workDirectory, directoryHint: .isDirectory)
    traces = configuration.traceDatabase
    store = configuration.store
    postgres = configuration.postgres
  }

  /// The file of a part of a backup.
  func path(_ part: BackupManifest.Part) -> String {
    part == .traces ? traces : workDirectory.appending(path: part.rawValue).path(percentEncoded: false)
  }

  /// Whether the file of a part is there.
  func exists(_ part: BackupManifest.Part) -> Bool { FileManager.default.fileExists(atPath: path(part)) }

  /// Whether a path is that of a file of the stores, whether it is there or not: a backup of that name would take its place.
  func owns(_ file: String) -> Bool {
    func place(_ path: String) -> String {
      let slash = path.lastIndex(of: "/")
      let folder = slash.map { String(path[...$0]) } ?? "."
      return "\(FileAccess.resolved(folder) ?? folder)/\(path[(slash.map(path.index(after:)) ?? path.startIndex)...])"
    }
    let file = place(file)
    return BackupManifest.Part.allCases.contains { part in
      let own = place(path(part))
      return (["", ".lock"] + DatabaseReservation.companions).contains { file == own + $0 }
    }
  }

  /// Goes on as the user and group that own the work directory, where root runs the command: the service could not open files of
  /// root's.
  func becomeOwner() {
    var status = stat()
    guard geteuid() == 0, stat(workDirectory.path(percentEncoded: false), &status) == 0, status.st_uid != 0 else {
      return
    }
    _ = setegid(status.st_gid)
    _ = seteuid(status.st_uid)
  }

  /// Makes a folder of a name of its own beside a file; the caller removes it.
  static func folder(beside file: String) throws(Refusal) -> String {
    do throws(FileAccess.Failure) { return try PendingFile.folder(beside: file) } catch {
      throw Refusal(
        description:
          "the folder \(error.path) cannot be made: \(SystemError(error.number)); the folder in which it is to be has to be "
          + "there, and you have to be able to write to it")
    }
  }

  /// The kind of a part that is a database.
  static func kind(_ part: BackupManifest.Part) -> DatabaseKind? {
    switch part {
    case .resources: ResourceDatabase.kind
    case .traces: TraceDatabase.kind
    case .clusterID, .certificate, .key: nil
    }
  }

  /// The parts of a backup that belong to what a command is about; all when it names nothing.
  static func parts(of only: Part?) -> [BackupManifest.Part] {
    switch only {
    case nil: BackupManifest.Part.allCases
    case .traces: [.traces]
    case .resources: BackupManifest.Part.allCases.filter { $0 != .traces }
    }
  }
}
