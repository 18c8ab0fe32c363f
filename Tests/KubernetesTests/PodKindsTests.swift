import Documents
import KubernetesAPI
import KubernetesTestSupport
import OrderedCollections
import TestSupport
import Testing

/// Pods of different owners and purposes become Dataplanes, on a real API server with the controllers that make pods.
@Suite("Pods of every kind become Dataplanes", .onKubernetes, .heavy, .timeLimit(.minutes(60)))
struct PodKindsTests {
  private static func stage() async throws -> PodStage {
    let server = try await RunningCluster.shared().server
    let mesh = RunningCluster.name("kinds")
    try await server.apply(RunningCluster.mesh(mesh))
    return try await PodStage(on: server, mesh: mesh)
  }

  /// The part of a pod that its owner makes of a template, as the webhook leaves it.
  private static func template(_ app: String, _ stage: PodStage, restartPolicy: String = "Always") -> String {
    """
    metadata:
      labels: {app: \(app)}
      annotations: {kuma.io/sidecar-injected: "true", kuma.io/mesh: \(stage.mesh)}
    spec:
      restartPolicy: \(restartPolicy)
      automountServiceAccountToken: false
      containers: [{name: kuma-sidecar, image: kuma-dp}, {name: main, image: main}]
    """.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n")
  }

  /// Waits for the pod that a controller makes, and says that it runs.
  private static func run(_ app: String, at address: String, _ stage: PodStage) async throws -> String {
    let pod = try await eventually("a pod of \(app)") {
      try await stage.client.list(.pod, namespace: stage.namespace).objects.first { $0.labels["app"] == app }
    }
    try await stage.say(pod.name, address: address)
    return pod.name
  }

  @Test("A pod that no Service selects is named after what it belongs to, which is looked up")
  func owners() async throws {
    let stage = try await Self.stage()
    let server = try await RunningCluster.shared().server
    func manifest(_ kind: String, _ app: String) -> String {
      """
      apiVersion: apps/v1
      kind: \(kind)
      metadata: {name: \(app), namespace: \(stage.namespace)}
      spec:
        selector: {matchLabels: {app: \(app)}}
        template:
      \(Self.template(app, stage))
      """
    }
    try await server.apply(manifest("Deployment", "web"))
    try await server.apply(manifest("ReplicaSet", "alone"))
    let template = Self.template("backup", stage, restartPolicy: "Never")
    try await server.apply(
      """
      apiVersion: batch/v1beta1
      kind: CronJob
      metadata: {name: backup, namespace: \(stage.namespace)}
      spec: {schedule: "0 0 1 1 *", suspend: true, jobTemplate: {spec: {template: {spec: {restartPolicy: Never,
        containers: [{name: main, image: main}]}}}}}
      """)
    let kind = KubernetesKind(
      group: "batch", version: "v1beta1", kind: "CronJob", plural: "cronjobs", isNamespaced: true)
    let cronJob = try await stage.client.get(kind, namespace: stage.namespace, name: "backup")
    try await server.apply(
      """
      apiVersion: batch/v1
      kind: Job
      metadata:
        name: backup-1
        namespace: \(stage.namespace)
        ownerReferences:
        - {apiVersion: batch/v1beta1, kind: CronJob, name: backup, uid: \(cronJob.uid), controller: true}
      spec:
        template:
      \(template)
      """)
    var names: [String: String] = [:]
    for (index, app) in ["web", "alone", "backup"].enumerated() {
      let pod = try await Self.run(app, at: "10.244.80.\(index)", stage)
      try await stage.expect(pod, "49151 \(app) tcp ")
      names[app] = pod
    }
    // The Deployment's name is not that of the pod's own owner.
    let web = try #require(names["web"])
    let pod = try await stage.client.get(.pod, namespace: stage.namespace, name: web)
    let owner = pod.metadata["ownerReferences"]?.array?.first
    #expect(owner?["kind"] == "ReplicaSet" && owner?["name"] != "web")

    let tags = try await stage.dataplane(web)?["spec"]?["networking"]?["inbound"]?.array?.first?["tags"]
    #expect(tags?["kuma.io/instance"]?.string == web && tags?["app"] == "web" && tags?["pod-template-hash"] != nil)
  }

  @Test("A gateway has the tags of its first Service and no inbounds; what no gateway can be is told in an event")
  func gateways() async throws {
    let stage = try await Self.stage()
    try await stage.serve("edge", app: "edge", .init(80, to: "web"))
    try await stage.run("edge", app: "edge", at: "10.244.81.1", annotations: ["kuma.io/gateway": "enabled"])
    func gateway(_ pod: String) async throws -> DocumentValue {
      try await eventually("the gateway of \(pod)") {
        try await stage.dataplane(pod)?["spec"]?["networking"]?["gateway"]
      }
    }
    let gateway = try await gateway("edge")
    #expect(gateway["tags"]?["kuma.io/service"]?.string == "edge_\(stage.namespace)_svc_80")
    #expect(gateway["tags"]?["kuma.io/protocol"] == nil)
    #expect(try await stage.dataplane("edge")?["spec"]?["networking"]?["inbound"] == nil)

    try await stage.run("wrong", app: "wrong", at: "10.244.81.2", annotations: ["kuma.io/gateway": "other"])
    try await stage.event(
      "FailedToGenerateKumaDataplane", about: "wrong", saying: "invalid delegated gateway type 'other'")
    try await stage.run("ingress", app: "wrong", at: "10.244.81.3", annotations: ["kuma.io/ingress": "enabled"])
    try await stage.event("FailedToGenerateKumaDataplane", about: "ingress", saying: "there are no zones here")
    #expect(try await stage.dataplane("wrong") == nil)
  }

