import Foundation
import GRDB
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshStoreSQL

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("mesh-store-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func file(_ name: String = "mesh.db") -> String { "\(path)/\(name)" }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Counts the transactions of a database.
final class CommitCounter: TransactionObserver, Sendable {
  private let commits = Atomic(0)

  var count: Int { commits.load(ordering: .relaxed) }

  func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }
  func databaseDidChange(with event: DatabaseEvent) {}
  func databaseDidCommit(_ db: Database) { commits.add(1, ordering: .relaxed) }
  func databaseDidRollback(_ db: Database) {}
}

func expectUnavailable(
  _ words: [String], sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
  do {
    try await body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as StoreError {
    #expect(error.code == .unavailable, sourceLocation: sourceLocation)
    for word in words { #expect(error.message.contains(word), "\(error.message)", sourceLocation: sourceLocation) }
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}

@Suite struct SQLiteStoreTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("the contract of every store", arguments: StoreContract.all)
  func contract(_ contract: StoreContract) async throws {
    let path = directory.file()
    try await contract.run { try SQLiteStore(path: path, clock: $0) }
  }

  @Test func aRestartFindsEverythingAgain() async throws {
    let clock = TestClock()
    let first = try SQLiteStore(path: directory.file(), clock: { clock.now })
    let document = """
      type: Mesh
      name: odd
      mtls: {z: 1.0, a: [null, {}, [], 1e300, -0.0, "text\\u0000", 12345678901234567], enabled: true}
      tracing:
        backends:
        - {name: b, type: zipkin, sampling: 0, conf: {url: "http://z:1/a", sharedSpanContext: false, apiVersion: httpJson}}
        - {name: c, type: zipkin, sampling: 33.333333333333336, conf: {url: "http://z:1/ä\\u2028"}}
        - {name: d, type: datadog, conf: {port: 8126.0, address: agent}}
      """
    let odd = try #require(try ResourceDocument.all(in: document).first).resource
    try await first.put(odd)
    try await first.put(.mesh())
    var labelled = Resource.trafficTrace("t")
    labelled.labels = ["b": "2", "a": "ä\n\"\u{0}"]
    try await first.put(labelled)
    for _ in 0..<3 { try await first.put(.dataplane("d")) }
    try await first.put(.insight("d", sent: .max))
    let before = try await first.everything()
    #expect(before[odd.key]?.spec == odd.spec)
    var changes = first.changes().makeAsyncIterator()
    #expect(try #require(await changes.next()).written.count == 5)
    try first.close()
    #expect(await changes.next() == nil)

    clock.set(Timestamp(seconds: 1_699_999_900))
    let second = try SQLiteStore(path: directory.file(), clock: { clock.now })
    #expect(try await second.everything() == before)
    var again = second.changes().makeAsyncIterator()
    let whole = try #require(await again.next())
    #expect(Dictionary(uniqueKeysWithValues: whole.written.map { ($0.key, $0) }) == before)
    #expect(before.values.contains { $0.revision == 3 })
    let last = try #require(before.values.compactMap(\.modificationTime).max())
    #expect(try #require(try await second.put(.mesh("late")).stored.creationTime) > last)
    try second.close()
  }

  @Test func whatWasAnsweredIsInTheFilesAlthoughTheStoreIsNotClosed() async throws {
    let store = try SQLiteStore(path: directory.file())
    try await store.put(.mesh())
    for number in 0..<50 { try await store.put(.dataplane("d\(number)")) }
    try await store.delete(ResourceKey(type: .dataplane, mesh: "default", name: "d7"))
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: directory.file() + suffix, toPath: directory.file("copy.db") + suffix)
    }
    let copy = try SQLiteStore(path: directory.file("copy.db"))
    #expect(try await copy.everything() == (try await store.everything()))
    #expect(try await copy.list(.dataplane, mesh: nil).count == 49)
  }

  @Test func timesGrowOverARestartAlthoughTheLatestResourceIsGone() async throws {
    let first = try SQLiteStore(path: directory.file(), clock: { Timestamp(seconds: 1000) })
    let gone = try await first.put(.mesh("gone")).stored
    try await first.delete(gone.key)
    try first.close()
    let second = try SQLiteStore(path: directory.file(), clock: { Timestamp(seconds: 900) })
    let stored = try await second.put(.mesh("new")).stored
    #expect(try #require(stored.creationTime) > #require(gone.modificationTime))
    try second.close()
  }

  @Test func whatTheDocumentFormLeavesOutIsStoredAsItWillBeRead() async throws {
    let store = try SQLiteStore(path: directory.file())
    try await store.put(.mesh())
    let plain = Dataplane.Networking(
      address: "10.0.0.1", gateway: Dataplane.Gateway(tags: [TagName.service: "gw"], type: "DELEGATED"), adminPort: 0)
    for spec: ResourceSpec in [
      .dataplane(Dataplane(networking: plain)),
      .dataplaneInsight(
        DataplaneInsight(subscriptions: [
          DataplaneInsight.Subscription(
            id: "", controlPlaneInstanceId: "", connectTime: Timestamp(seconds: 0),
            status: DataplaneInsight.Status(counts: [.rds: DataplaneInsight.Counts()]))
        ])),
    ] {
      let stored = try await store.put(Resource(mesh: "default", name: "d", spec: spec)).stored
      #expect(try await store.get(stored.key) == stored)
    }
  }

  @Test func aThousandWritesAtOnceShareTransactions() async throws {
    let store = try SQLiteStore(path: directory.file())
    try await store.put(.mesh())
    let commits = CommitCounter()
    store.file.pool.add(transactionObserver: commits)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<1000 {
        group.addTask { try await store.put(.insight("d\(number)", sent: UInt64(number))) }
        // Refused ones among them disturb nobody.
        if number % 10 == 0 {
          group.addTask {
            await #expect(throws: StoreError.self) { try await store.put(.trafficTrace("t", mesh: "none")) }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await store.list(.dataplaneInsight, mesh: "default").count == 1000)
    #expect(commits.count < 200, "1000 writes took \(commits.count) transactions")
  }

  @Test func filesAreForTheirOwnerOnly() async throws {
    let path = directory.file("a/b/mesh.db")
    let store = try SQLiteStore(path: path)
    try await store.put(.mesh())
    func mode(_ path: String) throws -> Int {
      try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    for name in ["a", "a/b"] { #expect(try mode(directory.file(name)) == 0o700) }
    for suffix in ["", "-wal", "-shm", ".lock"] { #expect(try mode(path + suffix) == 0o600, "\(suffix)") }
  }

  @Test func theDatabaseIsSafeAgainstPowerFailure() async throws {
    let store = try SQLiteFile(path: directory.file(), busyTimeout: 1, pageLimit: nil)
    let settings = try await store.pool.writeWithoutTransaction { database in
      try ["journal_mode", "synchronous", "foreign_keys"].map {
        try String.fetchOne(database, sql: "PRAGMA \($0)")
      }
    }
    #expect(settings == ["wal", "2", "1"])
  }

  @Test func keysWithZeroBytesAreRefused() async throws {
    let store = try SQLiteStore(path: directory.file())
    await expectUnavailable(["zero byte"]) { try await store.put(.mesh("a\u{0}b")) }
    try await store.put(.mesh("a"))
    #expect(try await store.get(ResourceKey(type: .mesh, name: "a\u{0}b")) == nil)
  }
}

@Suite struct SQLiteStoreFailureTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func aFullDiskLosesNothingAndWritesNothingHalf() async throws {
    let path = directory.file()
    let store = try SQLiteStore(path: path, clock: StoreClock.wallClock, busyTimeout: 1, pageLimit: 40)
    try await store.put(.mesh())
    let big = String(repeating: "x", count: 2000)
    var written: [ResourceKey] = []
    var failure: StoreError?
    for number in 0..<200 where failure == nil {
      do throws(StoreError) {
        written.append(try await store.put(.trafficTrace("t\(number)", match: [big: "*"])).stored.key)
      } catch { failure = error }
    }
    let error = try #require(failure)
    #expect(error.code == .unavailable)
    #expect(error.message.contains(path) && error.message.contains("disk is full"), "\(error.message)")
    let before = try await store.everything()
    #expect(Set(before.keys) == Set(written + [ResourceKey(type: .mesh, name: "default")]))
    let sequence = store.sequence
    // Of several at once each has an outcome of its own: the small ones fit where the large one does not.
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        await expectUnavailable(["disk is full"]) {
          try await store.put(.trafficTrace("huge", match: [String(repeating: big, count: 100): "*"]))
        }
      }
      for _ in 0..<5 { group.addTask { try await store.put(.mesh()) } }
      try await group.waitForAll()
    }
    #expect(store.sequence > sequence)
    try store.close()
    let reopened = try SQLiteStore(path: path)
    #expect(Set(try await reopened.everything().keys) == Set(before.keys))
    try await reopened.put(.trafficTrace("huge", match: [String(repeating: big, count: 100): "*"]))
    try reopened.close()
  }

  @Test func aSecondStoreOfOneFileIsRefused() async throws {
    let first = try SQLiteStore(path: directory.file())
    await expectUnavailable([directory.file(), "in use by another control plane"]) {
      _ = try SQLiteStore(path: directory.file())
    }
    try first.close()
    try SQLiteStore(path: directory.file()).close()
  }

  @Test(.timeLimit(.minutes(5))) func aFileLockedByAnotherProgramIsAnError() async throws {
    let path = directory.file()
    let store = try SQLiteStore(path: path, busyTimeout: 1)
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    await expectUnavailable([path, "locked"]) { try await store.put(.mesh()) }
    // Many at once do not wait one after the other, which would take longer than this test may.
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<500 {
        group.addTask { await expectUnavailable([path, "locked"]) { try await store.put(.mesh()) } }
      }
    }
    #expect(store.sequence == 0)
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try await store.put(.mesh())
  }

  @Test func afterClosingEveryCallFails() async throws {
    let store = try SQLiteStore(path: directory.file())
    try await store.put(.mesh())
    try store.close()
    try store.close()
    await expectUnavailable(["closed"]) { try await store.put(.mesh()) }
    await expectUnavailable(["closed"]) { _ = try await store.get(ResourceKey(type: .mesh, name: "default")) }
    await expectUnavailable(["closed"]) { try await store.delete(ResourceKey(type: .mesh, name: "default")) }
  }

  @Test func writesUnderWayWhenItClosesEitherSucceedOrFail() async throws {
    let path = directory.file()
    let store = try SQLiteStore(path: path)
    let outcomes = try await withThrowingTaskGroup(of: String?.self) { group in
      for number in 0..<100 {
        group.addTask {
          do throws(StoreError) { return try await store.put(.mesh("m\(number)")).stored.name } catch {
            #expect(error.code == .unavailable)
            return nil
          }
        }
      }
      group.addTask {
        try store.close()
        return nil
      }
      return try await group.reduce(into: Set<String>()) { if let name = $1 { $0.insert(name) } }
    }
    let reopened = try SQLiteStore(path: path)
    #expect(Set(try await reopened.list(.mesh, mesh: nil).map(\.name)) == outcomes)
  }

  @Test func aDirectoryThatCannotBeMadeIsAnError() async throws {
    let file = directory.file("plain")
    try Data("text".utf8).write(to: URL(fileURLWithPath: file))
    await expectUnavailable(["\(file)/sub/mesh.db", "cannot be made"]) {
      _ = try SQLiteStore(path: "\(file)/sub/mesh.db")
    }
    await expectUnavailable([directory.path, "cannot be"]) { _ = try SQLiteStore(path: directory.path) }
    await expectUnavailable(["path"]) { _ = try SQLiteStore(path: "") }
  }

  @Test("a file that is no database of ours", arguments: ["text", "random", "half"])
  func notADatabase(_ kind: String) async throws {
    let path = directory.file()
    var random = SeededGenerator(seed: 1)
    switch kind {
    case "text":
      try Data(String(repeating: "no database\n", count: 1000).utf8).write(to: URL(fileURLWithPath: path))
    case "random":
      try Data((0..<10_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        .write(to: URL(fileURLWithPath: path))
    default:
      let store = try SQLiteStore(path: path)
      try await store.put(.mesh())
      for number in 0..<200 { try await store.put(.dataplane("d\(number)")) }
      try store.close()
      var data = try Data(contentsOf: URL(fileURLWithPath: path))
      try #require(data.count > 20_000)
      for index in 4096..<data.count { data[index] = UInt8.random(in: 0...255, using: &random) }
      try data.write(to: URL(fileURLWithPath: path))
    }
    await expectUnavailable([path, "damaged or no database"]) { _ = try SQLiteStore(path: path) }
  }

  @Test func anotherProgramsDatabaseIsLeftAlone() async throws {
    let path = directory.file()
    let other = try DatabaseQueue(path: path)
    try await other.write { try $0.execute(sql: "CREATE TABLE theirs (x)") }
    try other.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    await expectUnavailable([path, "another program"]) { _ = try SQLiteStore(path: path) }
    let names = try await DatabaseQueue(path: path).read {
      try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
    }
    #expect(names == ["theirs"])
    #expect(before.count >= 4096)
  }

  @Test func aNewerDatabaseIsRefused() async throws {
    let path = directory.file()
    try SQLiteStore(path: path).close()
    let other = try DatabaseQueue(path: path)
    try await other.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 future')") }
    try other.close()
    await expectUnavailable([path, "newer version"]) { _ = try SQLiteStore(path: path) }
  }

  @Test("an entry that cannot be read names itself", arguments: ["{", "[]", #"{"selectors": 1}"#])
  func unreadableEntry(_ spec: String) async throws {
    let path = directory.file()
    let store = try SQLiteStore(path: path)
    try await store.put(.mesh())
    try await store.put(.trafficTrace("broken"))
    try store.close()
    let other = try DatabaseQueue(path: path)
    try await other.write {
      try $0.execute(sql: "UPDATE resource SET spec = ? WHERE name = 'broken'", arguments: [spec])
    }
    try other.close()
    await expectUnavailable(["TrafficTrace default/broken", "cannot be read"]) { _ = try SQLiteStore(path: path) }
  }
}
