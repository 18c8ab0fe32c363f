import BackupArchive
import Foundation
import MeshModel
import MeshStore
import MeshStoreSQL
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing
import TraceModel
import TraceStore
import TraceTestSupport

@testable import kuma_cp

/// `kuma-cp backup`, `restore` and `migrate`, with the stores that a control plane has open.
@Suite("Backups") struct BackupTests {
  /// A work directory and the settings that name it.
  final class Place: Sendable {
    let folder: TemporaryFolder
    var configuration: ControlPlaneConfiguration { get throws { try settings() } }

    init() throws { folder = try TemporaryFolder() }

    func settings(_ more: [String: String] = [:]) throws -> ControlPlaneConfiguration {
      try ControlPlaneConfiguration.load(
        file: nil, environment: [:],
        flags: ["general.workDir": folder.path, "store.type": "sqlite"].merging(more) { $1 }
      ).configuration
    }

    func backup(
      to file: String, only: StorePlaces.Part? = nil, _ interruption: Interruption = Interruption(signals: [])
    )
      async throws
    {
      let progress = CopyingProgress(interruption, isTerminal: false)
      try await StoreBackup(places: StorePlaces(configuration), progress: progress).write(to: file, only: only)
    }

    func restore(_ file: String, only: StorePlaces.Part? = nil, isForced: Bool = false) async throws {
      let progress = CopyingProgress(Interruption(signals: []), isTerminal: false)
      try await StoreRestore(places: StorePlaces(configuration), progress: progress)
        .read(file, only: only, isForced: isForced)
    }

    func resources() throws -> SQLiteStore { try SQLiteStore(path: folder.file("kuma.db")) }
    func traces() throws -> SegmentStore { try SegmentStore(path: folder.file("traces.db")) }
  }

