import Foundation
import GRDB
import MeshModel
import MeshStore
import MeshTestSupport
import SQLiteFiles
import Synchronization
import Testing

@testable import MeshStoreSQL

/// Files that are deleted or replaced while a store uses them.
@Suite struct LostFileTests {
  /// What a store has reported.
  private final class Reports: Sendable {
    private let reports = Mutex<[String?]>([])
    func note(_ report: String?) { reports.withLock { $0.append(report) } }
    var all: [String?] { reports.withLock { $0 } }
  }

  enum Loss: CaseIterable, Sendable {
    case deleted, replaced, folderMoved
  }

  @Test(
    "No write is answered that the next start would not find, the store says so, and goes on when the file is back",
    arguments: Loss.allCases, ["", "-wal", "-shm"])
  func lost(loss: Loss, suffix: String) async throws {
    let directory = try TemporaryFolder()
    let folder = directory.path + "/store"
    let (path, aside) = ("\(folder)/mesh.db", directory.path + "/aside")
    let reports = Reports()
    let store = try SQLiteStore(path: path, report: reports.note)
    try await store.put(.mesh())
    #expect(await store.obstacle() == nil)

    let files = FileManager.default
    let moved = loss == .folderMoved ? folder : path + suffix
    try files.moveItem(atPath: moved, toPath: aside)
    if loss == .replaced { try files.copyItem(atPath: aside, toPath: moved) }
    let words = [path, loss == .replaced ? "was replaced while it was open" : "was deleted while it was open"]
    await expectUnavailable(words + ["move the original file back", "restart the control plane"]) {
      try await store.put(.mesh("lost"))
    }
    let obstacle = try #require(await store.obstacle())
    for word in words { #expect(obstacle.contains(word)) }
    // What is known can be read, and the refused write has left nothing.
    #expect(try await store.list(.mesh, mesh: nil).map(\.name) == ["default"])
    #expect(reports.all == [obstacle])

    if loss == .replaced { try files.removeItem(atPath: moved) }
    try files.moveItem(atPath: aside, toPath: moved)
    try await store.put(.mesh("kept"))
    #expect(await store.obstacle() == nil)
    #expect(reports.all == [obstacle, nil])
    try store.close()
    let again = try SQLiteStore(path: path)
    #expect(try await again.list(.mesh, mesh: nil).map(\.name) == ["default", "kept"])
    try again.close()
  }

  @Test("Of a log that is gone nothing is lost when the store is closed in order")
  func logDeleted() async throws {
    let directory = try TemporaryFolder()
    let store = try SQLiteStore(path: directory.file())
    try await store.put(.mesh())
    try FileManager.default.removeItem(atPath: directory.file() + "-wal")
    await expectUnavailable(["-wal was deleted"]) { try await store.put(.mesh("lost")) }
    try store.close()
    let again = try SQLiteStore(path: directory.file())
    #expect(try await again.list(.mesh, mesh: nil).map(\.name) == ["default"])
    try again.close()
  }

  @Test("A full disk is told, and that it is not any more, too")
  func full() async throws {
    let directory = try TemporaryFolder()
    let reports = Reports()
    // A trial write is small and has room: it would end the trouble before the test has asked for it.
    let store = try SQLiteStore(
      path: directory.file(), clock: StoreClock.wallClock, busyTimeout: 1, pageLimit: 20, patience: .seconds(3_600),
      report: reports.note)
    try await store.put(.mesh())
    var large = Resource.mesh("large")
    large.labels = ["a": String(repeating: "x", count: 100_000)]
    await expectUnavailable(["the disk is full"]) { try await store.put(large) }
    let obstacle = try #require(await store.obstacle())
    #expect(obstacle.contains(directory.file()))
    #expect(obstacle.contains("the disk is full; make room"))
    try await store.file.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 100000") }
    try await store.put(large)
    #expect(await store.obstacle() == nil)
    #expect(reports.all == [obstacle, nil])
    try store.close()
  }

  @Test("A store to which nobody writes any more is tried when somebody asks")
  func trial() async throws {
    let directory = try TemporaryFolder()
    let store = try SQLiteStore(
      path: directory.file(), clock: StoreClock.wallClock, busyTimeout: 0.05, pageLimit: nil, patience: .zero)
    try await store.put(.mesh())
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: directory.file(), configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    await expectUnavailable(["another program has locked it"]) { try await store.put(.mesh("lost")) }
    #expect(await store.obstacle()?.contains("another program has locked it") == true)
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    #expect(await store.obstacle() == nil)
    try other.close()
    try store.close()
  }
}
