import MeshModel
import MeshStore
import Testing

extension StoreContract {
  static let writing: [StoreContract] = [
    StoreContract("an empty store has nothing") { store, _ async throws in
      #expect(try await store.everything().isEmpty)
      #expect(try await store.get(.mesh("default")) == nil)
      #expect(try await store.list(.dataplane, mesh: "default").isEmpty)
    },
    StoreContract("put, get and list give the same resource") { store, clock async throws in
      for resource in [
        Resource.mesh(), .trafficTrace("trace"), .dataplane("dp"), .insight("dp"),
        Resource(name: "labelled", spec: .mesh(Mesh()), labels: ["kuma.io/origin": "zone", "z": "", "ä": "ö\n\""]),
      ] {
        let (stored, created) = try await store.put(resource)
        #expect(created)
        #expect(stored.key == resource.key)
        #expect(stored.spec == resource.spec)
        #expect(stored.labels == resource.labels)
        #expect(stored.revision == 1)
        #expect(stored.creationTime == stored.modificationTime)
        #expect(try #require(stored.creationTime) >= clock.now)
        #expect(try await store.get(resource.key) == stored)
        let listed = try await store.list(resource.type, mesh: resource.type.isMeshScoped ? "default" : nil)
        #expect(listed.contains(stored))
      }
    },
    StoreContract("an update keeps the creation time, and replaces labels and specification") {
      store, clock async throws in
      var resource = Resource.mesh()
      resource.labels = ["kuma.io/origin": "zone"]
      resource.creationTime = Timestamp(seconds: 1)
      resource.revision = 77
      let first = try await store.put(resource).stored
      #expect(first.creationTime != Timestamp(seconds: 1))
      clock.set(Timestamp(seconds: 1_700_000_100))
      let (second, created) = try await store.put(.mesh(backends: ["other"]))
      #expect(!created)
      #expect(second.creationTime == first.creationTime)
      #expect(second.modificationTime == Timestamp(seconds: 1_700_000_100))
      #expect(second.labels.isEmpty)
      #expect(second.revision == 2)
      #expect(second.spec == Resource.mesh(backends: ["other"]).spec)
      #expect(try await store.get(first.key) == second)
    },
    StoreContract("a write that changes nothing is a write") { store, _ async throws in
      let first = try await store.put(.mesh()).stored
      let second = try await store.put(.mesh()).stored
      #expect(try #require(second.modificationTime) > #require(first.modificationTime))
      #expect(second.revision == 2)
    },
    StoreContract("a clock that leaps forward and comes back leaves no time in the future") {
      store, clock async throws in
      let present = clock.now
      try await store.put(.mesh("before"))
      clock.set(Timestamp(seconds: 3_000_000_000))
      let ahead = try await store.put(.mesh("meanwhile")).stored
      #expect(ahead.creationTime == Timestamp(seconds: 3_000_000_000))
      try await store.put(.mesh("before"))
      clock.set(present)
      for name in ["before", "meanwhile", "after"] {
        let stored = try await store.put(.mesh(name)).stored
        #expect(try #require(stored.modificationTime) < Timestamp(seconds: 1_700_000_001))
        #expect(try #require(stored.creationTime) <= #require(stored.modificationTime))
        #expect(try await store.get(stored.key) == stored)
      }
    },
    StoreContract("times grow although the clock stands still or is put back a little") { store, clock async throws in
      var last = Timestamp(seconds: 0)
      for number in 0..<20 {
        if number == 10 { clock.set(Timestamp(seconds: 1_699_999_800)) }
        let time = try #require(try await store.put(.mesh("m\(number)")).stored.creationTime)
        #expect(time > last)
        last = time
      }
      clock.set(Timestamp(seconds: 2_000_000_000))
      #expect(try await store.put(.mesh("late")).stored.creationTime == Timestamp(seconds: 2_000_000_000))
    },
    StoreContract("a deleted resource comes back with a later creation time and revision 1") { store, _ async throws in
      try await store.put(.mesh())
      let first = try await store.put(.trafficTrace("t")).stored
      try await store.delete(first.key)
      let second = try await store.put(.trafficTrace("t")).stored
      #expect(try #require(second.creationTime) > #require(first.creationTime))
      #expect(second.revision == 1)
    },
    StoreContract("a mesh-scoped resource needs its mesh") { store, _ async throws in
      for resource in [Resource.trafficTrace("t"), .dataplane("d"), .insight("d")] {
        await expect(.meshNotFound) { try await store.put(resource) }
      }
      #expect(try await store.everything().isEmpty)
      #expect(store.sequence == 0)
    },
    StoreContract("conditions are checked, and a refused write changes nothing") { store, _ async throws in
      await expect(.conflict) { _ = try await store.put(.mesh(), if: .revision(1)) }
      let first = try await store.put(.mesh(), if: .absent).stored
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .absent) }
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .revision(2)) }
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .revision(.max)) }
      #expect(try await store.get(first.key) == first)
      #expect(try await store.put(.mesh(), if: .revision(1)).stored.revision == 2)
    },
    StoreContract("lists are sorted by mesh and name, and keep meshes apart") { store, _ async throws in
      for mesh in ["b", "a"] { try await store.put(.mesh(mesh)) }
      for mesh in ["b", "a"] {
        for name in ["z", "a-1", "a", "a.b", "a0"] { try await store.put(.trafficTrace(name, mesh: mesh)) }
      }
      let all = try await store.list(.trafficTrace, mesh: nil).map { "\($0.mesh)/\($0.name)" }
      #expect(all == ["a/a", "a/a-1", "a/a.b", "a/a0", "a/z", "b/a", "b/a-1", "b/a.b", "b/a0", "b/z"])
      #expect(try await store.list(.trafficTrace, mesh: "b").map(\.mesh) == Array(repeating: "b", count: 5))
      #expect(try await store.list(.trafficTrace, mesh: "c").isEmpty)
      #expect(try await store.list(.mesh, mesh: nil).map(\.name) == ["a", "b"])
    },
    StoreContract("one name in two types and two meshes is four resources") { store, _ async throws in
      for mesh in ["a", "b"] {
        try await store.put(.mesh(mesh))
        try await store.put(.trafficTrace("x", mesh: mesh))
        try await store.put(.dataplane("x", mesh: mesh))
      }
      try await store.delete(.trace("x", mesh: "a"))
      #expect(try await store.get(.trace("x", mesh: "a")) == nil)
      for key in [ResourceKey.trace("x", mesh: "b"), .dataplane("x", mesh: "a"), .dataplane("x", mesh: "b")] {
        #expect(try await store.get(key) != nil)
      }
    },
  ]

  static let deleting: [StoreContract] = [
    StoreContract("what is not there cannot be deleted") { store, _ async throws in
      try await store.put(.mesh())
      for key in [ResourceKey.mesh("x"), .trace("x"), .dataplane("x"), .insight("x"), .trace("x", mesh: "none")] {
        await expect(.notFound) { try await store.delete(key) }
      }
    },
    StoreContract("a deletion's condition is checked, and a refused one changes nothing") { store, _ async throws in
      try await store.put(.mesh())
      try await store.put(.dataplane("d"))
      try await store.put(.insight("d"))
      try await store.put(.dataplane("d"))
      let before = try await store.everything()
      await expect(.conflict) { try await store.delete(.dataplane("d"), if: .revision(1)) }
      await expect(.conflict) { try await store.delete(.dataplane("d"), if: .absent) }
      await expect(.notFound) { try await store.delete(.dataplane("e"), if: .revision(1)) }
      #expect(try await store.everything() == before)
      try await store.delete(.dataplane("d"), if: .revision(2))
      #expect(try await store.everything().count == 1)
    },
    StoreContract("a mesh with proxies stays") { store, _ async throws in
      try await store.put(.mesh())
      try await store.put(.trafficTrace("t"))
      try await store.put(.dataplane("d"))
      let before = try await store.everything()
      await expect(.meshInUse) { try await store.delete(.mesh("default")) }
      #expect(try await store.everything() == before)
      try await store.delete(.dataplane("d"))
      try await store.delete(.mesh("default"))
      #expect(try await store.everything().isEmpty)
    },
    StoreContract("a mesh takes its resources along, and no others") { store, _ async throws in
      for mesh in ["default", "other"] {
        try await store.put(.mesh(mesh))
        try await store.put(.trafficTrace("t", mesh: mesh))
        try await store.put(.insight("lost", mesh: mesh))
      }
      try await store.delete(.mesh("default"))
      let rest = try await store.everything().keys.sorted()
      #expect(rest == [.insight("lost", mesh: "other"), .mesh("other"), .trace("t", mesh: "other")])
      await expect(.meshNotFound) { try await store.put(.trafficTrace("t")) }
    },
    StoreContract("a proxy takes its insight along, and no other's") { store, _ async throws in
      for mesh in ["default", "other"] {
        try await store.put(.mesh(mesh))
        for name in ["a", "b"] {
          try await store.put(.dataplane(name, mesh: mesh))
          try await store.put(.insight(name, mesh: mesh))
        }
      }
      try await store.delete(.dataplane("a"))
      let insights = try await store.list(.dataplaneInsight, mesh: nil).map { "\($0.mesh)/\($0.name)" }
      #expect(insights == ["default/b", "other/a", "other/b"])
      try await store.delete(.insight("b"))
      #expect(try await store.get(.dataplane("b")) != nil)
    },
  ]
}
