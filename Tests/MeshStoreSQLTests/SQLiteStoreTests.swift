import Foundation
import GRDB
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshStoreSQL

extension TemporaryFolder {
  /// The path of the database.
  func file() -> String { file("mesh.db") }
}

/// Counts the transactions that a store begins, including those that fail.
final class TransactionCounter: Sendable {
  private let begun = Atomic(0)

  var count: Int { begun.load(ordering: .relaxed) }

  init(_ store: SQLiteStore) async throws {
    try await store.file.pool.writeWithoutTransaction { database in
      database.trace { event in
        if "\(event)".hasPrefix("BEGIN") { self.begun.add(1, ordering: .relaxed) }
      }
    }
  }
}

extension SQLiteStore {
  /// Occupies the writer until the returned semaphore is signalled, so that the writes that come meanwhile wait together.
  func holdWriter() -> DispatchSemaphore {
    let release = DispatchSemaphore(value: 0)
    file.pool.asyncWriteWithoutTransaction { _ in release.wait() }
    return release
  }
}

@Suite struct SQLiteStoreTests {
  let directory: TemporaryFolder

  init() throws { directory = try TemporaryFolder() }

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
    let transactions = try await TransactionCounter(store)
    let release = store.holdWriter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<1000 {
        group.addTask { try await store.put(.insight("d\(number)", sent: UInt64(number))) }
        // Writes that are refused do not affect the others.
        if number % 10 == 0 {
          group.addTask {
            await #expect(throws: StoreError.self) { try await store.put(.trafficTrace("t", mesh: "none")) }
          }
        }
      }
      try await eventually { store.writer.waitingCount == 1100 }
      release.signal()
      try await group.waitForAll()
    }
    #expect(try await store.list(.dataplaneInsight, mesh: "default").count == 1000)
    #expect(transactions.count == 2, "a batch holds 1,000 writes")
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
