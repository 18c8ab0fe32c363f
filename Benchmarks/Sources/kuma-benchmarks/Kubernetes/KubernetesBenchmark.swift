import Foundation
import MeshClient
import MeshModel
import ProcessSupervisor
import ProxySimulation

/// A control plane on a real API server of Kubernetes: how soon proxies hold what kubectl applies, what two thousand
/// Dataplanes cost while nothing happens, and how soon a control plane that starts holds them.
enum KubernetesBenchmark {
  /// The control plane may be later than a bare watcher by this, in seconds.
  private static let lateness = 0.030
  /// Of one processor, while nothing happens.
  private static let idleShare = 0.005
  private static let namespace = "default"
  private static let many = 2_000

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    guard let kumactl = context.kumactl else {
      say("kubernetes is left out, as kumactl is missing; build it with `make release` or `make build`")
      return []
    }
    return try await KubernetesCluster.run(context) { cluster in
      try await cluster.install(kumactl: kumactl.path)
      let applied = try await applied(context, cluster)
      return try await applied + held(context, cluster)
    }
  }

  /// A control plane over a cluster. The simulated proxies have no tokens.
  static func controlPlane(_ context: BenchmarkContext, _ cluster: KubernetesCluster) throws -> ControlPlane {
    var ports = FreePorts()
    return try ControlPlane(
      context,
      settings: [
        "KUMA_ENVIRONMENT": "kubernetes", "KUMA_STORE_TYPE": "kubernetes", "KUBECONFIG": cluster.kubeconfig,
        "KUMA_DEFAULTS_SKIP_MESH_CREATION": "true", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none",
        "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT": "\(try ports.take())",
      ])
  }

  // MARK: kubectl apply

  /// From `kubectl apply` of a changed Mesh to the last of four proxies, and to a bare watcher.
  private static func applied(_ context: BenchmarkContext, _ cluster: KubernetesCluster) async throws -> [ResultRow] {
    let mesh = KubernetesMesh(fleet: FleetMesh(name: "four", proxies: 4, services: 4), namespace: namespace)
    try await cluster.command("apply", "-f", try cluster.file(mesh.shared(revision: 0), as: "four.json"))
    try await cluster.command("apply", "-f", try cluster.file(mesh.dataplanes, as: "proxies.json"))
    let controlPlane = try controlPlane(context, cluster)
    try await controlPlane.start()
    var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
    settings.isSecure = true
    let fleet = ProxyFleet(nodeIDs: mesh.nodeIDs, settings: settings)
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    try await poll("the proxies to hold their first configuration") { fleet.ask { $0.allSatisfy(\.isConfigured) } }
    let watcher = try BareWatcher(cluster, path: "/apis/kuma.io/v1alpha1/meshes")
    var (whole, late) = (Comparison(), Comparison())
    // The first is not counted.
    for revision in 1...context.size(41, quick: 11) {
      let file = try cluster.file(mesh.shared(revision: revision), as: "four.json")
      try await controlPlane.process.isQuiet()
      let start = ContinuousClock.now
      try await cluster.command("apply", "-f", file)
      let seen = try await watcher.time(ofEventWith: "/r\(revision)/spans")
      try await poll("the proxies to answer") {
        fleet.ask { proxies in proxies.allSatisfy { ($0.lastAnswer ?? start) > start } }
      }
      // Until nothing more is sent: the last answer is that to the last response.
      try await controlPlane.process.isQuiet()
      let last = fleet.ask { $0.compactMap(\.lastAnswer).max() } ?? .now
      guard revision > 1 else { continue }
      whole.add(value: (last - start) / .seconds(1), baseline: (seen - start) / .seconds(1))
      late.add(value: (last - seen) / .seconds(1), baseline: lateness)
    }
    await watcher.stop()
    running.cancel()
    await running.value
    await controlPlane.stop()
    return [
      ResultRow(
        "kubernetes", "kubectl apply, to the last answer of 4 proxies, wall", in: .seconds,
        against: "to the event of a bare watcher", whole),
      ResultRow(
        "kubernetes", "from the bare watcher's event to the last answer, wall", in: .seconds,
        against: "30 ms, the limit", late),
    ]
  }

  // MARK: Many Dataplanes

  /// What many Dataplanes cost while nothing happens, and how long a control plane needs to hold them.
  private static func held(_ context: BenchmarkContext, _ cluster: KubernetesCluster) async throws -> [ResultRow] {
    let mesh = KubernetesMesh(fleet: FleetMesh(name: "many", proxies: many), namespace: "many")
    try await cluster.command("create", "namespace", "many")
    try await cluster.command("apply", "-f", try cluster.file(mesh.shared(revision: 0), as: "mesh.json"))
    try await cluster.command("create", "-f", try cluster.file(mesh.dataplanes, as: "dataplanes.json"))
    let controlPlane = try controlPlane(context, cluster)
    let list = cluster.curl("/apis/kuma.io/v1alpha1/dataplanes")
    let env = ChildCommand("/usr/bin/env", list)
    let empty = try ControlPlane(context, settings: ["KUMA_STORE_TYPE": "memory"])

    /// From the start of the program until its API has all Dataplanes.
    func restart() async throws -> Double {
      let start = ContinuousClock.now
      try await controlPlane.start()
      try await poll("all Dataplanes") {
        try await controlPlane.client.list(.dataplane, mesh: "many", page: one).total == many
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      try await controlPlane.process.isQuiet()
      await controlPlane.stop()
      return seconds
    }
    /// The same program without a cluster, until it answers.
    func startAlone() async throws -> Double {
      let cost = try await Cost.of { try await empty.start() }
      await empty.stop()
      return cost.wall
    }
    var (whole, held) = (Comparison(), Comparison())
    _ = (try await restart(), try env.run(), try await startAlone())
    for _ in 0..<context.size(11, quick: 3) {
      let (before, program, seconds, after) = (
        try env.run().wall, try await startAlone(), try await restart(), try env.run().wall
      )
      let bare = (before + after) / 2
      whole.add(value: seconds, baseline: bare)
      held.add(value: max(0, seconds - program), baseline: bare)
    }
    return [
      ResultRow(
        "kubernetes", "a restart holds \(many) Dataplanes, with the program's start, wall", in: .seconds,
        against: "a bare list of them", whole),
      ResultRow(
        "kubernetes", "the same, less the start of the program without a store, wall", in: .seconds,
        against: "a bare list of them", held),
      try await idle(context, controlPlane),
    ]
  }

  private static let one = PageRequest(size: 1)

  /// Processor time while nothing happens.
  private static func idle(_ context: BenchmarkContext, _ controlPlane: ControlPlane) async throws -> ResultRow {
    try await controlPlane.start()
    try await poll("all Dataplanes") {
      try await controlPlane.client.list(.dataplane, mesh: "many", page: one).total == many
    }
    try await controlPlane.process.isQuiet()
    var shares = Comparison()
    for _ in 0..<context.size(5, quick: 2) {
      let (start, cpu) = (ContinuousClock.now, controlPlane.process.cpuSeconds)
      try await Task.sleep(for: .seconds(context.size(30, quick: 10)))
      let share = (controlPlane.process.cpuSeconds - cpu) / ((ContinuousClock.now - start) / .seconds(1))
      shares.add(value: share, baseline: idleShare)
    }
    await controlPlane.stop()
    return ResultRow(
      "kubernetes", "\(many) Dataplanes, idle, of one processor", in: .cores, against: "0.5 %, the limit", shares)
  }
}