  /// Expects a failure whose description contains words.
  func expectFailure(_ words: String, _ body: () async throws -> Void) async {
    await #expect {
      try await body()
    } throws: { error in
      "\(error)".contains(words)
    }
  }

  /// A place with a mesh, proxies and traces, closed, and its backup.
  func backedUp() async throws -> (place: Place, file: String) {
    let place = try Place()
    let (store, traces) = (try place.resources(), try place.traces())
    try await store.put(.mesh())
    for number in 0..<5 { try await store.put(.dataplane("web-\(number)")) }
    try await traces.add([span(1), span(2, parent: 1)])
    try store.close()
    try traces.close()
    let file = place.folder.file("saved.tar")
    try await place.backup(to: file)
    return (place, file)
  }

  @Test("hold what a running control plane had at one moment, with revisions and times")
  func whileRunning() async throws {
    let (place, other) = (try Place(), try Place())
    let (store, traces) = (try place.resources(), try place.traces())
    try await store.put(.mesh())
    for number in 0..<50 { try await store.put(.dataplane("web-\(number)")) }
    try await store.put(.dataplane("web-7"))
    try place.folder.write("5b5ae23c-7a9a-4f9e-8f2c-0d6a5b7f1c11\n", to: "cluster-id")
    try await traces.add((1...3).map { span(trace: 1, UInt64($0)) })
    let isDone = Mutex(false)
    let writing = Task {
      var trace: UInt64 = 1
      while !isDone.withLock({ $0 }) {
        trace += 1
        try await traces.add((1...3).map { [trace] in span(trace: trace, UInt64($0)) })
        try await store.put(.dataplane("late-\(trace)"))
      }
      return trace
    }
    let file = place.folder.file("saved.tar")
    for _ in 0..<3 { try await place.backup(to: file) }
    isDone.withLock { $0 = true }
    let written = try await writing.value
    let everything = try await store.everything()
    try store.close()
    try traces.close()

    try await other.restore(file)
    let (restored, spans) = (try other.resources(), try other.traces())
    let found = try await restored.everything()
    #expect(found.count >= 51 && found.count <= everything.count)
    // As they were: revisions and times too.
    for (key, resource) in found { #expect(everything[key] == resource) }
    #expect(found[ResourceKey(type: .dataplane, mesh: "default", name: "web-7")]?.revision == 2)
    // Each trace was stored at once, and is there as a whole or not at all.
    #expect(spans.spanCount >= 3 && spans.spanCount % 3 == 0 && spans.spanCount <= 3 * Int(written))
    #expect(try await spans.trace(TraceID(low: 1))?.count == 3)
    #expect(try String(contentsOfFile: other.folder.file("cluster-id"), encoding: .utf8).hasPrefix("5b5ae23c"))
    try restored.close()
    try spans.close()
    #expect(try other.folder.names.allSatisfy { !$0.contains("restoring") })
    #expect(try place.folder.names.allSatisfy { !$0.contains("partial") })
  }

  @Test("are tar archives whose checksums other programs can compare")
  func otherPrograms() async throws {
    let (place, file) = try await backedUp()
    let target = try place.folder.write("", to: "out/.keep").dropLast(6)
    let unpacked = try await ProgramOutput.of(
      ChildProcess.Command("/bin/sh", ["-c", "cd \(target) && tar xf \(file) && sha256sum -c SHA256SUMS && ls"]))
    #expect(unpacked.status.shellCode == 0)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: String(target)).sorted()
        == [".keep", "SHA256SUMS", "backup.json", "kuma.db", "traces.db"])
    let permissions = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(permissions == 0o600)
    // What was unpacked by hand is a work directory.
    let store = try SQLiteStore(path: "\(target)/kuma.db")
    #expect(try await store.list(.dataplane, mesh: nil).count == 5)
    try store.close()
  }

  @Test("replace nothing unless asked, and nothing that is open even then")
  func refusals() async throws {
    let (place, file) = try await backedUp()
    await expectFailure("would replace \(place.folder.file("kuma.db")) (resources)") { try await place.restore(file) }
    let store = try place.resources()
    await expectFailure("is locked by process") { try await place.restore(file, isForced: true) }
    try await store.put(.dataplane("later"))
    try store.close()
    try await place.restore(file, isForced: true)
    let (restored, before) = (try place.resources(), try SQLiteStore(path: place.folder.file("kuma.db.before-restore")))
    #expect(try await restored.list(.dataplane, mesh: nil).count == 5)
    #expect(try await before.list(.dataplane, mesh: nil).count == 6)
    try restored.close()
    try before.close()
    await expectFailure("cannot be restored to the store memory") {
      let progress = CopyingProgress(Interruption(signals: []), isTerminal: false)
      try await StoreRestore(places: StorePlaces(place.settings(["store.type": "memory"])), progress: progress)
        .read(file, only: nil, isForced: true)
    }
  }

  @Test("are refused when they are damaged, cut off or newer, and nothing is changed")
  func damage() async throws {
    let (place, file) = try await backedUp()
    // Its folder goes with it.
    defer { withExtendedLifetime(place) {} }
    let bytes = try Data(contentsOf: URL(filePath: file))
    let other = try Place()
    let damaged = other.folder.file("damaged.tar")
    func expect(_ words: String, _ change: (inout Data) -> Void) async throws {
      var changed = bytes
      change(&changed)
      try changed.write(to: URL(filePath: damaged))
      await expectFailure(words) { try await other.restore(damaged) }
      #expect(try other.folder.names.filter { !$0.hasSuffix(".lock") } == ["damaged.tar"])
    }
    // Within the pages of a database, where a flipped bit would be a wrong value and no error of SQLite's.
    let content = try #require(bytes.range(of: Data("\"kuma.io/service\"".utf8)))
    try await expect("kuma.db does not have the checksum that it had") { $0[content.lowerBound + 2] ^= 1 }
    try await expect("it ends too early") { $0.removeLast(bytes.count / 2) }
    let sums = try #require(bytes.range(of: Data("SHA256SUMS".utf8), options: .backwards))
    try await expect("it ends too early") { $0.removeSubrange(sums.lowerBound...) }
    try await expect("a header of a file cannot be read") { $0[sums.lowerBound] ^= 1 }
    // A size below zero, with the same sum of bytes.
    try await expect("a header of a file cannot be read") { data in
      data.replaceSubrange(sums.lowerBound + 124..<sums.lowerBound + 126, with: Data("-3".utf8))
    }
    try await expect("it may be another kind of file") {
      $0.replaceSubrange(0..<11, with: Data("other.json\u{0}".utf8))
    }
    try await expect("whose backups have form 9; this program knows form 1") { data in
      guard let place = data.range(of: Data("\"format\": 1".utf8)) else { return }
      data[place.upperBound - 1] = UInt8(ascii: "9")
    }
    await expectFailure("no such file") { try await other.restore(other.folder.file("none.tar")) }
  }

  @Test("leave nothing behind when they are interrupted, or when there is nothing") func interruption() async throws {
    let (place, file) = try await backedUp()
    let before = try Data(contentsOf: URL(filePath: file))
    let interruption = Interruption(signals: [])
    interruption.request()
    await expectFailure("interrupted") { try await place.backup(to: file, interruption) }
    #expect(try Data(contentsOf: URL(filePath: file)) == before)
    #expect(try place.folder.names.allSatisfy { !$0.contains("partial") })
    let empty = try Place()
    await expectFailure("name the folder of the control plane with --work-dir") {
      try await empty.backup(to: empty.folder.file("saved.tar"))
    }
    #expect(try empty.folder.names.isEmpty)
    await expectFailure("no such file or directory") { try await place.backup(to: "/nonexistent/saved.tar") }
  }

  @Test("may hold one part alone") func parts() async throws {
    let (place, file) = try await backedUp()
    let traces = place.folder.file("traces.tar")
    try await place.backup(to: traces, only: .traces)
    #expect(try BackupReader(traces).manifest.contents.map(\.part) == [.traces])
    let other = try Place()
    await expectFailure("has no resources") { try await other.restore(traces, only: .resources) }
    try await other.restore(file, only: .traces)
    #expect(try other.folder.names.filter { !$0.hasSuffix(".lock") } == ["traces.db"])
  }

  @Test("are migrated when asked, and nothing is changed by a check") func migration() async throws {
    let place = try Place()
    let old = RepositoryFiles.folder("Tests/TraceStoreTests/Databases/2-segments.sqlite")
    try FileManager.default.copyItem(atPath: old.path, toPath: place.folder.file("traces.db"))
    func findings(_ migrates: Bool) async throws -> [StoreMigration.Finding] {
      try await StoreMigration(places: StorePlaces(place.configuration)).run(migrates: migrates)
    }
    for _ in 0..<2 {
      let checked = try await findings(false)
      #expect(checked.map(\.version) == ["\"2 segments\""] && checked.map(\.isCurrent) == [false])
    }
    let migrated = try await findings(true)
    #expect(migrated.map(\.state) == ["migrated from \"2 segments\""] && migrated.map(\.isCurrent) == [true])
    #expect(try await findings(false).map(\.version) == ["\"3 canary\""])
    let traces = try place.traces()
    #expect(traces.spanCount > 0)
    try traces.close()
  }
}
