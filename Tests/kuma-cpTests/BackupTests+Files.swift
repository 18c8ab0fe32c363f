import BackupArchive
import Certificates
import Documents
import Foundation
import TestSupport
import Testing

@testable import kuma_cp

/// Which files a backup or a restore touches, and which not.
extension BackupTests {
  @Test("take the place of backups alone, not of other files") func targets() async throws {
    let (place, file) = try await backedUp()
    let folder = place.folder
    try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
    try #require(symlink("elsewhere", folder.file("link")) == 0)
    try folder.write("kept", to: "folder/file")
    let names = try folder.names
    for (name, words) in [
      ("pipe", "is a pipe"), ("link", "is a symbolic link"), ("folder", "is a directory"),
      ("kuma.db", "the control plane's own"), ("folder/../traces.db-wal", "the control plane's own"),
      ("kuma-cp.key", "the control plane's own"),
    ] {
      await expectFailure(words) { try await place.backup(to: folder.file(name)) }
      #expect(try folder.names == names)
    }
    for name in ["", "-"] { await expectFailure("not to a stream") { try await place.backup(to: name) } }

    // What has the names that a backup might take for itself; the file that is replaced can be read by everybody.
    try folder.write("kept", to: "saved.tar.copies/file")
    try folder.write("kept", to: "saved.tar.partial")
    try #require(chmod(file, 0o644) == 0)
    async let other: Void = place.backup(to: file)
    try await place.backup(to: file)
    try await other
    #expect(try folder.names == (names + ["saved.tar.copies", "saved.tar.partial"]).sorted())
    for name in ["folder/file", "saved.tar.copies/file", "saved.tar.partial"] {
      #expect(try String(contentsOfFile: folder.file(name), encoding: .utf8) == "kept")
    }
    #expect(try mode(of: file) == 0o600)
    #expect(try BackupReader(file).manifest.contents.map(\.part) == [.resources, .traces])
  }

  private func mode(of file: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
  }

  @Test("ask before they replace a small file, and keep what each of them replaced") func replaced() async throws {
    let (place, file) = try await backedUp()
    let folder = place.folder
    func write(_ text: String) throws {
      for name in ["cluster-id", "kuma-cp.crt", "kuma-cp.key"] { try folder.write(text, to: name) }
    }
    func read(_ name: String) throws -> String { try String(contentsOfFile: folder.file(name), encoding: .utf8) }
    let id = UUID().uuidString
    try folder.write(id, to: "cluster-id")
    try CertificateFiles(directory: folder.path).save(try ServerCertificate.make(hosts: []))
    let key = try read("kuma-cp.key")
    try await place.backup(to: file)

    let other = try Place()
    try other.folder.write(id, to: "cluster-id")
    try other.folder.write("other", to: "kuma-cp.key")
    // A log whose database is gone.
    try other.folder.write("log", to: "kuma.db-wal")
    await expectFailure("would replace \(other.folder.file("kuma-cp.key")) (key of the certificate authority); let") {
      try await other.restore(file)
    }
    #expect(
      try other.folder.names.filter { !$0.hasSuffix(".lock") } == ["cluster-id", "kuma-cp.key", "kuma.db-wal"])
    try await other.restore(file, isForced: true)
    #expect(
      try other.folder.names.filter { $0.contains("before-restore") }
        == ["kuma-cp.key.before-restore", "kuma.db.before-restore-wal"])
    #expect(try mode(of: other.folder.file("kuma-cp.key")) == 0o600)
    #expect(try mode(of: other.folder.file("kuma-cp.crt")) == mode(of: folder.file("kuma-cp.crt")))

    for (text, suffix) in [("first", ".before-restore"), ("second", ".before-restore-2")] {
      try write(text)
      try await place.restore(file, isForced: true)
      #expect(try read("kuma-cp.key") == key)
      #expect(try read("kuma-cp.key\(suffix)") == text)
      #expect(try read("cluster-id\(suffix)") == text)
      #expect(try folder.names.contains("traces.db\(suffix)"))
    }
    #expect(try read("kuma-cp.key.before-restore") == "first")
  }

  @Test("are refused when a control plane could not start with what they hold") func unusable() async throws {
    let (place, file) = try await backedUp()
    let (folder, other) = (place.folder, try Place())
    func expect(_ words: String) async throws {
      await expectFailure(words) { try await other.restore(file) }
      #expect(try other.folder.names.allSatisfy { $0.hasSuffix(".lock") })
    }
    try folder.write("id", to: "cluster-id")
    try await place.backup(to: file)
    try await expect("its cluster-id is not a UUID")
    try folder.write(UUID().uuidString, to: "cluster-id")
    for name in ["kuma-cp.crt", "kuma-cp.key"] { try folder.write("none", to: name) }
    try await place.backup(to: file)
    try await expect("are not a certificate and its key")
    let contents = [BackupManifest.Content(part: .resources)]
    let manifest = BackupManifest(version: "0", created: .now, store: "sqlite", contents: contents)
    let archive = try BackupWriter(file, in: folder.path, manifest: manifest)
    try archive.add(.resources, from: try folder.write("none", to: "damaged")) { _, _ in }
    try archive.finish()
    try await expect("its kuma.db is damaged")
  }

  @Test("end when they are interrupted, also while a database says nothing") func silence() async throws {
    let (place, server) = (try Place(), try OccupiedPort(listens: true))
    let settings = try place.settings([
      "store.type": "postgres", "store.postgres.host": "127.0.0.1", "store.postgres.port": "\(server.number)",
    ])
    let interruption = Interruption(signals: [])
    let backup = Task {
      let progress = CopyingProgress(interruption, isTerminal: false)
      try await StoreBackup(places: StorePlaces(settings), progress: progress)
        .write(to: place.folder.file("saved.tar"), only: nil)
    }
    var connection = pollfd(fd: server.duplicate(), events: Int16(POLLIN), revents: 0)
    defer { close(connection.fd) }
    try await eventually("the connection") { poll(&connection, 1, 0) == 1 }
    interruption.request()
    await expectFailure("interrupted") { try await backup.value }
    #expect(try place.folder.names.isEmpty)
  }
}
