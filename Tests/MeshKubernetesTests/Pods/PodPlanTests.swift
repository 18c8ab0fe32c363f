import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

@Suite("Plan for the Dataplanes of pods")
struct PodPlanTests {
  private static let web = ObjectName(namespace: "shop", name: "web-1")
  private static let failed = "FailedToGenerateKumaDataplane"

  /// A cluster with a pod, its Service and its Dataplane.
  private static func settled() -> PlannedCluster {
    var cluster = PlannedCluster.ready()
    cluster.change(ServiceShape())
    cluster.change(PodShape())
    cluster.settle()
    return cluster
  }

  // MARK: When

  @Test("There is no work before all kinds have been seen, and none for others than the leader")
  func beginning() {
    var cluster = PlannedCluster()
    cluster.tell(.leads(true))
    for kind in PodPlan.Kind.allCases {
      #expect(cluster.next() == nil)
      switch kind {
      case .pod: cluster.tell(.replaced(.pod, [PodShape().object]))
      case .namespace: cluster.tell(.replaced(.namespace, [scope("Namespace", "shop")]))
      default: cluster.tell(.replaced(kind, []))
      }
    }
    cluster.tell(.leads(false))
    #expect(cluster.next() == nil)
    cluster.tell(.leads(true))
    #expect(cluster.settle().compactMap(\.write?.pod) == [Self.web])
  }

  @Test("Where namespaces may not be read, pods have Dataplanes nevertheless")
  func unreadableNamespaces() {
    var cluster = PlannedCluster()
    for kind in PodPlan.Kind.allCases { cluster.tell(.replaced(kind, [])) }
    cluster.tell(.leads(true))
    cluster.change(PodShape())
    #expect(cluster.settle().count == 1)
  }

  @Test("A new leader writes only what differs")
  func takeover() {
    var cluster = Self.settled()
    cluster.tell(.leads(false))
    cluster.change(PodShape.with { ($0.name, $0.uid) = ("web-2", "u2") })
    #expect(cluster.next() == nil)
    cluster.tell(.leads(true))
    #expect(cluster.settle().compactMap(\.write?.pod.name) == ["web-2"])
  }

  // MARK: Writing

  @Test("A pod gets its Dataplane once, with the pod as its controller, and an event")
  func creation() throws {
    let cluster = Self.settled()
    let write = try #require(cluster.given.first?.write)
    #expect(cluster.given.compactMap(\.write).count == 1)
    #expect(write.isNew)
    #expect(write.mesh == "default")
    #expect(write.podUID == "uid-of-web-1")
    #expect(write.dataplane == PodConverter().dataplane(PodShape()))
    #expect(cluster.events(about: "web-1") == ["CreatedKumaDataplane: Created Kuma Dataplane: web-1"])
  }

  @Test("A change that matters is written once, with an event; one that does not is not")
  func change() throws {
    var cluster = Self.settled()
    var object = PodShape().object
    object.metadata["resourceVersion"] = "2"
    object["status"] = object["status"].map { status in
      var status = status.object ?? [:]
      status["conditions"] = [["type": "Ready", "status": "True"]]
      return .object(status)
    }
    cluster.tell(.changed(.pod, [object]))
    #expect(cluster.next() == nil)
    let pod = PodShape.with { $0.labels["version"] = "2" }
    cluster.change(pod)
    cluster.change(pod)
    let work = cluster.settle()
    #expect(work.compactMap { $0.write?.dataplane.networking?.inbound.first?.tags["version"] } == ["2"])
    #expect(work.compactMap { $0.write?.isNew } == [false])
    #expect(cluster.events(about: "web-1").last == "UpdatedKumaDataplane: Updated Kuma Dataplane: web-1")
  }

  @Test("What changes several times before it is written is written once, as it is then")
  func coalescing() {
    var cluster = PlannedCluster.ready()
    for number in 1...5 { cluster.change(PodShape.with { $0.address = "10.1.2.\(number)" }) }
    #expect(cluster.settle().compactMap { $0.write?.dataplane.networking?.address } == ["10.1.2.5"])
  }

  @Test(
    "One write of a Dataplane is under way at a time, and what changes meanwhile follows", arguments: [true, false])
  func oneAtATime(_ isToldFirst: Bool) throws {
    var cluster = PlannedCluster.ready()
    cluster.change(PodShape())
    let first = try cluster.requireNext()
    cluster.change(PodShape.with { $0.address = "10.9.9.9" })
    #expect(cluster.next() == nil)
    cluster.perform(first)
    if isToldFirst { cluster.tellDataplane(Self.web) }
    cluster.tell(.done(first))
    let second = try cluster.requireNext()
    #expect(second.write?.dataplane.networking?.address == "10.9.9.9")
    cluster.perform(second)
    cluster.tell(.done(second))
    cluster.tellDataplane(Self.web)
    #expect(cluster.next() == nil)
  }

