import Foundation
import MeshModel
import MeshTestSupport
import PostgresTestSupport
import ProcessSupervisor
import Synchronization
import Testing

/// A real PostgreSQL with a streaming standby fails over, and the control plane goes with it.
@Suite("Failover of PostgreSQL", .fewAtATime, .serialized, .timeLimit(.minutes(60))) struct FailoverTests {
  /// How the primary goes.
  enum End: CaseIterable, Sendable {
    /// Its process ends, and the kernel says so to its clients.
    case killed
    /// Its machine is gone, and nobody says anything.
    case silent
  }

  /// What was answered to writes.
  private final class Writes: Sendable {
    struct State {
      var acknowledged: [String] = []
      var refusals: [HTTPProbe.Answer] = []
      var number = 0
    }

    private let state = Mutex(State())
    private let port: Int

    init(port: Int) { self.port = port }

    var all: State { state.withLock { $0 } }

    func put() async throws -> Bool {
      let name = state.withLock { state in
        state.number += 1
        return "m\(state.number)"
      }
      let answer = try await HTTPProbe.put(port: port, "/meshes/\(name)", #"{"type":"Mesh","name":"\#(name)"}"#)
      guard let answer else { return false }
      state.withLock { state in
        if answer.status == 201 { state.acknowledged.append(name) } else { state.refusals.append(answer) }
      }
      return answer.status == 201
    }
  }

  @Test("503 until the standby is promoted, then service, and nothing lost", arguments: End.allCases)
  func failover(_ end: End) async throws {
    let primary = try await PostgresServer.start()
    var failure: (any Error)?
    do {
      let database = try await primary.makeDatabase()
      let standby = try await primary.makeStandby()
      do { try await failOver(from: primary, to: standby, database, end) } catch { failure = error }
      await standby.remove()
    } catch {
      failure = error
    }
    await primary.remove()
    if let failure { throw failure }
  }

  private func failOver(
    from primary: PostgresServer, to standby: PostgresServer, _ database: String, _ end: End
  ) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "failover-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    var settings = SharedStoreTests.settings(primary, database)
    settings["KUMA_STORE_POSTGRES_HOST"] = "\(primary.address),\(standby.address)"
    // As an installation has them, but for the time that an answer may take.
    settings["KUMA_STORE_POSTGRES_MIN_RECONNECT_INTERVAL"] = nil
    settings["KUMA_STORE_POSTGRES_MAX_RECONNECT_INTERVAL"] = nil
    let controlPlane = try ControlPlaneProcess(home: home, settings: settings)
    do {
      try await controlPlane.start()
      let writes = Writes(port: controlPlane.ports.api)
      for _ in 0..<20 { #expect(try await writes.put()) }

      switch end {
      case .killed: await primary.kill()
      case .silent: primary.freeze(true)
      }
      try await eventually("a refused write") {
        _ = try await writes.put()
        return !writes.all.refusals.isEmpty
      }
      for refusal in writes.all.refusals {
        #expect(refusal.status == 503)
        #expect(refusal.text.contains("the database \(database) at"), "\(refusal.text)")
        #expect(!refusal.text.contains(PostgresServer.password))
      }
      try await eventually("a control plane that is not ready") { try await !controlPlane.isReady }
      // Until somebody promotes the standby, it takes no writes, and what is known is still read.
      #expect(try await !writes.put())
      #expect(try await HTTPProbe.get(port: controlPlane.ports.api, "/meshes/m1")?.status == 200)

      try await standby.promote()
      let start = ContinuousClock.now
      try await eventually("a write that is taken") { try await writes.put() }
      let written = ContinuousClock.now - start
      try await eventually("readiness") { try await controlPlane.isReady }
      print("after a failover (\(end)): writes again after \(written), ready after \(ContinuousClock.now - start)")
      for _ in 0..<20 { #expect(try await writes.put()) }

      // The old primary comes back, and nobody turns to it.
      let before = writes.all.acknowledged
      switch end {
      case .killed: try await primary.start()
      case .silent: primary.freeze(false)
      }
      for _ in 0..<20 { #expect(try await writes.put()) }
      let stored = try await standby.query(
        "SELECT name FROM kuma_trace_resource WHERE type = 'Mesh'", database: database)
      #expect(Set(writes.all.acknowledged).subtracting(stored) == [])
      #expect(Set(before).subtracting(stored) == [])
      let shown =
        try await controlPlane.get("/meshes?size=1000")["items"]?.array?.compactMap { $0["name"]?.string } ?? []
      #expect(Set(shown) == Set(stored))
      #expect(shown.count == Set(shown).count)
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }
}
