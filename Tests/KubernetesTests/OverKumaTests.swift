import Documents
import KubernetesTestSupport
import ProxySimulation
import TestSupport
import Testing

/// A cluster that Kuma 2.7 was installed in.
@Suite(.onKubernetes, .cluster, .timeLimit(.minutes(60))) struct OverKumaTests {
  @Test("Ours over Kuma's custom resources: nothing is lost, before and after ours are installed")
  func upgrade() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    var failure: (any Error)?
    do { try await Self.upgrade(server) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func upgrade(_ server: KubernetesServer) async throws {
    try await server.installCustomResourcesOfKuma()
    let namespace = try await server.makeNamespace("shop")
    // Sections of Kuma's that have no meaning here, and an insight that Kuma wrote.
    let mesh =
      RunningCluster.mesh("shop") + "\n  metrics:\n    backends:\n    - name: prometheus\n      type: prometheus\n"
    let insight = """
      apiVersion: kuma.io/v1alpha1
      kind: DataplaneInsight
      mesh: shop
      metadata: {name: web-1, namespace: \(namespace)}
      status:
        subscriptions: [{id: kumas, controlPlaneInstanceId: kuma-cp-1, connectTime: "2024-05-01T10:00:00Z"}]
      """
    let dataplane = RunningCluster.dataplane("web-1", namespace: namespace, mesh: "shop", service: "web")
    for document in [mesh, RunningCluster.policy("traced", mesh: "shop"), dataplane, insight] {
      try await server.apply(document)
    }
    let kinds = ["meshes", "traffictraces", "dataplanes"]
    let before = try await stored(kinds, on: server)
    let list = try await server.succeed(["get", "traffictraces", "-o", "custom-columns=NAME:.metadata.name,MESH:.mesh"])

    let controlPlane = try await ControlPlaneOnKubernetes.start(server)
    try await withProxies(["web-1.\(namespace)"], mesh: "shop", at: controlPlane) { fleet in
      try await fleet.waitForAll(toHold: "tracing:spans")
      // There is no status yet, so what is wrong is told in events.
      try await server.apply(RunningCluster.policy("misspelt", mesh: "shop", backend: "span"))
      try await eventually("an event about the policy") {
        try await server.succeed(["get", "events", "-A", "-o", "jsonpath={.items[*].message}"])
          .contains("did you mean \"spans\"?")
      }
      try await server.succeed(["delete", "traffictrace", "misspelt"])

      let printed = try await KubernetesPrograms.run(try TestPrograms.path("kumactl"), ["install", "crds"])
      #expect(printed.isSuccess, "\(printed)")
      let installed = try await server.succeed(["apply", "-f", "-"], input: printed.output).split(separator: "\n")
      #expect(installed.count == 4 && installed.allSatisfy { $0.hasSuffix(" configured") }, "\(installed)")
      let again = try await server.succeed(["apply", "-f", "-"], input: printed.output).split(separator: "\n")
      #expect(again.count == 4 && again.allSatisfy { $0.hasSuffix(" unchanged") }, "\(again)")

      // The running control plane goes on, and writes conditions now.
      try await server.apply(mesh.replacing("sampling: 100.0", with: "sampling: 12.5"))
      try await fleet.waitForAll(toSample: 12.5)
      try await eventually("the conditions") {
        try await server.succeed(["get", "traffictrace", "traced", "-o", "jsonpath={.status.conditions[*].type}"])
          .contains("Accepted")
      }
      try await server.apply(mesh)
      try await fleet.waitForAll(toSample: 100)
    }
    #expect(
      try await server.succeed(["get", "traffictraces", "-o", "custom-columns=NAME:.metadata.name,MESH:.mesh"]) == list)
    #expect(try await stored(kinds, on: server) == before)
    await controlPlane.stop()
  }

  /// The specs of all objects of some kinds, by kind, namespace and name.
  private static func stored(_ kinds: [String], on server: KubernetesServer) async throws -> [String: DocumentValue] {
    var specs: [String: DocumentValue] = [:]
    let text = try await server.succeed(["get", kinds.joined(separator: ","), "-A", "-o", "json"])
    for item in try DocumentValue(json: Array(text.utf8))["items"]?.array ?? [] {
      let metadata = item["metadata"]
      let key = [item["kind"], metadata?["namespace"], metadata?["name"]].map { $0?.string ?? "" }
      specs[key.joined(separator: "/")] = .array([item["spec"] ?? .null, item["mesh"] ?? .null])
    }
    return specs
  }
}