  @Test("What takes an address away comes before all that waits")
  func urgency() throws {
    var cluster = Self.settled()
    for number in 2...9 { cluster.change(PodShape.with { ($0.name, $0.uid) = ("web-\(number)", "u\(number)") }) }
    cluster.change(PodShape.with { $0.isBeingDeleted = true })
    let first = try cluster.requireNext()
    #expect(first.write?.pod == Self.web)
    #expect(first.write?.dataplane.networking?.inbound.map(\.state) == ["NotReady"])
    cluster.finish(first)
    cluster.remove(PodShape())
    #expect(cluster.next()?.deletion?.name == Self.web)
  }

  // MARK: Whose Dataplane it is

  @Test("A Dataplane of another controller is never touched, and an event says so")
  func foreignController() {
    var cluster = PlannedCluster.ready()
    let own = PlannedCluster.Stored(
      uid: "x", mesh: "default", dataplane: Dataplane(networking: .init(address: "10.0.0.1")),
      controller: ["Fleet", "all", "f"])
    cluster.dataplanes[Self.web] = own
    cluster.tellDataplane(Self.web)
    cluster.change(PodShape())
    cluster.remove(PodShape())
    #expect(cluster.settle().isEmpty)
    #expect(cluster.dataplanes[Self.web] == own)
    #expect(
      cluster.events(about: "web-1") == [
        "\(Self.failed): Failed to generate Kuma Dataplane: unable to set Dataplane's controller reference to Pod: "
          + "Object shop/web-1 is already owned by another Fleet controller all"
      ])
  }

  @Test("A Dataplane without a controller is taken over by the pod of its name, and stays where there is no such pod")
  func adoption() {
    var cluster = PlannedCluster.ready()
    cluster.dataplanes[Self.web] = .init(
      uid: "x", mesh: "default", dataplane: Dataplane(networking: .init(address: "10.0.0.1")), controller: nil)
    cluster.tellDataplane(Self.web)
    #expect(cluster.settle().isEmpty)
    cluster.change(PodShape())
    #expect(cluster.settle().count == 1)
    #expect(cluster.dataplanes[Self.web]?.uid == "x")
    #expect(cluster.dataplanes[Self.web]?.controller == ["Pod", "web-1", "uid-of-web-1"])
  }

  @Test("A pod that is made anew under its name takes over its Dataplane, also if nothing else differs")
  func newUID() {
    var cluster = Self.settled()
    cluster.change(PodShape.with { $0.uid = "second" })
    #expect(cluster.settle().compactMap(\.write?.podUID) == ["second"])
    #expect(cluster.settle().isEmpty)
  }

  @Test("A Dataplane that is being deleted is made again when it is gone")
  func beingDeleted() throws {
    var cluster = Self.settled()
    var object = try #require(cluster.object(Self.web))
    object.metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.tell(.changed(.dataplane, [object]))
    cluster.change(PodShape.with { $0.address = "10.9.9.9" })
    #expect(cluster.next() == nil)
    cluster.dataplanes[Self.web] = nil
    cluster.tellDataplane(Self.web)
    #expect(cluster.settle().compactMap(\.write?.isNew) == [true])
  }

  @Test("What a user changes in a Dataplane or deletes is mended")
  func mending() {
    var cluster = Self.settled()
    let right = cluster.dataplanes[Self.web]
    cluster.dataplanes[Self.web]?.dataplane.networking?.address = "10.0.0.1"
    cluster.tellDataplane(Self.web)
    cluster.settle()
    #expect(cluster.dataplanes[Self.web] == right)
    cluster.dataplanes[Self.web] = nil
    cluster.tellDataplane(Self.web)
    cluster.settle()
    #expect(cluster.dataplanes[Self.web]?.dataplane == right?.dataplane)
    cluster.tell(
      .changed(
        .dataplane,
        [
          KubernetesObject(["metadata": ["name": "web-1", "namespace": "shop", "uid": "y"], "spec": ["networking": 5]])
        ]
      ))
    #expect(cluster.settle().count == 1)
  }

  // MARK: Deleting

  @Test(
    "The Dataplane is deleted when the pod",
    arguments: [
      Row("has ended well", 0) { $0.phase = "Succeeded" },
      Row("has no address any more", 0) { $0.address = "" },
      Row("was evicted", 0) { $0.reason = "Evicted" },
      Row("has no sidecar any more", 0) { $0.annotations = [:] },
    ] as [Row<PodShape, Int>])
  func absence(_ row: Row<PodShape, Int>) {
    var cluster = Self.settled()
    let uid = cluster.dataplanes[Self.web]?.uid
    cluster.change(row.changing(PodShape()))
    #expect(cluster.settle().map { $0.deletion?.uid } == [uid])
    #expect(cluster.dataplanes.isEmpty)
  }

  @Test("The Dataplane is deleted with its pod, also when the pod went before the control plane started")
  func orphan() {
    var cluster = Self.settled()
    cluster.tell(.replaced(.pod, []))
    #expect(cluster.settle().count == 1)
    #expect(cluster.dataplanes.isEmpty)
  }

  @Test("Nothing is written in a namespace that is Terminating")
  func terminatingNamespace() {
    var cluster = Self.settled()
    cluster.tell(.changed(.namespace, [scope("Namespace", "shop", phase: "Terminating")]))
    cluster.change(PodShape.with { $0.isBeingDeleted = true }, .with { ($0.name, $0.uid) = ("web-2", "u2") })
    #expect(cluster.settle().isEmpty)
  }

  // MARK: Surroundings

  @Test("A Service concerns the pods that it selects, and those that it selected")
  func services() {
    var cluster = PlannedCluster.ready()
    for number in 1...3 { cluster.change(PodShape.with { ($0.name, $0.uid) = ("web-\(number)", "u\(number)") }) }
    cluster.change(PodShape.with { ($0.name, $0.uid, $0.labels) = ("db-1", "d1", ["app": "db"]) })
    cluster.settle()
    func ports(_ work: [PodPlan.Work]) -> [String: [UInt32]] {
      var ports: [String: [UInt32]] = [:]
      for write in work.compactMap(\.write) { ports[write.pod.name] = write.dataplane.networking?.inbound.map(\.port) }
      return ports
    }
    cluster.change(ServiceShape())
    #expect(ports(cluster.settle()) == ["web-1": [8080], "web-2": [8080], "web-3": [8080]])
    cluster.change(ServiceShape.with { $0.selector = ["app": "db"] })
    #expect(
      ports(cluster.settle()) == ["web-1": [49_151], "web-2": [49_151], "web-3": [49_151], "db-1": [8080]])
    cluster.remove(ServiceShape())
    #expect(ports(cluster.settle()) == ["db-1": [49_151]])
  }

  @Test("Labels of a node reach the pods on it, also when the node is seen later")
  func nodes() {
    var cluster = PlannedCluster.ready()
    cluster.change(PodShape.with { $0.node = "n1" })
    cluster.settle()
    cluster.tell(
      .changed(.node, [scope("Node", "n1", labels: ["topology.kubernetes.io/zone": "a", "kubernetes.io/os": "linux"])]))
    let tags = cluster.settle().compactMap { $0.write?.dataplane.networking?.inbound.first?.tags }
    #expect(tags.map { $0["topology.kubernetes.io/zone"] } == ["a"])
    cluster.tell(
      .changed(.node, [scope("Node", "n1", labels: ["topology.kubernetes.io/zone": "a", "other": "x"])]))
    #expect(cluster.settle().isEmpty)
  }

  @Test("A pod waits for its mesh, and moves to another one by deletion and creation")
  func meshes() {
    var cluster = PlannedCluster.ready()
    cluster.tell(.meshes([]))
    cluster.change(PodShape())
    #expect(cluster.settle().isEmpty)
    #expect(
      cluster.events(about: "web-1") == [
        "\(Self.failed): Failed to generate Kuma Dataplane: there is no mesh \"default\"; the Dataplane is made as soon "
          + "as there is one"
      ])
    cluster.tell(.meshes(["default", "other"]))
    #expect(cluster.settle().compactMap(\.write?.mesh) == ["default"])
    cluster.change(PodShape.with { $0.annotations["kuma.io/mesh"] = "other" })
    let work = cluster.settle()
    #expect(work.compactMap(\.deletion?.mesh) == ["default"])
    #expect(work.compactMap(\.write?.mesh) == ["other"])
  }

  @Test("The addresses of services are told to everybody, as far as they change")
  func addresses() {
    var cluster = PlannedCluster()
    cluster.tell(.replaced(.service, [ServiceShape().object]))
    #expect(cluster.addresses == ["web_shop_svc_80": .virtual(["10.96.0.1"], port: 80)])
    let count = cluster.notices.count
    cluster.change(ServiceShape.with { $0.annotations["x"] = "y" })
    #expect(cluster.notices.count == count)
    cluster.change(ServiceShape.with { $0.ports = [.init(number: 81)] })
    #expect(cluster.addresses == ["web_shop_svc_81": .virtual(["10.96.0.1"], port: 81)])
    cluster.tell(.replaced(.service, []))
    #expect(cluster.addresses == [:])
  }
}
