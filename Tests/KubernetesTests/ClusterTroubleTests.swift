import Foundation
import KubernetesTestSupport
import MeshModel
import ProxySimulation
import TestSupport
import Testing

/// A cluster that is away, closed, or without the custom resources: the control plane says what is wrong and what to do, goes on
/// when it is mended, and loses nothing.
@Suite(.onKubernetes, .heavy) struct ClusterTroubleTests {
  // MARK: Away

  @Test func controlPlaneWaitsForTheAPIServer() async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let relay = try await CuttableRelay.start(before: server.port)
    relay.behave(.refuses)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: try server.kubeconfig(port: relay.port), systemNamespace: try await server.makeNamespace("system"))
    try controlPlane.launch()

    let address = "https://127.0.0.1:\(relay.port)"
    try await controlPlane.line(with: "cannot", address)
    let ready = try await eventually("an answer of /ready") { try await controlPlane.ready() }
    #expect(ready.status == 503)
    #expect(ready.text.contains(address), "\(ready)")
    #expect(controlPlane.exitStatus == nil)

    relay.behave(.passes)
    try await eventually("readiness") { try await controlPlane.ready()?.status == 200 }
    await controlPlane.stop()
    await relay.stop()
  }

  @Test func proxiesKeepTheirConfigurationWhileTheAPIServerIsAway() async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let (mesh, namespace) = ("away-\(UUID().uuidString.prefix(6).lowercased())", try await server.makeNamespace("away"))
    try await server.apply(Self.mesh(mesh, path: "first"))
    try await server.apply(Self.policyAndProxy(mesh, namespace))
    let relay = try await CuttableRelay.start(before: server.port)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: try server.kubeconfig(port: relay.port), systemNamespace: try await server.makeNamespace("system"))
    try await controlPlane.start()
    let fleet = ProxyFleet(
      nodeIDs: ["\(mesh).web.\(namespace)"], settings: ProxyFleet.Settings(port: controlPlane.ports.dataplane))
    let running = Task { await fleet.run() }
    func holds(_ text: String) -> Bool { Self.holds(fleet, text) }
    try await eventually("the first configuration") { holds("/first") }

    relay.behave(.refuses)
    relay.cut()
    try await eventually("not ready") { try await controlPlane.ready()?.status == 503 }
    let ready = try #require(try await controlPlane.ready())
    #expect(ready.text.contains("127.0.0.1:\(relay.port)"), "\(ready)")
    // It comes back and gets what it had, from what the control plane knows.
    let streams = fleet.proxies[0].streams
    fleet.disconnect("\(mesh).web.\(namespace)")
    try await eventually("the next stream") { fleet.proxies[0].streams > streams && fleet.proxies[0].isConnected }
    #expect(try await controlPlane.get("/meshes/\(mesh)/traffic-traces")["total"] == 1)
    #expect(holds("/first"))

    // What is written meanwhile arrives when the server is back.
    try await server.apply(Self.mesh(mesh, path: "second"))
    relay.behave(.passes)
    try await eventually("the second configuration") { holds("/second") }
    try await eventually("readiness") { try await controlPlane.ready()?.status == 200 }
    running.cancel()
    await running.value
    await controlPlane.stop()
    await relay.stop()
    try await Self.remove(server, mesh, namespace)
  }

  @Test func whatIsWrittenWithoutAControlPlaneIsFoundAfterwards() async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let (mesh, namespace) = ("gone-\(UUID().uuidString.prefix(6).lowercased())", try await server.makeNamespace("gone"))
    try await server.apply(Self.mesh(mesh, path: "first"))
    let controlPlane = try await ControlPlaneOnKubernetes.start(server)
    await controlPlane.kill()
    try await server.apply(Self.policyAndProxy(mesh, namespace))
    try await server.apply(Self.mesh(mesh, path: "second"))
    try await controlPlane.start()
    let fleet = ProxyFleet(
      nodeIDs: ["\(mesh).web.\(namespace)"], settings: ProxyFleet.Settings(port: controlPlane.ports.dataplane))
    let running = Task { await fleet.run() }
    try await eventually("the second configuration") { Self.holds(fleet, "/second") }
    running.cancel()
    await running.value
    await controlPlane.stop()
    try await Self.remove(server, mesh, namespace)
  }

  // MARK: Closed

  @Test func missingRightsAreNamedAndTakenWhenTheyAreGiven() async throws {
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let system = try await server.makeNamespace("system")
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: try server.kubeconfig(context: "nobody"), systemNamespace: system)
    try controlPlane.launch()
    for kind in ["meshes", "traffictraces", "dataplanes", "dataplaneinsights"] {
      try await controlPlane.line(with: "give the user \"nobody\" the verb \"list\" on \"\(kind).kuma.io\"")
    }
    let ready = try await eventually("an answer of /ready") { try await controlPlane.ready() }
    #expect(ready.status == 503)
    #expect(ready.text.contains("give the user \"nobody\" the verb \"list\""), "\(ready)")

    let binding = "trouble-\(UUID().uuidString.prefix(6).lowercased())"
    try await server.succeed(
      ["create", "clusterrolebinding", binding, "--clusterrole=cluster-admin", "--user=nobody"])
    try await eventually("readiness") { try await controlPlane.ready()?.status == 200 }
    try await server.succeed(["delete", "clusterrolebinding", binding])
    await controlPlane.stop()
  }

  // MARK: Without custom resources

  @Test func customResourcesMayComeLater() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    do {
      let controlPlane = try ControlPlaneOnKubernetes(
        kubeconfig: server.kubeconfig, systemNamespace: try await server.makeNamespace("system"))
      try controlPlane.launch()
      let remedy = "install the custom resources: kumactl install crds | kubectl apply -f -"
      try await controlPlane.line(with: "meshes.kuma.io", remedy)
      let ready = try await eventually("an answer of /ready") { try await controlPlane.ready() }
      #expect(ready.status == 503)
      #expect(ready.text.contains(remedy), "\(ready)")

      // Those of Kuma 2.7 have no status, so the same sentences are events.
      try await server.installCustomResourcesOfKuma()
      try await eventually("readiness") { try await controlPlane.ready()?.status == 200 }
      try await server.apply(Self.mesh("older", path: "first"))
      try await server.apply(Self.policyAndProxy("older", "default", backend: "misspelt"))
      let event = try await eventually("an event of the policy") {
        let events = try await server.succeed(
          [
            "get", "events", "-A", "--field-selector", "involvedObject.kind=TrafficTrace,involvedObject.name=older",
            "-o", "jsonpath={.items[*].message}",
          ])
        return events.contains("misspelt") ? events : nil
      }
      #expect(event.contains("\"misspelt\""))
      #expect(
        try await server.succeed(["get", "traffictrace", "older", "-o", "jsonpath={.status}"]).isEmpty)
      #expect(controlPlane.exitStatus == nil)
      await controlPlane.stop()
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  // MARK: Documents

  /// A mesh with a backend.
  static func mesh(_ name: String, path: String) -> String {
    """
    apiVersion: kuma.io/v1alpha1
    kind: Mesh
    metadata:
      name: \(name)
    spec:
      tracing:
        defaultBackend: zipkin
        backends:
        - name: zipkin
          type: zipkin
          conf:
            url: http://127.0.0.1:9411/\(path)
    """
  }

  /// A policy for all proxies, named like the mesh, and one proxy.
  static func policyAndProxy(_ mesh: String, _ namespace: String, backend: String = "zipkin") -> String {
    """
    apiVersion: kuma.io/v1alpha1
    kind: TrafficTrace
    mesh: \(mesh)
    metadata:
      name: \(mesh)
    spec:
      selectors:
      - match:
          kuma.io/service: '*'
      conf:
        backend: \(backend)
    ---
    apiVersion: kuma.io/v1alpha1
    kind: Dataplane
    mesh: \(mesh)
    metadata:
      name: web
      namespace: \(namespace)
    spec:
      networking:
        address: 127.0.0.1
        inbound:
        - port: 18080
          servicePort: 8080
          tags:
            kuma.io/service: web
            kuma.io/protocol: http
    """
  }

  /// Whether the first proxy has a listener that holds a text, such as the path of a collector.
  static func holds(_ fleet: ProxyFleet, _ text: String) -> Bool {
    fleet.ask { proxies in
      proxies[0].held[SimulatedType.listeners]?.contents.values.contains {
        String(decoding: $0, as: UTF8.self).contains(text)
      } ?? false
    }
  }

  private static func remove(_ server: KubernetesServer, _ mesh: String, _ namespace: String) async throws {
    try await server.succeed(["delete", "traffictrace,mesh", mesh, "--ignore-not-found"])
    try await server.succeed(["delete", "namespace", namespace, "--wait=false"])
  }
}
