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
    StoreContract("put, get and list give the same resource") { store, context async throws in
      for resource in [
        Resource.mesh(), .trafficTrace("trace"), .dataplane("dp.shop"), .insight("dp.shop"),
        .secret(mesh: "default", name: "key", data: Array(0...255)), .globalSecret(name: "token", data: [0, 10, 255]),
        Resource(name: "labelled", spec: .mesh(Mesh()), labels: ["kuma.io/origin": "zone", "z": ""]),
        Resource(
          name: "odd", spec: .mesh(Mesh()), labels: context.traits.takesAnyLabels ? ["ä": "ö\n\""] : ["a": "b"]),
      ] {
        let (stored, created) = try await store.put(resource)
        #expect(created)
        #expect(stored.key == resource.key)
        #expect(stored.spec == resource.spec)
        #expect(context.traits.takesAnyLabels ? stored.labels == resource.labels : stored.ownLabels == resource.labels)
        context.expectRevision(stored, after: 1)
        #expect(stored.creationTime == stored.modificationTime)
        #expect(try #require(stored.creationTime) >= context.clock.now)
        #expect(try await store.get(resource.key) == stored)
        let listed = try await store.list(resource.type, mesh: resource.type.isMeshScoped ? "default" : nil)
        #expect(listed.contains(stored))
      }
    },
    StoreContract("an update keeps the creation time, and replaces labels and specification") {
      store, context async throws in
      var resource = Resource.mesh()
      resource.labels = ["kuma.io/origin": "zone"]
      resource.creationTime = Timestamp(seconds: 1)
      resource.revision = 77
      let first = try await store.put(resource).stored
      #expect(first.creationTime != Timestamp(seconds: 1))
      context.clock.set(Timestamp(seconds: 1_700_000_100))
      let (second, created) = try await store.put(.mesh(backends: ["other"]))
      #expect(!created)
      #expect(second.creationTime == first.creationTime)
      if context.traits.keepsTimes { #expect(second.modificationTime == Timestamp(seconds: 1_700_000_100)) }
      #expect(second.ownLabels.isEmpty)
      context.expectRevision(second, after: 2)
      #expect(second.revision != first.revision)
      #expect(second.spec == Resource.mesh(backends: ["other"]).spec)
      #expect(try await store.get(first.key) == second)
    },
    StoreContract("a write that changes nothing is a write") { store, context async throws in
      let first = try await store.put(.mesh()).stored
      let second = try await store.put(.mesh()).stored
      if context.traits.keepsTimes {
        #expect(try #require(second.modificationTime) > #require(first.modificationTime))
      }
      context.expectRevision(second, after: 2)
      #expect(second.revision != first.revision)
    },
    StoreContract("a clock that leaps forward and comes back leaves no time in the future", isOfTimes: true) {
      store, context async throws in
      let present = context.clock.now
      try await store.put(.mesh("before"))
      context.clock.set(Timestamp(seconds: 3_000_000_000))
      let ahead = try await store.put(.mesh("meanwhile")).stored
      #expect(ahead.creationTime == Timestamp(seconds: 3_000_000_000))
      try await store.put(.mesh("before"))
      context.clock.set(present)
      for name in ["before", "meanwhile", "after"] {
        let stored = try await store.put(.mesh(name)).stored
        #expect(try #require(stored.modificationTime) < Timestamp(seconds: 1_700_000_001))
        #expect(try #require(stored.creationTime) <= #require(stored.modificationTime))
        #expect(try await store.get(stored.key) == stored)
      }
    },
    StoreContract("times grow although the clock stands still or is put back a little", isOfTimes: true) {
      store, context async throws in
      var last = Timestamp(seconds: 0)
      for number in 0..<20 {
        if number == 10 { context.clock.set(Timestamp(seconds: 1_699_999_800)) }
        let time = try #require(try await store.put(.mesh("m\(number)")).stored.creationTime)
        #expect(time > last)
        last = time
      }
      context.clock.set(Timestamp(seconds: 2_000_000_000))
      #expect(try await store.put(.mesh("late")).stored.creationTime == Timestamp(seconds: 2_000_000_000))
    },
    StoreContract("a deleted resource comes back with a later creation time and another revision") {
      store, context async throws in
      try await store.put(.mesh())
      let first = try await store.put(.trafficTrace("t")).stored
      try await store.delete(first.key)
      let second = try await store.put(.trafficTrace("t")).stored
      try context.expectLater(second, than: first)
      context.expectRevision(second, after: 1)
    },
    StoreContract("secrets are written, replaced and deleted, and one of a mesh is another than one of none") {
      store, context async throws in
      try await store.put(.mesh())
      let own = context.traits.repeatsNames ? "key" : "own-key"
      let first = try await store.put(.secret(mesh: "default", name: own, data: Array("old".utf8)), if: .absent).stored
      try await store.put(.globalSecret(name: "key", data: Array("global".utf8)))
      let other = Resource.secret(mesh: "default", name: own, data: Array("other".utf8))
      await expect(.conflict) { _ = try await store.put(other, if: .absent) }
      let second = try await store.put(
        .secret(mesh: "default", name: own, data: Array("new".utf8)), if: .revision(first.revision)
      ).stored
      #expect(second.secretData == Array("new".utf8))
      #expect(try await store.get(.secret(own))?.secretData == Array("new".utf8))
      #expect(try await store.get(.globalSecret("key"))?.secretData == Array("global".utf8))
      #expect(try await store.list(.secret, mesh: "default").map(\.name) == [own])
      #expect(try await store.list(.globalSecret, mesh: nil).map(\.name) == ["key"])
      try await store.delete(.secret(own))
      #expect(try await store.list(.secret, mesh: nil).isEmpty)
      #expect(try await store.get(.globalSecret("key")) != nil)
      await expect(.notFound) { try await store.delete(.secret(own)) }
    },
    StoreContract("a mesh-scoped resource needs its mesh") { store, _ async throws in
      let secret = Resource.secret(mesh: "default", name: "key", data: [1])
      for resource in [Resource.trafficTrace("t"), .dataplane("d.shop"), .insight("d.shop"), secret] {
        await expect(.meshNotFound) { try await store.put(resource) }
      }
      #expect(try await store.everything().isEmpty)
      #expect(store.sequence == 0)
    },
    StoreContract("conditions are checked, and a refused write changes nothing") { store, context async throws in
      await expect(.conflict) { _ = try await store.put(.mesh(), if: .revision(1)) }
      let first = try await store.put(.mesh(), if: .absent).stored
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .absent) }
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .revision(first.revision + 1)) }
      await expect(.conflict) { _ = try await store.put(.mesh(backends: []), if: .revision(.max)) }
      #expect(try await store.get(first.key) == first)
      context.expectRevision(try await store.put(.mesh(), if: .revision(first.revision)).stored, after: 2)
    },
    StoreContract("lists are sorted by mesh and name, and keep meshes apart") { store, context async throws in
      for mesh in ["b", "a"] { try await store.put(.mesh(mesh)) }
      for mesh in ["b", "a"] {
        for name in ["z", "a-1", "a", "a.b", "a0"] {
          try await store.put(.trafficTrace(context.name(name, in: mesh), mesh: mesh))
        }
      }
      let all = try await store.list(.trafficTrace, mesh: nil).map { [$0.mesh, $0.name] }
      let expected = ["a", "b"].flatMap { mesh in
        ["a", "a-1", "a.b", "a0", "z"].map { [mesh, context.name($0, in: mesh)] }
      }
      #expect(all == expected)
      #expect(try await store.list(.trafficTrace, mesh: "b").map(\.mesh) == Array(repeating: "b", count: 5))
      #expect(try await store.list(.trafficTrace, mesh: "c").isEmpty)
      #expect(try await store.list(.mesh, mesh: nil).map(\.name) == ["a", "b"])
    },
    StoreContract("one name in two types and two meshes is four resources") { store, context async throws in
      let name = { context.name("x.shop", in: $0) }
      for mesh in ["a", "b"] {
        try await store.put(.mesh(mesh))
        try await store.put(.trafficTrace(name(mesh), mesh: mesh))
        try await store.put(.dataplane(name(mesh), mesh: mesh))
      }
      try await store.delete(.trace(name("a"), mesh: "a"))
      #expect(try await store.get(.trace(name("a"), mesh: "a")) == nil)
      let rest = [
        ResourceKey.trace(name("b"), mesh: "b"), .dataplane(name("a"), mesh: "a"), .dataplane(name("b"), mesh: "b"),
      ]
      for key in rest { #expect(try await store.get(key) != nil) }
      // A name in another mesh is another resource, or none.
      #expect(try await store.get(.trace(name("b"), mesh: "a")) == nil)
    },
  ]

  static let deleting: [StoreContract] = [
    StoreContract("what is not there cannot be deleted") { store, _ async throws in
      try await store.put(.mesh())
      let keys = [
        ResourceKey.mesh("x"), .trace("x"), .dataplane("x.shop"), .insight("x.shop"), .trace("x", mesh: "none"),
      ]
      for key in keys { await expect(.notFound) { try await store.delete(key) } }
    },
    StoreContract("a deletion's condition is checked, and a refused one changes nothing") { store, _ async throws in
      try await store.put(.mesh())
      let first = try await store.put(.dataplane("d.shop")).stored
      try await store.put(.insight("d.shop"))
      let second = try await store.put(.dataplane("d.shop")).stored
      let before = try await store.everything()
      await expect(.conflict) { try await store.delete(.dataplane("d.shop"), if: .revision(first.revision)) }
      await expect(.conflict) { try await store.delete(.dataplane("d.shop"), if: .absent) }
      await expect(.notFound) { try await store.delete(.dataplane("e.shop"), if: .revision(1)) }
      #expect(try await store.everything() == before)
      try await store.delete(.dataplane("d.shop"), if: .revision(second.revision))
      #expect(try await store.everything().count == 1)
    },
    StoreContract("a mesh with proxies stays") { store, _ async throws in
      try await store.put(.mesh())
      try await store.put(.trafficTrace("t"))
      try await store.put(.dataplane("d.shop"))
      let before = try await store.everything()
      await expect(.meshInUse) { try await store.delete(.mesh("default")) }
      #expect(try await store.everything() == before)
      try await store.delete(.dataplane("d.shop"))
      try await store.delete(.mesh("default"))
      #expect(try await store.everything().isEmpty)
    },
    StoreContract("a mesh takes its resources along, and no others") { store, context async throws in
      for mesh in ["default", "other"] {
        try await store.put(.mesh(mesh))
        try await store.put(.trafficTrace(context.name("t", in: mesh), mesh: mesh))
        try await store.put(.insight(context.name("lost.shop", in: mesh), mesh: mesh))
        try await store.put(.secret(mesh: mesh, name: context.name("key", in: mesh), data: [1]))
      }
      try await store.put(.globalSecret(name: "token", data: [2]))
      try await store.delete(.mesh("default"))
      let rest = try await store.everything().keys.sorted()
      #expect(
        rest == [
          .insight(context.name("lost.shop", in: "other"), mesh: "other"), .globalSecret("token"), .mesh("other"),
          .secret(context.name("key", in: "other"), mesh: "other"),
          .trace(context.name("t", in: "other"), mesh: "other"),
        ])
      await expect(.meshNotFound) { try await store.put(.trafficTrace("t")) }
    },
    StoreContract("a proxy takes its insight along, and no other's") { store, context async throws in
      for mesh in ["default", "other"] {
        try await store.put(.mesh(mesh))
        for name in ["a.shop", "b.shop"] {
          try await store.put(.dataplane(context.name(name, in: mesh), mesh: mesh))
          try await store.put(.insight(context.name(name, in: mesh), mesh: mesh))
        }
      }
      try await store.delete(.dataplane(context.name("a.shop", in: "default")))
      let insights = try await store.list(.dataplaneInsight, mesh: nil).map(\.key)
      let rest = [("default", "b.shop"), ("other", "a.shop"), ("other", "b.shop")]
      #expect(insights == rest.map { .insight(context.name($0.1, in: $0.0), mesh: $0.0) })
      try await store.delete(.insight(context.name("b.shop", in: "default")))
      #expect(try await store.get(.dataplane(context.name("b.shop", in: "default"))) != nil)
    },
  ]
}
