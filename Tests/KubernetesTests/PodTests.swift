import Documents
import KubernetesAPI
import KubernetesTestSupport
import OrderedCollections
import TestSupport
import Testing

/// Pods whose status the test writes become Dataplanes, on a real API server.
@Suite("Pods become Dataplanes", .onKubernetes, .heavy, .timeLimit(.minutes(60))) struct PodTests {
  /// A stage whose mesh is there.
  private static func stage(_ prefix: String, labels: String...) async throws -> PodStage {
    let server = try await RunningCluster.shared().server
    let mesh = RunningCluster.name(prefix)
    try await server.apply(RunningCluster.mesh(mesh))
    return try await PodStage(on: server, mesh: mesh)
  }

  @Test("A Dataplane follows its pod and the Services that select it, from the first address to the end")
  func follows() async throws {
    let stage = try await Self.stage("follow")
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    _ = try await stage.client.create(.pod, stage.pod("web-1", app: "web"))
    // Another pod, whose Dataplane shows that the control plane has seen the first one.
    try await stage.run("other", app: "none", at: "10.244.1.1")
    try await stage.expect("other", "49151 other tcp ")
    #expect(try await stage.dataplane("web-1") == nil)

    let pod = try await stage.say("web-1", address: "10.244.1.2")
    try await stage.expect("web-1", "8080 web_80 http ")
    let dataplane = try #require(try await stage.dataplane("web-1"))
    let networking = dataplane["spec"]?["networking"]
    #expect(dataplane["mesh"]?.string == stage.mesh && networking?["address"] == "10.244.1.2")
    #expect(networking?["admin"]?["port"]?.number == 9901)
    #expect(networking?["transparentProxying"]?["redirectPortOutbound"]?.number == 15001)
    let tags = networking?["inbound"]?.array?.first?["tags"]
    #expect(tags?["kuma.io/zone"] == "default" && tags?["k8s.kuma.io/namespace"]?.string == stage.namespace)
    #expect(tags?["app"] == "web" && tags?["k8s.kuma.io/service-port"] == "80")
    let reference: DocumentValue = [
      "apiVersion": "v1", "blockOwnerDeletion": true, "controller": true, "kind": "Pod", "name": "web-1",
      "uid": .string(pod.uid),
    ]
    #expect(dataplane.metadata["ownerReferences"] == [reference])

    try await stage.serve("web", app: "web", .init(80, to: "web"), .init(81, to: 9000, nil))
    try await stage.expect("web-1", "8080 web_80 http ", "9000 web_81 tcp ")
    try await stage.serve("admin", app: "web", .init(443, to: 8080, "grpc"))
    try await stage.expect("web-1", "8080 admin_443 grpc ", "8080 web_80 http ", "9000 web_81 tcp ")
    // The port that no container declares knows nothing of a container.
    try await stage.say("web-1", address: "10.244.1.2", isReady: false)
    try await stage.expect(
      "web-1", "8080 admin_443 grpc NotReady", "8080 web_80 http NotReady", "9000 web_81 tcp ")
    try await stage.say("web-1", address: "10.244.1.2")
    try await stage.client.delete(.service, namespace: stage.namespace, name: "admin")
    try await stage.expect("web-1", "8080 web_80 http ", "9000 web_81 tcp ")

    try await stage.serve("peers", app: "web", isHeadless: true, .init(80, to: "web"))
    try await stage.expect("web-1", "8080 peers_80 http ", "8080 web_80 http ", "9000 web_81 tcp ")
    let inbounds = try await stage.dataplane("web-1")?["spec"]?["networking"]?["inbound"]?.array
    #expect(inbounds?.map { $0["tags"]?["kuma.io/instance"]?.string } == ["web-1", nil, nil])

    // A pod that no Service selects any more.
    _ = try await stage.client.patch(
      .pod, namespace: stage.namespace, name: "web-1", .merge(["metadata": ["labels": ["app": "changed"]]]),
      fieldManager: "test")
    try await stage.expect("web-1", "49151 web-1 tcp ")
    try await stage.say("web-1", phase: "Succeeded", address: "10.244.1.2")
    try await stage.expectNoDataplane("web-1")
    #expect(try await stage.dataplane("other") != nil)
  }

  @Test("A pod that terminates is not ready until it is gone; one without a node is gone at once")
  func terminates() async throws {
    let stage = try await Self.stage("end")
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    try await stage.run("bound", app: "web", at: "10.244.2.1", node: "node-1")
    try await stage.run("unbound", app: "web", at: "10.244.2.2")
    for pod in ["bound", "unbound"] { try await stage.expect(pod, "8080 web_80 http ") }
    for pod in ["bound", "unbound"] { try await stage.delete(pod) }
    try await stage.expectNoDataplane("unbound")
    try await stage.expect("bound", "8080 web_80 http NotReady")
    try await stage.delete("bound", isForced: true)
    try await stage.expectNoDataplane("bound")

    // The next pod of the name, as a StatefulSet makes it.
    let next = try await stage.run("bound", app: "web", at: "10.244.2.3", node: "node-1")
    try await stage.expect("bound", "8080 web_80 http ")
    let dataplane = try await stage.dataplane("bound")
    #expect(dataplane?["spec"]?["networking"]?["address"] == "10.244.2.3")
    #expect(dataplane?.metadata["ownerReferences"]?.array?.map { $0["uid"]?.string } == [next.uid])
  }

  @Test("Events of the pod say what has become of it, in Kuma's words, and what keeps it from having a Dataplane")
  func events() async throws {
    let server = try await RunningCluster.shared().server
    let stage = try await PodStage(on: server, mesh: RunningCluster.name("later"))
    try await stage.serve("web", app: "web", .init(80, to: "missing"))
    try await stage.run("web-1", app: "web", at: "10.244.3.1")
    try await stage.event("FailedToGenerateKumaDataplane", about: "web-1", saying: "doesn't match any container ports")
    try await stage.serve("web", app: "web", .init(80, to: "web", nil))
    try await stage.event("FailedToGenerateKumaDataplane", about: "web-1", saying: stage.mesh)
    #expect(try await stage.dataplane("web-1") == nil)
    try await server.apply(RunningCluster.mesh(stage.mesh))
    try await stage.expect("web-1", "8080 web_80 tcp ")
    let created = try await stage.event("CreatedKumaDataplane", about: "web-1")
    #expect(created["type"] == "Normal" && created["source"]?["component"] == "k8s.kuma.io/dataplane-generator")
    try await stage.event("NoAppProtocol", about: "web")
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    try await stage.event("UpdatedKumaDataplane", about: "web-1")
    let described = try await server.succeed(["describe", "pod", "web-1", "--namespace", stage.namespace])
    #expect(described.contains("CreatedKumaDataplane") && described.contains("FailedToGenerateKumaDataplane"))
  }

  @Test("A Dataplane that another controller owns is left alone, and an event says so")
  func foreignDataplane() async throws {
    let stage = try await Self.stage("foreign")
    var foreign = KubernetesObject(PodStage.dataplanes, namespace: stage.namespace, name: "web-1")
    foreign["mesh"] = .string(stage.mesh)
    let owner = try await stage.client.create(
      .configMap, KubernetesObject(.configMap, namespace: stage.namespace, name: "owner"))
    foreign.metadata["ownerReferences"] = [
      ["apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": .string(owner.uid), "controller": true]
    ]
    foreign["spec"] = [
      "networking": [
        "address": "10.9.9.9", "inbound": [["port": 80, "tags": ["kuma.io/service": "own"]]],
      ]
    ]
    let before = try await stage.client.create(PodStage.dataplanes, foreign)
    try await stage.run("web-1", app: "web", at: "10.244.4.1")
    try await stage.event("FailedToGenerateKumaDataplane", about: "web-1", saying: "already owned by another")
    let after = try await stage.dataplane("web-1")
    #expect(
      after?["spec"] == before["spec"] && after?.metadata["ownerReferences"] == before.metadata["ownerReferences"])
  }

  @Test("Labels of the node become tags, and Services of a namespace with injection get their annotations")
  func nodesAndServices() async throws {
    let stage = try await Self.stage("node")
    var node = KubernetesObject(.node, name: stage.namespace)
    node.metadata["labels"] = ["topology.kubernetes.io/zone": "east", "topology.kubernetes.io/region": "coast"]
    node = try await stage.client.create(.node, node)
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    try await stage.run("web-1", app: "web", at: "10.244.5.1", node: node.name)
    func tags() async throws -> DocumentValue? {
      try await stage.dataplane("web-1")?["spec"]?["networking"]?["inbound"]?.array?.first?["tags"]
    }
    try await eventually("the tags of the node") {
      let tags = try await tags()
      return tags?["topology.kubernetes.io/zone"] == "east" && tags?["topology.kubernetes.io/region"] == "coast"
    }
    _ = try await stage.client.patch(
      .node, name: node.name, .merge(["metadata": ["labels": ["topology.kubernetes.io/zone": "west"]]]),
      fieldManager: "test")
    try await eventually("the new tag") { try await tags()?["topology.kubernetes.io/zone"] == "west" }
    try await stage.client.delete(.node, name: node.name)

    let annotation = "ingress.kubernetes.io/service-upstream"
    func annotations() async throws -> [String: String] {
      try await stage.client.get(.service, namespace: stage.namespace, name: "web").annotations
    }
    #expect(try await annotations()[annotation] == nil)
    _ = try await stage.client.patch(
      .namespace, name: stage.namespace, .merge(["metadata": ["labels": ["kuma.io/sidecar-injection": "enabled"]]]),
      fieldManager: "test")
    try await eventually("the annotations") {
      let annotations = try await annotations()
      return annotations[annotation] == "true" && annotations["nginx.\(annotation)"] == "true"
    }
  }
}
