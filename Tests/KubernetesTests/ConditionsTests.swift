import Documents
import KubernetesAPI
import KubernetesTestSupport
import Logging
import OrderedCollections
import Synchronization
import TestSupport
import Testing

/// What the objects of a cluster say of themselves, and what the HTTP API says of them.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct ConditionsTests {
  @Test("A policy's status follows its life: misspelt, without proxies, programmed, overshadowed, free again")
  func life() async throws {
    let cluster = try await RunningCluster.shared()
    let server = cluster.server
    let name = RunningCluster.name("life")
    let namespace = try await server.makeNamespace("conditions")
    try await server.apply(RunningCluster.mesh(name))
    try await server.apply(RunningCluster.policy(name, mesh: name, backend: "span"))
    let misspelt = try await Self.wait(for: "Programmed", "BackendNotFound", of: name, on: server)
    #expect(misspelt["status"] == "False" && misspelt["observedGeneration"] == 1)
    #expect(misspelt["message"]?.string?.contains("did you mean \"spans\"? Nothing will be traced.") == true)
    let accepted = try await Self.wait(for: "Accepted", "Accepted", of: name, on: server)
    #expect(accepted["status"] == "True" && accepted["message"] == "The TrafficTrace is valid.")

    try await server.apply(RunningCluster.policy(name, mesh: name))
    let alone = try await Self.wait(for: "Programmed", "NoDataplanes", of: name, on: server)
    #expect(alone["observedGeneration"] == 2)
    #expect(alone["lastTransitionTime"] == misspelt["lastTransitionTime"])

    try await server.apply(
      RunningCluster.dataplane("web-1", namespace: namespace, mesh: name, service: "web"))
    // The real kubectl's own way to wait.
    try await server.succeed([
      "wait", "--for=condition=Programmed", "--timeout=180s", "traffictrace/\(name)", "mesh/\(name)",
    ])
    let programmed = try await Self.wait(for: "Programmed", "Programmed", of: name, on: server)
    #expect(
      programmed["message"]?.string
        == "TrafficTrace \"\(name)\" applies to 1 data plane proxy, which sends spans to the tracing backend \"spans\"."
    )

    let special = RunningCluster.policy("\(name)-special", mesh: name).replacing("'*'", with: "web")
    try await server.apply(special)
    let conflict = try await Self.wait(for: "Conflicted", "Overshadowed", of: name, on: server)
    #expect(conflict["message"]?.string?.contains("\"\(name)-special\"") == true)
    #expect(try await Self.conditions(of: name, on: server).count == 3)
    try await server.succeed(["delete", "traffictrace", "\(name)-special"])
    try await eventually("no conflict") {
      let conditions = try await Self.conditions(of: name, on: server)
      return conditions.count == 2 && conditions.allSatisfy { $0["status"] == "True" }
    }

    // kubectl's columns show it, and describe has the sentences.
    let described = try await server.succeed(["describe", "traffictrace", name])
    #expect(described.contains("Programmed") && described.contains("applies to 1 data plane proxy"))
  }

  @Test("Proxies that come and go are few writes of a status, and a quiet mesh is none")
  func fewWrites() async throws {
    let cluster = try await RunningCluster.shared()
    let server = cluster.server
    let name = RunningCluster.name("storm")
    let namespace = try await server.makeNamespace("storm")
    try await server.apply(RunningCluster.mesh(name))
    try await server.apply(RunningCluster.policy(name, mesh: name))
    try await server.apply(
      RunningCluster.dataplane("web-0", namespace: namespace, mesh: name, service: "web"))
    _ = try await Self.wait(for: "Programmed", "Programmed", of: name, on: server)

    let client = KubernetesClient(
      access: try .kubeconfig(path: server.kubeconfig), userAgent: "tests", logger: Logger(label: "tests"))
    let kind = KubernetesKind(
      group: "kuma.io", version: "v1alpha1", kind: "Dataplane", plural: "dataplanes", isNamespaced: true)
    let policies = KubernetesKind(
      group: "kuma.io", version: "v1alpha1", kind: "TrafficTrace", plural: "traffictraces", isNamespaced: false)
    var proxy = try await client.get(kind, namespace: namespace, name: "web-0")
    proxy.metadata = ["name": "web-1", "namespace": .string(namespace)]
    let before = try await client.get(policies, name: name).resourceVersion

    let seen = Mutex<Set<String>>([])
    let watching = Task {
      try await client.watch(policies, name: name, from: before) { events in
        for case .modified(let object) in events { seen.withLock { _ = $0.insert(object.resourceVersion) } }
      }
    }
    let turns = 60
    for _ in 0..<turns {
      _ = try await client.create(kind, proxy)
      try await client.delete(kind, namespace: namespace, name: "web-1")
    }
    // The last word is the true one.
    proxy.metadata["name"] = "web-2"
    _ = try await client.create(kind, proxy)
    try await eventually("the number of proxies in the status") {
      try await Self.condition("Programmed", of: name, on: server)?["message"]?.string?
        .contains("applies to 2 data plane proxies") == true
    }
    watching.cancel()
    #expect(seen.withLock { $0.count } < turns / 2)

    // A write that changes nothing for a policy does not reach its status.
    let quiet = try await client.get(policies, name: name).resourceVersion
    try await server.succeed(["annotate", "mesh", name, "note=\(name)"])
    try await eventually("the annotation in the API") {
      try await cluster.controlPlane.get("/meshes/\(name)?format=k8s")["metadata"]?["annotations"]?["note"]?.string
        == name
    }
    #expect(try await client.get(policies, name: name).resourceVersion == quiet)
  }

  @Test("The HTTP API reads only, shows objects as they are stored, and says where it runs")
  func api() async throws {
    let cluster = try await RunningCluster.shared()
    let (server, controlPlane) = (cluster.server, cluster.controlPlane)
    let name = RunningCluster.name("api")
    let namespace = try await server.makeNamespace("api")
    try await server.apply(RunningCluster.mesh(name))
    try await server.apply(
      RunningCluster.dataplane("web-1", namespace: namespace, mesh: name, service: "web"))
    let path = "/meshes/\(name)/dataplanes/web-1.\(namespace)"
    try await eventually("the Dataplane") {
      try await controlPlane.answer(port: controlPlane.ports.api, path)?.status == 200
    }
    #expect(try await controlPlane.get(path)["name"]?.string == "web-1.\(namespace)")
    for form in ["k8s", "kubernetes"] {
      let shown = try await controlPlane.get("\(path)?format=\(form)")
      let text = try await server.succeed(["get", "dataplane", "web-1", "-n", namespace, "-o", "json"])
      let stored = try DocumentValue(json: Array(text.utf8))
      #expect(shown["metadata"]?["uid"] == stored["metadata"]?["uid"])
      #expect(shown["metadata"]?["resourceVersion"] == stored["metadata"]?["resourceVersion"])
      #expect(shown["metadata"]?["namespace"]?.string == namespace)
      #expect(shown["metadata"]?["managedFields"] == nil)
      #expect(shown["spec"] == stored["spec"])
    }
    for (arguments, input) in [
      (["apply", "-f", "-"], "{type: Mesh, name: \(name)}"),
      (["delete", "dataplane", "web-1.\(namespace)", "-m", name], nil),
    ] {
      let refused = try await Self.kumactl(arguments, at: controlPlane, input: input)
      #expect(!refused.isSuccess)
      #expect(
        refused.errors.contains("On Kubernetes you cannot change the state of Kuma resources with 'kumactl apply'"),
        "\(refused)")
    }
    let configuration = try await controlPlane.get("/config")
    #expect(configuration["environment"] == "kubernetes")
    #expect(configuration["store"]?["type"] == "kubernetes")
    #expect(configuration["apiServer"]?["readOnly"] == true)
    #expect(try await controlPlane.get("/policies")["policies"]?.array?.first?["readOnly"] == true)
    try await eventually("the cluster's id") {
      let id = try await server.kubectl(
        .newest, "get", "configmap", "kuma-cluster-id", "-n", controlPlane.systemNamespace, "-o",
        "jsonpath={.data.config}")
      let shown = try await controlPlane.get("/")["clusterId"]?.string
      return !id.output.isEmpty && shown == id.output
    }
  }

  // MARK: Reading

  private static func kumactl(
    _ arguments: [String], at controlPlane: ControlPlaneOnKubernetes, input: String?
  ) async throws -> KubernetesPrograms.Output {
    let folder = try TemporaryFolder()
    let configuration = folder.file("kumactl")
    let add = try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"),
      [
        "--config-file", configuration, "config", "control-planes", "add", "--name", "tests", "--address",
        "http://127.0.0.1:\(controlPlane.ports.api)",
      ])
    #expect(add.isSuccess, "\(add)")
    return try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"), ["--config-file", configuration] + arguments, input: input)
  }

  static func conditions(of policy: String, on server: KubernetesServer) async throws -> [DocumentValue] {
    let text = try await server.succeed(["get", "traffictrace", policy, "-o", "json"])
    return try DocumentValue(json: Array(text.utf8))["status"]?["conditions"]?.array ?? []
  }

  static func condition(_ type: String, of policy: String, on server: KubernetesServer) async throws -> DocumentValue? {
    try await conditions(of: policy, on: server).first { $0["type"]?.string == type }
  }

  /// Waits until a policy has a condition for a reason.
  static func wait(
    for type: String, _ reason: String, of policy: String, on server: KubernetesServer
  ) async throws -> DocumentValue {
    try await eventually("the condition \(type) \(reason) of \(policy)") {
      guard let condition = try await condition(type, of: policy, on: server) else { return nil }
      return condition["reason"]?.string == reason ? condition : nil
    }
  }
}