  @Test("Probes, redirection and metrics of a pod stand in its Dataplane, which the webhook accepts")
  func sections() async throws {
    let stage = try await Self.stage()
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    let annotations = [
      "kuma.io/virtual-probes": "enabled", "kuma.io/virtual-probes-port": "9000",
      "kuma.io/transparent-proxying-reachable-services": "a_b_svc_80,c_d_svc_81",
      "kuma.io/direct-access-services": "*", "prometheus.metrics.kuma.io/port": "1234",
    ]
    var pod = stage.pod("web-1", app: "web", annotations: annotations)
    var containers = pod["spec"]?["containers"]?.array ?? []
    var main = containers.removeLast().object ?? [:]
    main["readinessProbe"] = ["httpGet": ["port": 9000, "path": "/8080/ready"]]
    main["livenessProbe"] = ["httpGet": ["port": 8443, "path": "/", "scheme": "HTTPS"]]
    var spec = pod["spec"]?.object ?? [:]
    spec["containers"] = .array(containers + [.object(main)])
    pod["spec"] = .object(spec)
    _ = try await stage.client.create(.pod, pod)
    try await stage.say("web-1", address: "10.244.82.1")
    try await stage.expect("web-1", "8080 web_80 http ")
    let dataplane = try await stage.dataplane("web-1")
    let expected: DocumentValue = [
      "redirectPortInbound": 15006, "redirectPortOutbound": 15001, "directAccessServices": ["*"],
      "reachableServices": ["a_b_svc_80", "c_d_svc_81"], "ipFamilyMode": "DualStack",
    ]
    let redirection = dataplane?["spec"]?["networking"]?["transparentProxying"]
    #expect(redirection?.sortedByKey() == expected.sortedByKey())
    let probes: DocumentValue = [
      "port": 9000, "endpoints": [["inboundPort": 8080, "inboundPath": "/ready", "path": "/8080/ready"]],
    ]
    #expect(dataplane?["spec"]?["probes"]?.sortedByKey() == probes.sortedByKey())
    #expect(dataplane?["spec"]?["metrics"]?["conf"]?["port"]?.number == 1234)
  }

  @Test("Services that do not count make no inbounds, and begin to when they do")
  func ignoredServices() async throws {
    let stage = try await Self.stage()
    let server = try await RunningCluster.shared().server
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    try await stage.serve("hidden", app: "web", .init(81, to: "web"))
    try await server.succeed(
      ["annotate", "service", "hidden", "kuma.io/ignore=enabled", "--namespace", stage.namespace])
    try await server.apply(
      """
      apiVersion: v1
      kind: Service
      metadata: {name: external, namespace: \(stage.namespace)}
      spec: {type: ExternalName, externalName: example.com, selector: {app: web}, ports: [{port: 82}]}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: selectorless, namespace: \(stage.namespace)}
      spec: {ports: [{port: 83}]}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: datagrams, namespace: \(stage.namespace)}
      spec: {selector: {app: web}, ports: [{port: 84, protocol: UDP}]}
      """)
    try await stage.run("web-1", app: "web", at: "10.244.83.1")
    try await stage.expect("web-1", "8080 web_80 http ")
    try await server.succeed(["annotate", "service", "hidden", "kuma.io/ignore-", "--namespace", stage.namespace])
    try await stage.expect("web-1", "8080 hidden_81 http ", "8080 web_80 http ")
  }

  @Test("A namespace that is deleted goes with its pods and Dataplanes, and nothing is made in it any more")
  func deletedNamespace() async throws {
    let stage = try await Self.stage()
    let server = try await RunningCluster.shared().server
    try await stage.serve("web", app: "web", .init(80, to: "web"))
    // The node keeps its pod, and with it the namespace.
    try await stage.run("web-1", app: "web", at: "10.244.84.1", node: "node-84")
    try await stage.expect("web-1", "8080 web_80 http ")
    try await server.succeed(["delete", "namespace", stage.namespace, "--wait=false"])
    try await eventually("the pod terminates") {
      try await stage.client.get(.pod, namespace: stage.namespace, name: "web-1").isBeingDeleted
    }
    try await stage.expectNoDataplane("web-1")
    try await stage.say("web-1", address: "10.244.84.2")
    try await stage.delete("web-1", isForced: true)
    try await eventually(deadline: .seconds(90), "the end of the namespace") {
      try await !stage.client.list(.namespace).objects.contains { $0.name == stage.namespace }
    }
  }
}
