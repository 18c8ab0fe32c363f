import MeshModel
import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Testing

@testable import MeshStorePostgres

@Suite("The store in PostgreSQL", .timeLimit(.minutes(15))) struct PostgresStoreTests {
  @Test("the contract of every store", arguments: StoreContract.all)
  func contract(_ contract: StoreContract) async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    try await contract.run { clock in
      try await PostgresStore.open(server.configuration(database), instance: "cp", clock: clock)
    }
  }

  @Test func aRestartFindsEverythingAgain() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    let clock = TestClock()
    let first = try await PostgresStore.open(server.configuration(database), instance: "1", clock: { clock.now })
    let document = """
      type: Mesh
      name: odd
      mtls: {z: 1.0, a: [null, {}, [], 1e300, -0.0, "text\\u0000", 12345678901234567], enabled: true}
      tracing:
        backends:
        - {name: b, type: zipkin, sampling: 0, conf: {url: "http://z:1/a'; DROP TABLE kuma_trace_resource; --"}}
        - {name: c, type: zipkin, sampling: 33.333333333333336, conf: {url: "http://z:1/ä\\u2028{,\\"}\\\\"}}
      """
    let odd = try #require(try ResourceDocument.all(in: document).first).resource
    try await first.put(odd)
    try await first.put(.mesh())
    var labelled = Resource.trafficTrace("t'; DELETE FROM kuma_trace_resource; --")
    labelled.labels = ["b": "2", "a": "ä\n\"\u{0}", "": "{}"]
    try await first.put(labelled)
    for _ in 0..<3 { try await first.put(.dataplane("d")) }
    try await first.put(.insight("d", sent: .max))
    let before = try await first.everything()
    #expect(before[odd.key]?.spec == odd.spec)
    #expect(before[labelled.key]?.labels == labelled.labels)
    var changes = first.changes().makeAsyncIterator()
    #expect(try #require(await changes.next()).written.count == 5)
    await first.close()
    #expect(await changes.next() == nil)
    await expectUnavailable(["closed"]) { try await first.put(.mesh()) }

    clock.set(Timestamp(seconds: 1_699_999_900))
    let second = try await PostgresStore.open(server.configuration(database), instance: "2", clock: { clock.now })
    #expect(try await second.everything() == before)
    let last = try #require(before.values.compactMap(\.modificationTime).max())
    #expect(try #require(try await second.put(.mesh("late")).stored.creationTime) > last)
    #expect(second.clusterID == first.clusterID && second.clusterID.count == 36)
    await second.close()
  }

  @Test func aZeroByteInANameIsRefusedAndFindsNothing() async throws {
    let server = try await PostgresServer.shared()
    try await withStores(server, try await server.makeDatabase(), count: 1) { stores in
      await expectUnavailable(["zero byte"]) { try await stores[0].put(.mesh("a\u{0}")) }
      let key = ResourceKey(type: .mesh, name: "a\u{0}")
      #expect(stores[0].get(key) == nil)
      await #expect(throws: StoreError.self) { try await stores[0].delete(key) }
    }
  }

  @Test("what one control plane writes, another is told of") func twoStores() async throws {
    let server = try await PostgresServer.shared()
    try await withStores(server, try await server.makeDatabase()) { stores in
      let reader = Reader(stores[1])
      try await stores[0].put(.mesh())
      try await stores[0].put(.trafficTrace("t"))
      try await stores[0].put(.dataplane("d"))
      try await stores[0].put(.insight("d"))
      try await stores[0].delete(ResourceKey(type: .dataplane, mesh: "default", name: "d"))
      let expected = try await stores[0].everything()
      #expect(expected.count == 2)
      try await eventually("the other's state") { reader.resources == expected }
      #expect(try await stores[1].everything() == expected)
      #expect(reader.wholeStates == 1)
    }
  }

  @Test("conditions hold, and times are told apart, across control planes") func conditions() async throws {
    let server = try await PostgresServer.shared()
    try await withStores(server, try await server.makeDatabase(), count: 3) { stores in
      // None has been told of the others' writes; each outcome is by the true state nevertheless.
      try await stores[0].put(.mesh())
      try await stores[1].put(.trafficTrace("t"))
      for store in stores {
        do throws(StoreError) {
          _ = try await store.put(.mesh(), if: .absent)
          Issue.record("the mesh was created twice")
        } catch { #expect(error.code == .conflict) }
        // What was refused is known from then on.
        #expect(store.get(ResourceKey(type: .mesh, name: "default"))?.revision == 1)
      }
      let wins = try await withThrowingTaskGroup(of: Int.self) { group in
        for store in stores {
          for _ in 0..<4 {
            group.addTask {
              var wins = 0
              while let present = store.get(ResourceKey(type: .mesh, name: "default")), present.revision < 61 {
                do {
                  _ = try await store.put(present, if: .revision(present.revision))
                  wins += 1
                } catch let error as StoreError where error.code == .conflict { continue }
              }
              return wins
            }
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(wins == 60)
    }
  }

  @Test("several write, create and delete at once, and all end with the same") func everybodyWrites() async throws {
    let server = try await PostgresServer.shared()
    // So few deletions are remembered that who is late compares everything.
    try await withStores(server, try await server.makeDatabase(), count: 3, memory: 3) { stores in
      let readers = stores.map { Reader($0) }
      for mesh in 0..<3 { try await stores[mesh].put(.mesh("m\(mesh)")) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<12 {
          let store = stores[writer % stores.count]
          group.addTask {
            for number in 0..<30 {
              let mesh = "m\((writer + number) % 3)"
              let key = ResourceKey(type: .trafficTrace, mesh: mesh, name: "w\(writer)-\(number % 7)")
              try await store.put(.trafficTrace(key.name, mesh: mesh, backend: "b\(number)"))
              try await store.put(.insight("shared", mesh: mesh, sent: UInt64(number)))
              if number % 3 == 0 { try await store.delete(key) }
            }
          }
        }
        try await group.waitForAll()
      }
      // What was written at another store comes a moment after the answer there.
      let expected = try await eventually("the writes of all") {
        let resources = try await stores[0].everything()
        let shared = resources.values.filter { $0.name == "shared" }.map(\.revision).reduce(0, +)
        return shared == 360 ? resources : nil
      }
      let times = expected.values.compactMap(\.creationTime)
      #expect(Set(times).count == times.count)
      try await stores[0].put(.mesh("end"))
      let end = try await stores[0].everything()
      for (store, reader) in zip(stores, readers) {
        try await eventually("the state of all") { reader.resources == end }
        #expect(try await store.everything() == end)
        #expect(reader.wholeStates == 1)
      }
    }
  }

  @Test("a thousand writes at once share transactions") func groups() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    try await withStores(server, database, count: 1) { stores in
      try await stores[0].put(.mesh())
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<1000 {
          group.addTask { try await stores[0].put(.dataplane("d\(number)")) }
        }
        try await group.waitForAll()
      }
      let transactions = try #require(
        Int(try await server.query("SELECT last_change FROM kuma_trace_store", database: database)[0]))
      #expect(transactions < 500)
      #expect(try await server.query("SELECT count(*) FROM kuma_trace_resource", database: database) == ["1001"])
    }
  }

  @Test("ten stores that start at once on an empty database make its tables once") func migrations() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<10 {
        group.addTask {
          let store = try await PostgresStore.open(server.configuration(database), instance: "cp-\(number)")
          _ = try? await store.put(.mesh(), if: .absent)
          let identity = store.clusterID
          await store.close()
          return identity
        }
      }
      var identities: Set<String> = []
      for try await identity in group { identities.insert(identity) }
      #expect(identities.count == 1)
    }
    #expect(try await server.query("SELECT version FROM kuma_trace_schema", database: database) == ["1"])
    #expect(
      try await server.query("SELECT name, revision FROM kuma_trace_resource", database: database) == ["default|1"])
  }

  @Test("databases that cannot be used say why at once") func hopeless() async throws {
    let server = try await PostgresServer.shared()
    let newer = try await server.makeDatabase()
    await (try PostgresStore.open(server.configuration(newer), instance: "cp")).close()
    try await server.query("INSERT INTO kuma_trace_schema (version) VALUES (99)", database: newer)
    await expectUnavailable([newer, "newer version"]) {
      _ = try await PostgresStore.open(server.configuration(newer), instance: "cp")
    }
    let latin = try await server.makeDatabase("ENCODING 'LATIN1' TEMPLATE template0")
    await expectUnavailable([latin, "LATIN1", "UTF8"]) {
      _ = try await PostgresStore.open(server.configuration(latin), instance: "cp")
    }
    let broken = try await server.makeDatabase()
    await (try PostgresStore.open(server.configuration(broken), instance: "cp")).close()
    try await server.query("DELETE FROM kuma_trace_store", database: broken)
    await expectUnavailable([broken, "kuma_trace_store"]) {
      _ = try await PostgresStore.open(server.configuration(broken), instance: "cp")
    }
  }

  @Test("an entry that cannot be read is told of, and the others are there") func unreadable() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    try await withStores(server, database, count: 1) { stores in
      try await stores[0].put(.mesh())
      try await stores[0].put(.trafficTrace("broken"))
    }
    try await server.query(
      "UPDATE kuma_trace_resource SET spec = '{\"selectors\": 1}' WHERE name = 'broken'", database: database)
    let events = Events()
    try await withStores(server, database, count: 1, events: events) { stores in
      let names = try await stores[0].everything().keys.map(\.name)
      #expect(names == ["default"])
      #expect(
        events.all.contains {
          if case .unreadable(let message) = $0 { message.contains("TrafficTrace default/broken") } else { false }
        })
    }
  }

  @Test("who is connected is known, and who has gone is not") func presence() async throws {
    let server = try await PostgresServer.shared()
    try await withStores(server, try await server.makeDatabase()) { stores in
      #expect(try await stores[0].connected(of: ["cp-0", "cp-1", "cp-2"]) == ["cp-0", "cp-1"])
      await stores[1].close()
      try await eventually("the end of cp-1") { try await stores[0].connected(of: ["cp-0", "cp-1"]) == ["cp-0"] }
      #expect(try await stores[0].connected(of: []).isEmpty)
    }
  }
}
