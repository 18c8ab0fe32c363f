import KubernetesAPI
import KubernetesTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshStoreKubernetes

extension KubernetesStoreTests {
  /// Counts in the port of a proxy, so that each write can be told from every other.
  private static func counter(_ name: String, _ count: UInt32) -> Resource { .dataplane(name, port: 1000 + count) }

  private static func count(_ resource: Resource?) -> UInt32? {
    resource?.content(Dataplane.self)?.networking?.inbound.first.map { $0.port - 1000 }
  }

  @Test("of writes whose connection is cut two hundred times, none is lost and none is done twice")
  func cuts() async throws {
    let cluster = try await Cluster.empty()
    let relay = try await CuttableRelay.start(before: cluster.server.port)
    let client = try Cluster.client(try cluster.server.kubeconfig(port: relay.port))
    let running = try await RunningStore.loaded(client)
    let witness = try await RunningStore.loaded(cluster.client, instance: "witness")
    let store = running.store
    try await store.put(.mesh())
    // The witness sees each count once, in order.
    let seen = Task { () -> [String: [UInt32]] in
      var counts: [String: [UInt32]] = [:]
      for await changes in witness.store.changes() {
        for resource in changes.written {
          guard let count = Self.count(resource), counts[resource.name]?.last != count else { continue }
          counts[resource.name, default: []].append(count)
        }
      }
      return counts
    }
    let cuts = try await withThrowingTaskGroup(of: Int.self) { group in
      for writer in 0..<4 {
        group.addTask { try await Self.countAndCut(writer, to: store, cutting: relay) }
      }
      return try await group.reduce(0, +)
    }
    #expect(cuts == 200)
    for writer in 0..<4 {
      let key = ResourceKey(type: .dataplane, mesh: "default", name: "w\(writer).shop")
      for store in [store, witness.store] {
        try await eventually("the last count of \(key)") { Self.count(try store.get(key)) == 49 }
      }
    }
    try await eventually("one state") { try await store.everything() == witness.store.everything() }
    #expect(try await store.everything().count == 5)
    await witness.close()
    for counts in await seen.value.values {
      #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 < $1 }, "a count came twice or out of order: \(counts)")
    }
    await running.close()
    await relay.stop()
  }

  /// Counts to 50, and cuts all connections during each write.
  ///
  /// - Returns: the number of cuts.
  private static func countAndCut(
    _ writer: Int, to store: KubernetesStore, cutting relay: CuttableRelay
  ) async throws -> Int {
    var random = SeededGenerator(seed: UInt64(writer))
    for count in UInt32(0)..<50 {
      async let written: Void = write("w\(writer).shop", count, to: store)
      for _ in 0..<Int.random(in: 0..<20, using: &random) { await Task.yield() }
      relay.cut()
      try await written
    }
    return 50
  }

  /// Writes the next count, until it is certain that it is written, and that no other write was done.
  private static func write(_ name: String, _ count: UInt32, to store: KubernetesStore) async throws {
    let key = ResourceKey(type: .dataplane, mesh: "default", name: name)
    let known = try store.get(key)
    #expect(Self.count(known) == (count == 0 ? nil : count - 1))
    let condition = known.map { WriteCondition.revision($0.revision) } ?? .absent
    var isUnclear = false
    try await eventually("count \(count) of \(name)") {
      do {
        _ = try await store.put(counter(name, count), if: condition)
        return true
      } catch let error as StoreError {
        switch error.code {
        case .unavailable:
          isUnclear = true
          return false
        case .conflict:
          // An earlier attempt had arrived, although its answer did not.
          #expect(isUnclear)
          try await eventually("the count that arrived") { Self.count(try store.get(key)) == count }
          return true
        default: throw error
        }
      }
    }
  }

