import MeshModel
import MeshStore
import Testing

extension StoreContract {
  static let subscribing: [StoreContract] = [
    StoreContract("the whole state comes first, then single changes") { store, _ async throws in
      try await store.put(.mesh())
      try await store.put(.trafficTrace("t"))
      var changes = store.changes().makeAsyncIterator()
      let first = try #require(await changes.next())
      #expect(first.isWholeState)
      #expect(first.written.map(\.key) == [.mesh("default"), .trace("t")])
      #expect(first.sequence == store.sequence)
      let stored = try await store.put(.trafficTrace("t", backend: "other")).stored
      let second = try #require(await changes.next())
      #expect(!second.isWholeState)
      #expect(second.written == [stored])
      #expect(second.deleted.isEmpty)
      #expect(second.sequence > first.sequence)
      try await store.delete(.trace("t"))
      let third = try #require(await changes.next())
      #expect(third.written.isEmpty)
      #expect(third.deleted == [.trace("t")])
      #expect(third.sequence == store.sequence)
    },
    StoreContract("an empty store's whole state is an element too") { store, _ async throws in
      var changes = store.changes().makeAsyncIterator()
      let first = try #require(await changes.next())
      #expect(first.isWholeState)
      #expect(first.written.isEmpty)
    },
    StoreContract("a slow reader gets the newest form once") { store, context async throws in
      try await store.put(.mesh())
      var changes = store.changes().makeAsyncIterator()
      _ = await changes.next()
      for number in 1...100 { try await store.put(.insight("d.shop", sent: UInt64(number))) }
      try await store.put(.trafficTrace("gone"))
      try await store.delete(.trace("gone"))
      let newest = try #require(try await store.get(.insight("d.shop")))
      let element = try #require(await changes.next())
      #expect(element.written == [newest])
      #expect(element.deleted.isEmpty)
      context.expectRevision(newest, after: 100)
    },
    StoreContract("what has come and gone still moves the sequence number") { store, _ async throws in
      try await store.put(.mesh())
      var changes = store.changes().makeAsyncIterator()
      _ = await changes.next()
      try await store.put(.trafficTrace("gone"))
      try await store.delete(.trace("gone"))
      let element = try #require(await changes.next())
      #expect(element.written.isEmpty && element.deleted.isEmpty)
      #expect(element.sequence == store.sequence)
    },
    StoreContract("deleting a mesh tells of all that went") { store, _ async throws in
      try await store.put(.mesh())
      try await store.put(.trafficTrace("t"))
      try await store.put(.dataplane("d.shop"))
      try await store.put(.insight("d.shop"))
      var changes = store.changes().makeAsyncIterator()
      _ = await changes.next()
      try await store.delete(.dataplane("d.shop"))
      #expect(try #require(await changes.next()).deleted == [.dataplane("d.shop"), .insight("d.shop")])
      try await store.delete(.mesh("default"))
      #expect(try #require(await changes.next()).deleted == [.mesh("default"), .trace("t")])
    },
    StoreContract("a mesh deleted and made anew with the same names appears as changes") {
      store, context async throws in
      try await store.put(.mesh())
      try await store.put(.trafficTrace("stays"))
      try await store.put(.trafficTrace("goes"))
      var changes = store.changes().makeAsyncIterator()
      var state = FoldedState()
      state.apply(try #require(await changes.next()))
      let before = state.resources
      try await store.delete(.mesh("default"))
      try await store.put(.mesh())
      try await store.put(.trafficTrace("stays"))
      let element = try #require(await changes.next())
      #expect(element.written.map(\.key) == [.mesh("default"), .trace("stays")])
      #expect(element.deleted == [.trace("goes")])
      state.apply(element)
      #expect(state.resources == (try await store.everything()))
      for (key, resource) in state.resources {
        #expect(resource.spec == before[key]?.spec)
        try context.expectLater(resource, than: before[key])
      }
    },
    StoreContract("a refused write tells nobody") { store, _ async throws in
      try await store.put(.mesh())
      var changes = store.changes().makeAsyncIterator()
      let first = try #require(await changes.next())
      await expect(.conflict) { _ = try await store.put(.mesh(), if: .absent) }
      await expect(.notFound) { try await store.delete(.trace("none")) }
      #expect(store.sequence == first.sequence)
      let stored = try await store.put(.trafficTrace("t")).stored
      #expect(try #require(await changes.next()).written == [stored])
    },
    StoreContract("a cancelled question takes nothing away") { store, _ async throws in
      try await store.put(.mesh())
      var changes = store.changes().makeAsyncIterator()
      _ = await changes.next()
      for isCancelledBefore in [true, false] {
        let copy = changes
        let waiting = Task {
          var changes = copy
          return await changes.next()
        }
        if !isCancelledBefore { await Task.yield() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        // Asked in a task that is not cancelled, the same subscription goes on.
        let stored = try await store.put(.trafficTrace("t")).stored
        #expect(try #require(await changes.next()).written == [stored])
      }
    },
  ]

  static let concurrent: [StoreContract] = [
    StoreContract("many writers and readers at once lose nothing") { store, context async throws in
      let meshes = (0..<4).map { "m\($0)" }
      for mesh in meshes { try await store.put(.mesh(mesh)) }
      let readers = (0..<4).map { _ in
        Task { () -> FoldedState in
          var state = FoldedState()
          for await changes in store.changes() {
            #expect(changes.sequence >= state.sequence)
            state.apply(changes)
            if state.resources[.mesh("end")] != nil { break }
          }
          return state
        }
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<16 {
          group.addTask {
            for number in 0..<20 {
              let mesh = meshes[(writer + number) % meshes.count]
              try await store.put(.trafficTrace("w\(writer)-\(number)", mesh: mesh))
              let shared = context.name("shared.shop", in: mesh)
              try await store.put(.insight(shared, mesh: mesh, sent: UInt64(writer * 100 + number + 1)))
              if number % 3 == 0 { try await store.delete(.trace("w\(writer)-\(number)", mesh: mesh)) }
              await expect(.meshNotFound) { try await store.put(.trafficTrace("t", mesh: "none")) }
              if number % 5 == 0 { _ = try await store.list(.trafficTrace, mesh: mesh) }
            }
          }
        }
        try await group.waitForAll()
      }
      try await store.put(.mesh("end"))
      let everything = try await store.everything()
      #expect(everything.count == 217)
      let shared = everything.values.filter { $0.type == .dataplaneInsight }.map(\.revision)
      #expect(shared.count == 4)
      if context.traits.countsRevisions { #expect(shared.reduce(0, +) == 320) }
      let times = everything.values.compactMap(\.creationTime)
      if context.traits.keepsTimes { #expect(Set(times).count == everything.count) }
      for reader in readers {
        let state = await reader.value
        #expect(state.resources == everything)
        #expect(state.sequence == store.sequence)
      }
    },
    StoreContract("of many conditional writers one wins each revision") { store, context async throws in
      try await store.put(.mesh())
      let wins = try await withThrowingTaskGroup(of: [UInt64].self) { group in
        for _ in 0..<8 {
          group.addTask {
            var wins: [UInt64] = []
            while wins.count < 5, let present = try await store.get(.mesh("default")) {
              do {
                wins.append(try await store.put(present, if: .revision(present.revision)).stored.revision)
              } catch let error as StoreError where error.code == .conflict { continue }
            }
            return wins
          }
        }
        return try await group.reduce([], +)
      }
      #expect(Set(wins).count == 40)
      #expect(try await store.get(.mesh("default"))?.revision == wins.max())
      if context.traits.countsRevisions { #expect(wins.sorted() == Array(2...41)) }
    },
    StoreContract("random operations: the folded changes are the list, and both are the model") {
      store, context async throws in
      for seed in 1...4 { try await randomOperations(store, context, seed: UInt64(seed)) }
    },
  ]

  private static func randomOperations(_ store: any ResourceStore, _ context: Context, seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    var model = ResourceModel(resources: try await store.everything())
    var readers = (0..<3).map { _ in (changes: store.changes().makeAsyncIterator(), state: FoldedState()) }
    for step in 0..<150 {
      let mesh = "m\(Int.random(in: 0..<3, using: &random))"
      let name = context.name("n\(Int.random(in: 0..<4, using: &random)).shop", in: mesh)
      let resource: Resource
      switch Int.random(in: 0..<5, using: &random) {
      case 0: resource = .mesh(mesh)
      case 1: resource = .dataplane(name, mesh: mesh, service: "s\(step)")
      case 2: resource = .insight(name, mesh: mesh, sent: UInt64(step))
      default: resource = .trafficTrace(name, mesh: mesh, backend: "b\(step)")
      }
      let comment: Comment = "seed \(seed), step \(step), \(resource.key)"
      let isDelete = Int.random(in: 0..<3, using: &random) == 0
      let expected = isDelete ? model.delete(resource.key) : model.put(resource)
      var failure: StoreError.Code?
      do {
        if isDelete {
          try await store.delete(resource.key)
        } else {
          model.resources[resource.key] = try await store.put(resource).stored
        }
      } catch { failure = error.code }
      #expect(failure == expected, comment)
      context.clock.set(Timestamp(seconds: 1_700_000_000 + Int64.random(in: -5...5, using: &random)))
      let index = Int.random(in: 0..<12, using: &random)
      if readers.indices.contains(index), readers[index].state.sequence < store.sequence {
        let changes = try #require(await readers[index].changes.next())
        #expect(Set(changes.written.map(\.key)).isDisjoint(with: changes.deleted), comment)
        readers[index].state.apply(changes)
        #expect(readers[index].state.resources == model.resources, comment)
      }
    }
    #expect(try await store.everything() == model.resources, "seed \(seed)")
    for var reader in readers where reader.state.sequence < store.sequence {
      reader.state.apply(try #require(await reader.changes.next()))
      #expect(reader.state.resources == model.resources, "seed \(seed)")
    }
  }
}

/// What a store should do, said as simply as can be.
private struct ResourceModel {
  var resources: [ResourceKey: Resource]

  func put(_ resource: Resource) -> StoreError.Code? {
    resource.type.isMeshScoped && resources[.mesh(resource.mesh)] == nil ? .meshNotFound : nil
  }

  mutating func delete(_ key: ResourceKey) -> StoreError.Code? {
    guard resources[key] != nil else { return .notFound }
    if key.type == .mesh, resources.keys.contains(where: { $0.type == .dataplane && $0.mesh == key.name }) {
      return .meshInUse
    }
    resources = resources.filter { other, _ in
      if key.type == .mesh { return other.owningMesh != key.name }
      return other != key && !(key.type == .dataplane && other == .insight(key.name, mesh: key.mesh))
    }
    return nil
  }
}
