import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import OrderedCollections
import Testing

@Suite("Plan for the Dataplanes of pods: failures, owners, jobs, Services")
struct PodPlanFailureTests {
  private static let failed = "FailedToGenerateKumaDataplane"

  private static func settings() -> PodPlan.Settings {
    var settings = PodPlan.Settings()
    settings.share = { 1 }
    return settings
  }

  // MARK: Failures

  @Test("A write that fails is tried again after a while that grows, without an event")
  func failure() throws {
    var cluster = PlannedCluster.ready(Self.settings())
    cluster.change(PodShape())
    var last = Duration.zero
    for _ in 0..<4 {
      let work = try cluster.requireNext()
      cluster.tell(.failed(work, "the API server is away", isRefused: false))
      #expect(cluster.next() == nil)
      let time = try #require(cluster.plan.nextTry)
      #expect(time - cluster.now > last)
      last = time - cluster.now
      cluster.now = time
    }
    #expect(cluster.settle().count == 1)
    #expect(cluster.plan.nextTry == nil)
    #expect(cluster.events(about: "web-1") == ["CreatedKumaDataplane: Created Kuma Dataplane: web-1"])
  }

  @Test("A write that is refused is told in an event, once, and tried again when the pod changes")
  func refusal() throws {
    var cluster = PlannedCluster.ready(Self.settings())
    cluster.change(PodShape())
    for _ in 0..<3 {
      let work = try cluster.requireNext()
      cluster.tell(.failed(work, "spec.networking: no", isRefused: true))
      #expect(cluster.next() == nil)
      cluster.now = try #require(cluster.plan.nextTry)
    }
    #expect(
      cluster.events(about: "web-1") == ["\(Self.failed): Failed to generate Kuma Dataplane: spec.networking: no"])
    let again = try cluster.requireNext()
    cluster.tell(.failed(again, "spec.networking: no", isRefused: true))
    cluster.change(PodShape.with { $0.address = "10.9.9.9" })
    #expect(cluster.settle().count == 1)
  }

  @Test("What is wrong with a pod is told once, and again when it is something else")
  func told() {
    var cluster = PlannedCluster.ready()
    func wrong(_ value: String) -> PodShape {
      .with { $0.annotations["kuma.io/gateway"] = value }
    }
    cluster.change(wrong("a"))
    var other = wrong("a")
    other.labels["x"] = "y"
    cluster.change(other)
    #expect(cluster.events(about: "web-1").count == 1)
    cluster.change(wrong("b"))
    #expect(cluster.events(about: "web-1").count == 2)
    cluster.change(PodShape())
    cluster.settle()
    cluster.change(wrong("b"))
    #expect(cluster.events(about: "web-1").count == 4)
    #expect(cluster.settle().isEmpty)
  }

  // MARK: Owners

  @Test("The owner of a ReplicaSet is looked up once for all its pods, and forgotten with them")
  func owners() {
    var cluster = PlannedCluster.ready()
    let pods = (1...50).map { number in
      PodShape.with { pod in
        (pod.name, pod.uid, pod.owners) = ("web-\(number)", "u\(number)", [("ReplicaSet", "web-abc")])
      }
    }
    func lookUps(_ work: [PodPlan.Work]) -> Int {
      work.filter { if case .lookUpOwner = $0 { true } else { false } }.count
    }
    for pod in pods { cluster.change(pod) }
    let work = cluster.settle()
    #expect(lookUps(work) == 1)
    let services = Set(work.compactMap { $0.write?.dataplane.networking?.inbound.first?.tags["kuma.io/service"] })
    #expect(services == ["web_shop_svc"])
    #expect(work.compactMap(\.write).count == 50)
    for pod in pods { cluster.remove(pod) }
    #expect(cluster.settle().count == 50)
    cluster.change(pods[0])
    #expect(lookUps(cluster.settle()) == 1)
  }

  @Test("An owner that may not be looked up is told at its pods, and tried again")
  func refusedOwner() throws {
    var cluster = PlannedCluster.ready(Self.settings())
    cluster.change(PodShape.with { $0.owners = [("ReplicaSet", "web-abc")] })
    let work = try cluster.requireNext()
    cluster.tell(.failed(work, "replicasets.apps is forbidden", isRefused: true))
    #expect(
      cluster.events(about: "web-1") == [
        "\(Self.failed): Failed to generate Kuma Dataplane: unable to translate a Pod into a Dataplane: "
          + "replicasets.apps is forbidden"
      ])
    cluster.now = try #require(cluster.plan.nextTry)
    #expect(cluster.settle().compactMap(\.write).count == 1)
  }

  // MARK: Jobs

  @Test(
    "The proxy of a job is told to end",
    arguments: [
      Row("when the application has ended", true),
      Row("when it has failed and is not started again", true) { $0.statuses[0].exitCode = 1 },
      Row("when all applications have ended", true) {
        $0.containers.append(.init(name: "second", ports: []))
        $0.statuses.append(("second", false, 0))
      },
      Row("but not while another application runs", false) {
        $0.containers.append(.init(name: "second", ports: []))
        $0.statuses.append(("second", true, nil))
      },
      Row("but not while nothing is known of another application", false) {
        $0.containers.append(.init(name: "second", ports: []))
      },
      Row("but not when it has failed and is started again", false) {
        $0.restartPolicy = "OnFailure"
        $0.statuses[0].exitCode = 1
      },
      Row("when it has ended well under OnFailure", true) { $0.restartPolicy = "OnFailure" },
      Row("but not where containers are always started again", false) { $0.restartPolicy = "Always" },
      Row("but not when the sidecar has ended", false) { $0.statuses[1].exitCode = 0 },
      Row("but not when the sidecar is an init container, which its node ends", false) {
        $0.initStatuses = [$0.statuses.remove(at: 1)]
      },
      Row("but not when the pod is being deleted", false) { $0.isBeingDeleted = true },
      Row("but not without an address", false) { $0.address = "" },
    ] as [Row<PodShape, Bool>])
  func jobs(_ row: Row<PodShape, Bool>) {
    var cluster = PlannedCluster.ready()
    let usual = PodShape.with {
      $0.restartPolicy = "Never"
      $0.statuses = [("app", false, 0), ("kuma-sidecar", true, nil)]
    }
    cluster.change(row.changing(usual))
    let quit = PodPlan.Work.quit(.init(namespace: "shop", name: "web-1"), address: "10.1.2.3", adminPort: 9901)
    #expect(cluster.settle().contains(quit) == row.expected)
  }

  @Test("It is told at its own admin port, once, and again after a failure")
  func quitOnce() throws {
    var cluster = PlannedCluster.ready(Self.settings())
    var pod = PodShape.with {
      $0.restartPolicy = "Never"
      $0.statuses = [("app", false, 0), ("kuma-sidecar", true, nil)]
      $0.annotations["kuma.io/envoy-admin-port"] = "9999"
    }
    cluster.change(pod)
    func next() -> PodPlan.Work? {
      while let work = cluster.next() {
        if case .quit = work { return work }
        cluster.finish(work)
      }
      return nil
    }
    let first = try #require(next())
    #expect(first == .quit(.init(namespace: "shop", name: "web-1"), address: "10.1.2.3", adminPort: 9999))
    cluster.tell(.failed(first, "away", isRefused: false))
    #expect(next() == nil)
    cluster.now = try #require(cluster.plan.nextTry)
    let second = next()
    cluster.tell(.done(try #require(second)))
    pod.labels["x"] = "y"
    cluster.change(pod)
    #expect(next() == nil)
    pod.uid = "another"
    cluster.change(pod)
    #expect(next() != nil)
  }

  // MARK: Services

  @Test(
    "Services of injected namespaces get annotations for ingress controllers",
    arguments: [
      Row("when they have none", true),
      Row("when they have one of them", true) { $0.annotations["ingress.kubernetes.io/service-upstream"] = "true" },
      Row("but not when they have both", false) {
        $0.annotations["ingress.kubernetes.io/service-upstream"] = "true"
        $0.annotations["nginx.ingress.kubernetes.io/service-upstream"] = "true"
      },
      Row("but not ExternalName ones", false) { $0.type = "ExternalName" },
      Row("but not those that are ignored", false) { $0.annotations["kuma.io/ignore"] = "true" },
      Row("but not those of builtin gateways", false) { $0.annotations["kuma.io/gateway"] = "builtin" },
      Row("but not those of other namespaces", false) { $0.namespace = "other" },
    ] as [Row<ServiceShape, Bool>])
  func annotations(_ row: Row<ServiceShape, Bool>) {
    var cluster = PlannedCluster.ready()
    cluster.tell(
      .changed(
        .namespace,
        [scope("Namespace", "shop", labels: ["kuma.io/sidecar-injection": "enabled"]), scope("Namespace", "other")]))
    cluster.change(row.changing(ServiceShape()))
    let wanted = PodPlan.Work.annotate(
      .init(namespace: "shop", name: "web"),
      ["ingress.kubernetes.io/service-upstream": "true", "nginx.ingress.kubernetes.io/service-upstream": "true"])
    #expect(cluster.settle() == (row.expected ? [wanted] : []))
  }

  @Test("A Service that does not say its protocols is told so in an event, once it has pods with sidecars")
  func advice() {
    var cluster = PlannedCluster.ready()
    let silent = ServiceShape.with { $0.ports = [.init()] }
    cluster.change(silent)
    #expect(cluster.events(about: "web").isEmpty)
    cluster.change(PodShape())
    cluster.change(PodShape.with { ($0.name, $0.uid) = ("web-2", "u2") })
    cluster.change(PodShape.with { $0.address = "10.9.9.9" })
    #expect(cluster.events(about: "web").count == 1)
    #expect(cluster.events(about: "web").first?.hasPrefix("NoAppProtocol: port 80 has no appProtocol; so ") == true)
    cluster.change(ServiceShape())
    cluster.change(silent)
    #expect(cluster.events(about: "web").count == 2)
    cluster.change(ServiceShape())
    #expect(cluster.events(about: "web").count == 2)
  }

  @Test("A Service that does not say its protocols is told so when a pod is labelled for it")
  func adviceAfterLabels() {
    var cluster = PlannedCluster.ready()
    cluster.change(ServiceShape.with { $0.ports = [.init()] })
    cluster.change(PodShape.with { $0.labels = ["app": "other"] })
    #expect(cluster.events(about: "web").isEmpty)
    cluster.change(PodShape())
    #expect(cluster.events(about: "web").count == 1)
  }

  // MARK: Pruning

  @Test("Pruned objects say the same and little else")
  func pruning() throws {
    let pod = PodShape.with {
      $0.annotations.merge([
        "kuma.io/virtual-probes": "true", "kuma.io/virtual-probes-port": "9000", "other": "x",
        "prometheus.metrics.kuma.io/port": "1",
      ]) { $1 }
      $0.containers[0].probes = [("livenessProbe", ["port": 9000, "path": "/8080/live", "scheme": "HTTP"])]
      $0.owners = [("Job", "x")]
      $0.node = "n"
      $0.statuses = [("app", true, 0), ("kuma-sidecar", false, nil)]
      $0.initStatuses = [("kuma-sidecar", true, nil), ("setup", true, 0)]
    }
    let pruned = PodPlan.prune(.pod, pod.object)
    var expected = pod.observed
    expected.annotations.values["other"] = nil
    #expect(ObservedPod(pruned) == expected)
    #expect(pruned.uid == pod.uid && pruned.resourceVersion == "1")
    #expect(pruned["spec"]?["serviceAccountName"] == "web")
    #expect(pruned["spec"]?["volumes"] == nil && pruned.metadata["managedFields"] == nil)

    let other = PodPlan.prune(.pod, PodShape.with { $0.annotations = ["a": "b"] }.object)
    #expect(ObservedPod(other).name == pod.observed.name)
    #expect(other["spec"] == ["serviceAccountName": "web"] && other["status"] == nil && other.labels.isEmpty)

    let service = ServiceShape.with { $0.clusterIPs = ["10.96.0.1", "fd00::1"] }
    #expect(ObservedService(PodPlan.prune(.service, service.object)) == service.observed)
    #expect(PodPlan.prune(.service, service.object)["status"] == nil)

    let namespace = scope(
      "Namespace", "shop", labels: ["kuma.io/sidecar-injection": "yes"], annotations: ["kuma.io/mesh": "m", "x": "y"],
      phase: "Terminating")
    #expect(ObservedNamespace(PodPlan.prune(.namespace, namespace)) == ObservedNamespace(namespace))
    #expect(PodPlan.prune(.namespace, namespace).annotations == ["kuma.io/mesh": "m"])
  }
}
