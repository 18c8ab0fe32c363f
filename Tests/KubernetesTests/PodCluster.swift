import Documents
import Foundation
import KubernetesTestSupport
import PodNetwork
import Synchronization
import TestSupport

/// A cluster whose pods get proxies and run on this machine: an API server, a control plane that asks proxies for the tokens of
/// their pods, its webhooks, and the programs of the images. Tests share one; each uses a mesh and a namespace of its own.
final class PodCluster: Sendable {
  let server: KubernetesServer
  let controlPlane: ControlPlaneOnKubernetes

  private init(_ cluster: RunningCluster) {
    server = cluster.server
    controlPlane = cluster.controlPlane
  }

  /// The one of this process. The control plane ends with the process.
  static func shared() async throws -> PodCluster { try await task.value }

  private static let task = Task {
    let server = try await KubernetesServer.shared(.pods)
    try await server.installCustomResources()
    let cluster = PodCluster(
      try await RunningCluster.start(
        on: server,
        settings: [
          "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "serviceAccountToken",
          // In a pod it listens on all addresses, and takes TLS for that reason.
          "KUMA_COLLECTOR_TLS_ENABLED": "true",
        ]))
    running.withLock { $0 = cluster }
    // Later than the server's own end, so that it runs before that.
    atexit { PodCluster.running.withLock { $0 }?.controlPlane.endAtExit() }
    return cluster
  }
  private static let running = Mutex<PodCluster?>(nil)

  /// Runs a test in a namespace whose pods get proxies of a mesh of the same name, without any policy yet.
  ///
  /// - Parameter asStrangers: whether the control plane sees the pods come from the network, as in a cluster. Otherwise they come
  ///   from loopback, where it asks nobody who is there.
  func run(asStrangers: Bool = false, _ body: (PodRig) async throws -> Void) async throws {
    let name = PodRig.name("mesh")
    let (controlPlane, server) = (controlPlane, server)
    try await PodRig.run(
      on: server, namespace: name, images: try Self.images(),
      settings: { settings, network in
        settings.hosts["kuma-control-plane.\(controlPlane.systemNamespace)"] = network.hostAddress
      },
      { rig in
        try await server.succeed(["label", "namespace", name, "kuma.io/sidecar-injection=enabled"])
        try await server.succeed(["annotate", "namespace", name, "kuma.io/mesh=\(name)"])
        try await rig.expose(controlPlane.ports.dataplane, asStranger: asStrangers)
        try await rig.expose(controlPlane.ports.collector, asStranger: asStrangers)
        try await server.apply(mesh(rig))
        // Admission reads meshes and namespaces as its watches have them.
        try await eventually("the mesh in the control plane") {
          try await controlPlane.answer(port: controlPlane.ports.api, "/meshes/\(name)")?.status == 200
        }
        do { try await body(rig) } catch {
          throw PodRig.Failure(description: "\(error)\n\(await rig.state())\n\(controlPlane.tail)")
        }
      })
    _ = try? await server.kubectl(.newest, "delete", "traffictrace,mesh", name, "--wait=false")
  }

  /// The Mesh of a rig, whose backend is the control plane's own collector, as pods reach it.
  func mesh(_ rig: PodRig, sampling: String = "100.0", more backends: String = "") -> String {
    let url = "http://\(rig.network.hostAddress):\(controlPlane.ports.collector)/api/v2/spans"
    return RunningCluster.mesh(rig.namespace, sampling: sampling, url: url) + backends
  }

  /// The programs of this project, and the real Envoy, as the images of the documents hold them.
  static func images() throws -> [String: ContainerImage] {
    guard let envoy = TestPrograms.envoyProgram else { throw PodRig.Failure(description: "there is no Envoy") }
    return [
      "kuma-dp": ContainerImage(
        files: ["/usr/bin/kuma-dp": try TestPrograms.path("kuma-dp"), "/usr/bin/envoy": envoy], entrypoint: ["kuma-dp"]),
      "kuma-init": ContainerImage(
        files: ["/usr/bin/kumactl": try TestPrograms.path("kumactl")], entrypoint: ["/usr/bin/kumactl"]),
      "kuma-demo": ContainerImage(
        files: ["/usr/bin/kuma-demo": try TestPrograms.path("kuma-demo")], entrypoint: ["kuma-demo"]),
    ]
  }

  /// The demo's four services, in a rig's namespace and mesh.
  static func demo(_ rig: PodRig) async throws -> String {
    let printed = try await KubernetesPrograms.run(
      try TestPrograms.path("kumactl"), ["install", "demo", "--namespace", rig.namespace, "--mesh", rig.namespace])
    guard printed.isSuccess else { throw PodRig.Failure(description: printed.errors) }
    return printed.output
  }

  // MARK: Spans

  /// The traces of requests to a path, as the control plane's collector has them: for each trace its spans.
  func traces(_ service: String) async throws -> [[DocumentValue]] {
    let query = "/api/v2/traces?serviceName=\(service)&limit=1000&lookback=3600000"
    guard let answer = try await controlPlane.answer(port: controlPlane.ports.collector, query), answer.status == 200
    else { return [] }
    return (try DocumentValue(json: Array(answer.text.utf8)).array ?? []).compactMap(\.array)
  }
}
