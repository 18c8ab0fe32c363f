import Foundation
import GRDB
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

@testable import MeshStoreSQL

@Suite struct SQLiteStoreFailureTests {
  let directory: TemporaryFolder

  init() throws { directory = try TemporaryFolder() }

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
    await expectUnavailable([directory.file(), "locked by process \(getpid()), another control plane"]) {
      _ = try SQLiteStore(path: directory.file())
    }
    try first.close()
    try SQLiteStore(path: directory.file()).close()
  }

  @Test func aFileLockedByAnotherProgramIsAnError() async throws {
    let path = directory.file()
    let store = try SQLiteStore(path: path, busyTimeout: 1)
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    await expectUnavailable([path, "locked"]) { try await store.put(.mesh()) }
    // Writes that come together wait for the lock together, in one transaction.
    let transactions = try await TransactionCounter(store)
    let release = store.holdWriter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<500 {
        group.addTask { await expectUnavailable([path, "locked"]) { try await store.put(.mesh()) } }
      }
      try await eventually { store.writer.waitingCount == 500 }
      release.signal()
      try await group.waitForAll()
    }
    #expect(transactions.count == 1)
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
    await expectUnavailable(["\(file)/sub/mesh.db", "cannot be created"]) {
      _ = try SQLiteStore(path: "\(file)/sub/mesh.db")
    }
    await expectUnavailable([directory.path, "cannot be"]) { _ = try SQLiteStore(path: directory.path) }
    await expectUnavailable(["path"]) { _ = try SQLiteStore(path: "") }
  }

  @Test("a file that is not our database is refused", arguments: ["text", "random", "half"])
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
    await expectUnavailable([path, "damaged or not a database"]) { _ = try SQLiteStore(path: path) }
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
