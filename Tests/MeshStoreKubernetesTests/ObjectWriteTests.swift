import Documents
import KubernetesAPI
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

@testable import MeshStoreKubernetes

/// The decisions of a write and the readings of objects, without an API server.
@Suite("Writes and readings of objects, as values") struct ObjectWriteTests {
  private static func object(_ resource: Resource, version: Int = 7, uid: String = "u") throws -> KubernetesObject {
    var object = KubernetesObject(try resource.storedObject())
    object.metadata["resourceVersion"] = .string(String(version))
    object.metadata["uid"] = .string(uid)
    return object
  }

  private static func write(
    _ resource: Resource, _ condition: WriteCondition = .always, owner: ObjectOwner? = nil
  ) -> ObjectWrite {
    ObjectWrite(resource, condition, systemNamespace: "kuma-system", owner: owner) { Timestamp(seconds: 1_700_000_000) }
  }

  private func code(_ body: () throws -> Void) -> StoreError.Code? {
    do {
      try body()
      return nil
    } catch { return (error as? StoreError)?.code }
  }

  @Test("what is not there is created, unless a revision is asked for")
  func creating() throws {
    let resource = Resource.trafficTrace("t")
    for condition in [WriteCondition.always, .absent] {
      var write = Self.write(resource, condition)
      #expect(try write.decide(on: nil) == .create(KubernetesObject(try resource.storedObject())))
    }
    #expect(
      code {
        var write = Self.write(resource, .revision(7)); _ = try write.decide(on: nil)
      } == .conflict)
  }

  @Test("what is there is replaced in its version, if the condition holds")
  func replacing() throws {
    let present = try Self.object(.trafficTrace("t", backend: "old"))
    let resource = Resource.trafficTrace("t")
    for condition in [WriteCondition.always, .revision(7)] {
      var write = Self.write(resource, condition)
      guard case .replace(let object) = try write.decide(on: present) else {
        Issue.record("not replaced")
        return
      }
      #expect(object.resourceVersion == "7")
      #expect(object.annotations.isEmpty)
      #expect(object["spec"] == resource.spec.document)
    }
    for condition in [WriteCondition.absent, .revision(6), .revision(8)] {
      #expect(
        code {
          var write = Self.write(resource, condition); _ = try write.decide(on: present)
        } == .conflict)
    }
  }

  @Test("a Secret of another type is left alone, and what else one of ours holds stays")
  func secrets() throws {
    let secret = Resource.secret(mesh: "default", name: "key", data: Array("new".utf8))
    var present = KubernetesObject(
      try Resource.secret(mesh: "default", name: "key", data: Array("old".utf8)).storedObject())
    present.metadata["resourceVersion"] = "7"
    present["data"] = ["value": "b2xk", "other": "a2VwdA=="]
    var write = Self.write(secret)
    guard case .replace(let object) = try write.decide(on: present) else {
      Issue.record("not replaced")
      return
    }
    #expect(object["data"] == ["value": "bmV3", "other": "a2VwdA=="])
    #expect(object.namespace == "kuma-system")
    for type in ["Opaque", "system.kuma.io/global-secret"] {
      present["type"] = .string(type)
      let error = #expect(throws: StoreError.self) {
        var write = Self.write(secret)
        _ = try write.decide(on: present)
      }
      #expect(error?.code == .conflict && error?.message.contains("has a Secret of that name already") == true)
    }
  }

  @Test("one that changes nothing gets a mark")
  func rewriting() throws {
    let present = try Self.object(.trafficTrace("t"))
    var write = Self.write(.trafficTrace("t"))
    guard case .replace(var object) = try write.decide(on: present) else {
      Issue.record("not replaced")
      return
    }
    #expect(object.annotations == [ObjectWrite.rewriteAnnotation: "2023-11-14T22:13:20Z"])
    object.metadata["annotations"] = nil
    #expect(object == present)
  }

  @Test("the two kinds of 409 and an object that went meanwhile are decided on anew; other failures are the caller's")
  func failures() throws {
    let resource = Resource.dataplane("d.shop")
    let write = Self.write(resource)
    let present = try Self.object(resource)
    func error(_ code: KubernetesError.Code, status: Int? = nil) -> KubernetesError {
      KubernetesError(code: code, message: "words", status: status)
    }
    #expect(try write.afterFailure(error(.alreadyExists), of: .create(present)) == .read)
    #expect(try write.afterFailure(error(.conflict), of: .replace(present)) == .read)
    #expect(try write.afterFailure(error(.notFound), of: .replace(present)) == .read)
    // A namespace that is not there.
    #expect(code { _ = try write.afterFailure(error(.notFound), of: .create(present)) } == .unavailable)
    for failure in [KubernetesError.Code.forbidden, .invalid, .unavailable, .tooManyRequests] {
      #expect(code { _ = try write.afterFailure(error(failure), of: .replace(present)) } == .unavailable)
    }
    let lost = #expect(throws: StoreError.self) { try write.afterFailure(error(.unavailable), of: .read) }
    #expect(lost?.message.contains("read the resource again") == true)
    let failed = #expect(throws: StoreError.self) {
      try write.afterFailure(error(.unavailable, status: 503), of: .read)
    }
    #expect(failed?.message == "Dataplane default/d.shop was not written: words")
  }

  @Test("a write against others who write all the time ends")
  func attempts() throws {
    var write = Self.write(.trafficTrace("t"))
    for version in 0..<ObjectWrite.attemptLimit {
      _ = try write.decide(on: try Self.object(.trafficTrace("t"), version: version))
    }
    #expect(code { _ = try write.decide(on: nil) } == .unavailable)
  }

  @Test("an owner is added once, and takes the place of an earlier one of its name")
  func owners() throws {
    let resource = Resource.insight("d.shop")
    func references(_ owner: KubernetesObject, over present: KubernetesObject?) throws -> KubernetesObject {
      var write = Self.write(resource, owner: .resource(owner))
      switch try write.decide(on: present) {
      case .create(let object), .replace(let object), .keep(let object): return object
      case .read: return KubernetesObject([:])
      }
    }
    let first = try Self.object(.dataplane("d.shop"), uid: "1")
    var object = try references(first, over: nil)
    #expect(object.metadata["ownerReferences"]?.array?.map { $0["uid"] } == ["1"])
    object.metadata["ownerReferences"] = .array(
      [["apiVersion": "v1", "kind": "Pod", "name": "d", "uid": "p"]]
        + (object.metadata["ownerReferences"]?.array ?? []))
    object = try references(first, over: object)
    #expect(object.metadata["ownerReferences"]?.array?.map { $0["uid"] } == ["p", "1"])
    object = try references(try Self.object(.dataplane("d.shop"), uid: "2"), over: object)
    #expect(object.metadata["ownerReferences"]?.array?.map { $0["uid"] } == ["p", "2"])
  }

  @Test("a Dataplane of a Pod names it as its controller, follows its mesh, and is left alone where nothing differs")
  func pods() throws {
    let resource = Resource.dataplane("d.shop")
    var write = Self.write(resource, owner: .pod(name: "d", uid: "1"))
    guard case .create(var object) = try write.decide(on: nil) else {
      Issue.record("not created")
      return
    }
    let reference: DocumentValue = [
      "apiVersion": "v1", "kind": "Pod", "name": "d", "uid": "1", "controller": true, "blockOwnerDeletion": true,
    ]
    #expect(object.metadata["ownerReferences"] == [reference])
    object.metadata["resourceVersion"] = "7"
    write = Self.write(resource, owner: .pod(name: "d", uid: "1"))
    #expect(try write.decide(on: object) == .keep(object))
    // The next pod of that name, in another mesh.
    write = Self.write(.dataplane("d.shop", mesh: "other"), owner: .pod(name: "d", uid: "2"))
    guard case .replace(let moved) = try write.decide(on: object) else {
      Issue.record("not replaced")
      return
    }
    #expect(moved["mesh"] == "other" && moved.metadata["ownerReferences"]?.array?.map { $0["uid"] } == ["2"])
  }

  @Test("a Dataplane that another controller owns is not written for a Pod; one without a controller gets the Pod")
  func foreignDataplanes() throws {
    var present = try Self.object(.dataplane("d.shop"))
    func step(_ owners: DocumentValue?) throws -> ObjectWrite.Step {
      present.metadata["ownerReferences"] = owners
      var write = Self.write(.dataplane("d.shop"), owner: .pod(name: "d", uid: "1"))
      return try write.decide(on: present)
    }
    let others: [DocumentValue] = [
      ["apiVersion": "v1", "kind": "Pod", "name": "other", "uid": "2", "controller": true],
      ["apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "2", "controller": true],
    ]
    for other in others { #expect(code { _ = try step([other]) } == .conflict) }
    let note: DocumentValue = ["apiVersion": "v1", "kind": "ConfigMap", "name": "d", "uid": "3"]
    for owners in [nil, [], [note]] as [DocumentValue?] {
      guard case .replace(let object) = try step(owners) else {
        Issue.record("not replaced")
        continue
      }
      #expect(object.metadata["ownerReferences"]?.array?.last?["uid"] == "1")
    }
  }

  @Test("deletions that belong together are published together, and what comes back meanwhile stays")
  func holding() throws {
    var readings = ResourceReadings()
    let mesh = Resource.mesh()
    let policies = [Resource.trafficTrace("a"), .trafficTrace("b")]
    #expect(readings.read([try Self.object(mesh)], .mesh).changes.count == 1)
    #expect(readings.read(try policies.map { try Self.object($0) }, .trafficTrace).changes.count == 2)
    let keys = [mesh.key] + policies.map(\.key)
    readings.hold(keys)
    readings.hold([mesh.key])
    #expect(readings.remove([try Self.object(mesh)], .mesh).isEmpty)
    #expect(readings.remove(try policies.map { try Self.object($0) }, .trafficTrace).isEmpty)
    #expect(readings.read([try Self.object(policies[1], version: 9)], .trafficTrace).changes.count == 1)
    #expect(readings.release(keys).map(\.key) == [policies[0].key])
    #expect(readings.release([mesh.key]).map(\.key) == [mesh.key])
    #expect(readings.remove([try Self.object(policies[1])], .trafficTrace).map(\.key) == [policies[1].key])
  }

  @Test("an object that is being deleted or cannot be read is a deletion of what it was")
  func absentObjects() throws {
    var readings = ResourceReadings()
    let object = try Self.object(.trafficTrace("t"))
    _ = readings.read([object], .trafficTrace)
    var leaving = object
    leaving.metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    #expect(readings.read([leaving], .trafficTrace).changes.map(\.key) == [Resource.trafficTrace("t").key])
    #expect(readings.read([leaving], .trafficTrace).changes.isEmpty)
    _ = readings.read([object], .trafficTrace)
    var broken = object
    broken["spec"] = ["selectors": 5]
    let read = readings.read([broken], .trafficTrace)
    #expect(read.changes.map(\.key) == [Resource.trafficTrace("t").key])
    #expect(read.unreadable.map(\.message) == ["spec.selectors has to be a list, not number"])
    // It is told once.
    #expect(readings.read([broken], .trafficTrace).unreadable.isEmpty)
    #expect(readings.unreadable.count == 1)
    _ = readings.remove([broken], .trafficTrace)
    #expect(readings.unreadable.isEmpty)
  }

  @Test("an outage names what is missing, once for all kinds where it is the same")
  func outages() {
    var outage = Outage()
    let time = Timestamp(seconds: 1_700_000_000)
    #expect(
      outage.sentence(on: "https://a")
        == "the API server at https://a has not listed dataplaneinsights.kuma.io, dataplanes.kuma.io, meshes.kuma.io, "
        + "secrets, traffictraces.kuma.io yet")
    let loaded = ResourceType.allCases.map { outage.loaded($0) }
    #expect(loaded == [false, false, false, false, false, true])
    #expect(outage.sentence(on: "https://a") == nil)
    for type in [ResourceType.mesh, .trafficTrace] {
      let isOver = outage.note(KubernetesError(code: .kindNotServed, message: "\(type)"), of: type, at: time)
      #expect(!isOver)
    }
    for type in [ResourceType.dataplane, .dataplaneInsight] {
      let isOver = outage.note(KubernetesError(code: .unavailable, message: "away"), of: type, at: .now)
      #expect(!isOver)
    }
    #expect(
      outage.sentence(on: "")
        == "the API server does not serve meshes.kuma.io, traffictraces.kuma.io; install the custom resources: kumactl "
        + "install crds | kubectl apply -f -; away (since 2023-11-14T22:13:20Z)")
    let over = ResourceType.allCases.map { outage.note(nil, of: $0, at: time) }
    #expect(over == [false, false, false, true, false, false])
    #expect(outage.sentence(on: "") == nil)
    let isOverAgain = outage.note(nil, of: .mesh, at: time)
    #expect(!isOverAgain)
  }
}