  @Test("while the API server is away reads go on, writes fail, and the obstacle says since when") func away()
    async throws
  {
    let cluster = try await Cluster.empty()
    let relay = try await CuttableRelay.start(before: cluster.server.port)
    let running = try await RunningStore.loaded(try Cluster.client(try cluster.server.kubeconfig(port: relay.port)))
    let store = running.store
    try await store.put(.mesh())
    try await store.put(.trafficTrace("stays"))
    try await store.put(.trafficTrace("goes"))
    let before = try await store.everything()
    let changes = Mutex(0)
    let following = Task {
      for await element in store.changes() where !element.written.isEmpty || !element.deleted.isEmpty {
        changes.withLock { $0 += 1 }
      }
    }
    let returns = Mutex(0)
    let returning = Task { for await _ in store.returnsToService() { returns.withLock { $0 += 1 } } }
    try await eventually("the whole state") { changes.withLock { $0 } == 1 }
    relay.behave(.refuses)
    relay.cut()
    let sentence = try await eventually("an obstacle") { await store.obstacle() }
    #expect(sentence.contains("127.0.0.1:\(relay.port)") && sentence.contains("(since 20"), "\(sentence)")
    #expect(try await store.everything() == before)
    await expectUnavailable(["TrafficTrace default/late was not written"]) {
      try await store.put(.trafficTrace("late"))
    }
    // Meanwhile another control plane changes and deletes.
    try await withStores(cluster) { stores in
      try await stores[0].put(.trafficTrace("stays", backend: "other"))
      try await stores[0].delete(ResourceKey(type: .trafficTrace, mesh: "default", name: "goes"))
      relay.behave(.passes)
      try await eventually("no obstacle") { await store.obstacle() == nil }
      try await eventually("the news") { try await store.everything() == stores[0].everything() }
    }
    try await eventually("the return") { returns.withLock { $0 } == 1 }
    try await store.put(.trafficTrace("late"))
    await running.close()
    await following.value
    await returning.value
    await relay.stop()
  }

  @Test("without rights the store waits, and says which verb on which kind is missing") func rights() async throws {
    let cluster = try await Cluster.empty()
    let running = RunningStore(try Cluster.client(try cluster.server.kubeconfig(context: "nobody")))
    let store = running.store
    let missing = ResourceType.allCases.map { "\"\($0.kubernetesKind.qualifiedName)\"" }
    let sentence = try await eventually("an obstacle") {
      await store.obstacle().flatMap { sentence in missing.allSatisfy(sentence.contains) ? sentence : nil }
    }
    #expect(sentence.contains("the verb \"list\" on \"meshes.kuma.io\""), "\(sentence)")
    let all =
      "all that is missing: get, list, watch, create, update, delete on dataplanes.kuma.io; get, list, watch, create, "
      + "update, delete on dataplaneinsights.kuma.io; get, list, watch, create on meshes.kuma.io; get, list, watch, "
      + "create on secrets; get, list, watch on traffictraces.kuma.io"
    // Two replicas of Secrets fail for one reason.
    #expect(sentence.matches(of: /cannot list "secrets"/).count == 1, "\(sentence)")
    #expect(sentence.hasSuffix(all), "\(sentence)")
    await expectUnavailable(["not loaded yet", "list"]) { _ = try store.get(ResourceKey(type: .mesh, name: "default")) }
    await expectUnavailable(["not loaded yet"]) { try await store.put(.mesh()) }
    let cancelled = Task { await store.loaded() }
    cancelled.cancel()
    #expect(await cancelled.value == false)
    let loaded = Task { await store.loaded() }
    await running.close()
    #expect(await loaded.value == false)
  }

  @Test("two thousand Dataplanes come in pages, and a control plane that starts again finds everything")
  func manyDataplanes() async throws {
    let cluster = try await Cluster.empty()
    var settings = RunningStore.quick
    settings.replicas.pageSize = 100
    let first = try await RunningStore.loaded(cluster.client, settings: settings)
    try await first.store.put(.mesh())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for part in 0..<20 {
        group.addTask {
          for number in 0..<100 {
            _ = try await first.store.put(
              .dataplane("p\(part)-\(number).shop", service: "s\(part)"), if: .absent)
          }
        }
      }
      try await group.waitForAll()
    }
    var before = try await first.store.everything()
    #expect(before.count == 2001)
    await first.close()

    for pageSize in [100, 500] {
      settings.replicas.pageSize = pageSize
      let next = try await RunningStore.loaded(cluster.client, settings: settings)
      #expect(try await next.store.everything() == before)
      var changes = next.store.changes().makeAsyncIterator()
      let whole = try #require(await changes.next())
      #expect(whole.isWholeState && whole.written.count == 2001)
      let written = try await next.store.put(.dataplane("p0-0.shop", address: "10.9.9.\(pageSize / 100)")).stored
      #expect(!before.values.contains(written))
      #expect(try #require(await changes.next()).written == [written])
      before[written.key] = try await next.store.put(try #require(before[written.key])).stored
      await next.close()
      #expect(await changes.next() == nil)
    }
  }
}
