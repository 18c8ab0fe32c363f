import Backoff
import MeshModel
import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Synchronization
import Testing

@testable import MeshStorePostgres

@Suite("Coming back to a database", .timeLimit(.minutes(15))) struct ReconnectTests {
  @Test("what follows what: subscribe before everything is read, one attempt at once, then pauses") func machine() {
    var machine = FollowerStateMachine(schedule: BackoffSchedule(minimum: .seconds(1), maximum: .seconds(4)))
    #expect(machine.handle(.started) == .connect)
    #expect(machine.handle(.failed(share: 1)) == .pause(.seconds(1)))
    #expect(machine.handle(.resumed) == .connect)
    #expect(machine.handle(.connected) == .synchronize)
    #expect(machine.handle(.failed(share: 1)) == .pause(.seconds(2)))
    #expect(machine.handle(.resumed) == .connect)
    #expect(machine.handle(.connected) == .synchronize)
    #expect(machine.handle(.synchronized) == .wait)
    #expect(machine.handle(.notified(7, reached: 6)) == .read)
    #expect(machine.handle(.notified(7, reached: 7)) == .wait)
    #expect(machine.handle(.failed(share: 1)) == .connect)
    #expect(machine.handle(.failed(share: 1)) == .pause(.seconds(1)))
    #expect(machine.handle(.closed) == .stop)
    #expect(machine.handle(.resumed) == .stop)
  }

  @Test("a server that is stopped and started: refused meanwhile, nothing missed afterwards") func restart()
    async throws
  {
    let server = try await PostgresServer.start()
    do {
      let database = try await server.makeDatabase()
      let events = Events()
      try await withStores(server, database, events: events) { stores in
        try await stores[0].put(.mesh())
        try await stores[0].put(.trafficTrace("gone"))
        let reader = Reader(stores[1])
        try await eventually("the state at the other") { reader.resources.count == 2 }
        let returns = stores[1].returnsToService()

        await server.stop()
        await expectUnavailable([database, "127.0.0.1:\(server.port)", "try again"]) {
          try await stores[0].put(.trafficTrace("refused"))
        }
        try await eventually("what keeps from writing") { stores[0].obstacle()?.contains(database) == true }
        // What was read stays, and the subscription stays open.
        #expect(stores[1].list(.trafficTrace, mesh: "default").map(\.name) == ["gone"])
        #expect(reader.resources.count == 2)

        try await server.start()
        // Without the stores' knowledge, as by a control plane that was faster to come back.
        try await withStores(server, database, count: 1) { other in
          try await other[0].delete(ResourceKey(type: .trafficTrace, mesh: "default", name: "gone"))
          try await other[0].put(.trafficTrace("new"))
        }
        try await eventually("the changes made meanwhile") {
          reader.resources.keys.map(\.name).sorted() == ["default", "new"]
        }
        #expect(reader.wholeStates == 1)
        for await _ in returns { break }
        try await stores[0].put(.trafficTrace("again"))
        try await eventually("a change after that") { reader.resources.count == 3 }
        try await eventually("that nothing keeps from writing") { stores[0].obstacle() == nil }
        #expect(try await stores[1].everything() == reader.resources)
      }
      #expect(events.connections == 4)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  @Test("a server that is killed under load: every answered write is there, on every side") func kills() async throws {
    let server = try await PostgresServer.start()
    do {
      let database = try await server.makeDatabase()
      try await withStores(server, database) { stores in
        try await stores[0].put(.mesh())
        let reader = Reader(stores[1])
        let answered = Answered()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for writer in 0..<8 {
            group.addTask {
              var number: UInt64 = 0
              while !answered.isOver {
                number += 1
                let resource = Resource.insight("w\(writer)", sent: number)
                do {
                  try await stores[writer % 2].put(resource)
                  answered.note(resource.key, number)
                } catch let error as StoreError where error.code == .unavailable {
                  try await Task.sleep(for: .milliseconds(5))
                }
              }
            }
          }
          for _ in 0..<3 {
            let before = answered.count
            try await eventually("more writes") {
              answered.count > before + 40
            }
            await server.kill()
            try await server.start()
          }
          answered.finish()
          try await group.waitForAll()
        }
        let end = try await eventually("a write after the last kill") {
          try? await stores[0].put(.mesh("end")).stored
        }
        try await eventually("the last write at the other") { reader.resources[end.key] == end }
        #expect(try await stores[0].everything() == reader.resources)
        for (key, number) in answered.all {
          let insight = try #require(reader.resources[key]?.content(DataplaneInsight.self))
          let sent = try #require(insight.subscriptions.first?.status.counts[.cds]?.responsesSent)
          // A write whose answer was lost may have been made.
          #expect(sent >= number && sent <= number + 1, "\(key)")
        }
      }
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  @Test("a server that stands still: refused in time, and nothing is missed when it goes on") func freeze() async throws
  {
    let server = try await PostgresServer.start()
    do {
      let database = try await server.makeDatabase()
      var configuration = server.configuration(database)
      configuration.connectionTimeout = .milliseconds(500)
      let store = try await PostgresStore.open(configuration, instance: "a")
      let other = try await PostgresStore.open(configuration, instance: "b")
      try await eventually("a first write") { try? await store.put(.mesh()).stored }
      server.freeze(true)
      await expectUnavailable(["did not answer within"]) { try await store.put(.trafficTrace("t")) }
      #expect(store.list(.mesh, mesh: nil).count == 1)
      server.freeze(false)
      let stored = try await eventually("a write that is made") { try? await store.put(.trafficTrace("u")).stored }
      try await eventually("the write at the other") { other.get(stored.key) == stored }
      await store.close()
      await other.close()
    } catch {
      server.freeze(false)
      await server.remove()
      throw error
    }
    await server.remove()
  }

  @Test("cut connections are opened again, and a write during the cut succeeds") func cut() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    let events = Events()
    try await withStores(server, database, events: events) { stores in
      try await stores[0].put(.mesh())
      let reader = Reader(stores[1])
      for round in 1...3 {
        try await server.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND pid <> pg_backend_pid()",
          database: database)
        let stored = try await stores[0].put(.trafficTrace("t\(round)")).stored
        try await eventually("the write at the other") { reader.resources[stored.key] == stored }
        try await eventually("both followers' return") { events.connections >= 2 + 2 * round }
      }
      #expect(reader.wholeStates == 1)
    }
  }

  @Test("an older copy of the database in its place is taken as it is") func olderCopy() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    try await withStores(server, database) { stores in
      try await stores[0].put(.mesh())
      try await stores[0].put(.trafficTrace("kept"))
      try await server.query(
        """
        CREATE TABLE copy AS SELECT * FROM kuma_trace_store
        """, database: database)
      try await stores[0].put(.trafficTrace("lost"))
      let reader = Reader(stores[1])
      try await eventually("all at the other") { reader.resources.count == 3 }
      try await server.query(
        """
        DELETE FROM kuma_trace_resource WHERE name = 'lost';
        UPDATE kuma_trace_store SET last_change = copy.last_change, last_time = copy.last_time FROM copy;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND pid <> pg_backend_pid()
        """, database: database)
      try await eventually("the older state") { reader.resources.keys.map(\.name).sorted() == ["default", "kept"] }
      let stored = try await stores[1].put(.trafficTrace("new")).stored
      try await eventually("a write at the first") { stores[0].get(stored.key) == stored }
      #expect(try await stores[0].everything() == reader.resources)
    }
  }

  @Test("a start without a database waits for it, and can be given up") func lateDatabase() async throws {
    let server = try await PostgresServer.start()
    do {
      let database = try await server.makeDatabase()
      await server.stop()
      let events = Events()
      let configuration = server.configuration(database)
      let isHopeful: @Sendable () -> Bool = {
        events.all.contains {
          if case .unreachable(let message, _) = $0 { message.contains(database) } else { false }
        }
      }
      let given = Task { try await PostgresStore.open(configuration, instance: "a", observer: events.note) }
      try await eventually("an attempt") { isHopeful() }
      given.cancel()
      await expectUnavailable(["closed"]) { _ = try await given.value }

      let waiting = Task { try await PostgresStore.open(configuration, instance: "a", observer: events.note) }
      try await server.start()
      let store = try await waiting.value
      try await store.put(.mesh())
      await store.close()
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  @Test("a wrong password is told without the password") func wrongPassword() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    var configuration = server.configuration(database)
    configuration.password = "wrong secret"
    let wrong = configuration
    let events = Events()
    let opening = Task { try await PostgresStore.open(wrong, instance: "a", observer: events.note) }
    let message = try await eventually("a refusal") {
      events.all.compactMap { if case .unreachable(let message, _) = $0 { message } else { nil } }.first
    }
    #expect(message.contains("password authentication failed for user \"kuma\""))
    #expect(!message.contains("wrong secret"))
    #expect(!"\(wrong) \(String(reflecting: wrong))".contains("wrong secret"))
    var dumped = ""
    dump(wrong, to: &dumped)
    #expect(!dumped.contains("wrong secret"))
    opening.cancel()
    _ = try? await opening.value
  }
}

/// The writes that were answered, and whether there shall be more.
private final class Answered: Sendable {
  private let state = Mutex<(numbers: [ResourceKey: UInt64], isOver: Bool)>(([:], false))

  var all: [ResourceKey: UInt64] { state.withLock { $0.numbers } }
  var count: UInt64 { all.values.reduce(0, +) }
  var isOver: Bool { state.withLock { $0.isOver } }
  func note(_ key: ResourceKey, _ number: UInt64) { state.withLock { $0.numbers[key] = number } }
  func finish() { state.withLock { $0.isOver = true } }
}
