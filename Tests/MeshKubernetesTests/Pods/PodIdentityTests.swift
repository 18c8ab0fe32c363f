import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import OrderedCollections
import Testing

@Suite("Pods without a Service, gateways and owners")
struct PodIdentityTests {
  private let converter = PodConverter()

  // MARK: Pods without a Service

  @Test("A pod without a Service has one inbound with its identity, at a port without a listener")
  func serviceless() {
    let pod = PodShape.with { $0.labels = ["app": "worker", "kuma.io/team": "x", "empty": ""] }
    let inbounds = converter.inbounds(pod, [], nodeLabels: ["topology.kubernetes.io/zone": "a"])
    #expect(inbounds.map(\.port) == [49_151])
    #expect(
      inbounds.first?.tags == [
        "app": "worker", "kuma.io/team": "x", "k8s.kuma.io/namespace": "shop", "kuma.io/service": "web-1_shop_svc",
        "kuma.io/zone": "default", "kuma.io/protocol": "tcp", "kuma.io/instance": "web-1",
        "topology.kubernetes.io/zone": "a",
      ])
  }

  @Test(
    "It is not ready",
    arguments: [
      Row("when an application container is not", false) { $0.statuses = [("app", false, nil)] },
      Row("when the sidecar is not", false) { $0.statuses = [("kuma-sidecar", false, nil)] },
      Row("when the sidecar is an init container and is not", false) {
        $0.initStatuses = [("kuma-sidecar", false, nil)]
      },
      Row("but is when all are", true) { $0.statuses = [("app", true, nil), ("kuma-sidecar", true, nil)] },
      Row("but is while nothing is known", true),
    ] as [Row<PodShape, Bool>])
  func servicelessState(_ row: Row<PodShape, Bool>) {
    let inbounds = converter.inbounds(row.changing(PodShape()), [])
    #expect(inbounds.map(\.state) == [row.expected ? "" : "NotReady"])
    #expect(inbounds.map(\.ready) == [row.expected])
  }

  // MARK: Owners

  @Test(
    "Its service is named after what it belongs to",
    arguments: [
      (nil, "web-1_shop_svc"), (("StatefulSet", "db"), "db_shop_svc"), (("DaemonSet", "agent"), "agent_shop_svc"),
      (("ReplicaSet", "web-abc"), "web_shop_svc"), (("ReplicaSet", "alone"), "alone_shop_svc"),
      (("Job", "backup-1"), "backup_shop_svc"), (("Job", "once"), "once_shop_svc"),
    ] as [((kind: String, name: String)?, String)])
  func owner(_ owner: (kind: String, name: String)?, _ service: String) {
    let workloads = [
      OwnerQuery(kind: "ReplicaSet", object: .init(namespace: "shop", name: "web-abc")):
        Workload(kind: "Deployment", name: "web"),
      OwnerQuery(kind: "ReplicaSet", object: .init(namespace: "shop", name: "alone")):
        Workload(kind: "ReplicaSet", name: "alone"),
      OwnerQuery(kind: "Job", object: .init(namespace: "shop", name: "backup-1")):
        Workload(kind: "CronJob", name: "backup"),
      OwnerQuery(kind: "Job", object: .init(namespace: "shop", name: "once")): Workload(kind: "Job", name: "once"),
    ]
    let dataplane = converter.dataplane(.with { $0.owners = owner.map { [$0] } ?? [] }, []) { workloads[$0] }
    #expect(dataplane?.networking?.inbound.first?.tags["kuma.io/service"] == service)
  }

  @Test("A ReplicaSet or Job whose owner is not known is asked for, and only by pods that need it")
  func ownerNeeded() {
    let pod = PodShape.with { $0.owners = [("ReplicaSet", "web-abc")] }
    let query = OwnerQuery(kind: "ReplicaSet", object: .init(namespace: "shop", name: "web-abc"))
    #expect(converter.convert(pod, []) == .ownerNeeded(query))
    #expect(converter.dataplane(pod) != nil)
  }

  @Test("A ReplicaSet answers with its Deployment, a Job with its CronJob, else with themselves")
  func workload() {
    func answer(_ kind: String, _ owners: [DocumentValue]) -> Workload {
      let query = OwnerQuery(kind: kind, object: .init(namespace: "shop", name: "x-1"))
      return query.workload(
        of: KubernetesObject(["kind": .string(kind), "metadata": ["ownerReferences": .array(owners)]]))
    }
    #expect(answer("ReplicaSet", [["kind": "Deployment", "name": "x"]]) == Workload(kind: "Deployment", name: "x"))
    #expect(answer("Job", [["kind": "CronJob", "name": "x"]]) == Workload(kind: "CronJob", name: "x"))
    #expect(answer("ReplicaSet", []) == Workload(kind: "ReplicaSet", name: "x-1"))
    #expect(answer("ReplicaSet", [["kind": "Rollout", "name": "x"]]) == Workload(kind: "ReplicaSet", name: "x-1"))
    #expect(answer("Job", [5, ["name": "y"]]) == Workload(kind: "Job", name: "x-1"))
  }

  // MARK: Gateways

  @Test("kuma.io/gateway: enabled gives a delegated gateway with the tags of the first inbound, of protocols only tcp")
  func delegated() {
    let gateway = PodShape.with { $0.annotations["kuma.io/gateway"] = "enabled" }
    let http = converter.dataplane(gateway)?.networking
    #expect(http?.inbound == [])
    #expect(http?.gateway?.type == "")
    #expect(
      http?.gateway?.tags == [
        "app": "web", "k8s.kuma.io/namespace": "shop", "k8s.kuma.io/service-name": "web",
        "k8s.kuma.io/service-port": "80", "kuma.io/service": "web_shop_svc_80", "kuma.io/zone": "default",
      ])
    let tcp = converter.dataplane(gateway, [.with { $0.ports = [.init()] }])?.networking
    #expect(tcp?.gateway?.tags["kuma.io/protocol"] == "tcp")
    let alone = converter.dataplane(gateway, [])?.networking
    #expect(alone?.gateway?.tags["kuma.io/service"] == "web-1_shop_svc")
  }

  @Test("kuma.io/gateway: provided names a Deployment's gateway after it, and is as enabled for others")
  func provided() {
    var pod = PodShape.with {
      $0.annotations["kuma.io/gateway"] = "provided"
      $0.owners = [("ReplicaSet", "edge-abc")]
    }
    let deployment = converter.dataplane(pod) { _ in Workload(kind: "Deployment", name: "edge") }?.networking
    #expect(
      deployment?.gateway?.tags == ["kuma.io/service": "edge_shop_svc", "kuma.io/service-name": "edge_shop_svc"])
    #expect(deployment?.inbound == [])
    pod.owners = [("StatefulSet", "edge")]
    #expect(converter.dataplane(pod)?.networking?.gateway?.tags["kuma.io/service"] == "web_shop_svc_80")
  }

  @Test("kuma.io/gateway: builtin gives a builtin gateway with the tags of the annotation, also without a sidecar")
  func builtin() {
    let pod = PodShape.with {
      $0.annotations = ["kuma.io/gateway": "builtin", "kuma.io/tags": #"{"kuma.io/service":"edge"}"#]
    }
    let networking = converter.dataplane(pod)?.networking
    #expect(
      networking
        == Dataplane.Networking(
          address: "10.1.2.3",
          gateway: .init(tags: ["kuma.io/service": "edge", "kuma.io/zone": "default"], type: "BUILTIN")))
  }
}
