import Foundation
import MeshModel
import ProcessSupervisor
import ProxySimulation

/// Pods that restart on a real API server of Kubernetes: for how long callers hold the address of a pod that is gone, and what
/// many pods cost.
///
/// The benchmark plays the scheduler and the kubelet. Two control planes serve the callers, and one of them leads.
enum PodBenchmark {
  /// For how long an address may be held after the event of the API server, in seconds.
  private static let limit = 0.100
  /// How often the Dataplane of a pod is written: the pod has an address, it ends, it is gone.
  private static let writesPerPod = 3.0
  private static let callers = 10
  private static let batch = 25
  private static let namespace = "shop"
  private static let mesh = "default"

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    guard let kumactl = context.kumactl else {
      say("pods is left out, as kumactl is missing; build it with `make release` or `make build`")
      return []
    }
    return try await KubernetesCluster.run(context) { cluster in
      try await cluster.install(kumactl: kumactl.path)
      try await cluster.command("create", "namespace", namespace)
      try await cluster.command("create", "serviceaccount", "default", "--namespace", namespace)
      try await cluster.command("apply", "-f", try cluster.file(objects, as: "objects.json"))
      let scene = try await Scene(context, cluster)
      let running = scene.sides.map(\.fleet).map { fleet in Task { await fleet.run() } }
      defer { for task in running { task.cancel() } }
      let rows = try await rolling(scene, count: context.size(500, quick: 100))
      let all = try await together(scene, count: context.size(2_000, quick: 300))
      for task in running { task.cancel() }
      await scene.stop()
      return rows + all
    }
  }

  // MARK: The scene

  /// A control plane with proxies.
  private struct Side {
    let controlPlane: ControlPlane
    let fleet: ProxyFleet
    let addresses: HeldAddresses
  }

  /// Two control planes with ten callers of the pods each, and ten proxies that do not call them. The first one leads.
  private struct Scene {
    let stage: PodStage
    let writes: KubernetesEvents
    let events: KubernetesEvents
    let sides: [Side]

    init(_ context: BenchmarkContext, _ cluster: KubernetesCluster) async throws {
      stage = PodStage(cluster, namespace: namespace)
      writes = try KubernetesEvents(cluster, path: "/apis/kuma.io/v1alpha1/namespaces/\(namespace)/dataplanes")
      events = try KubernetesEvents(cluster, path: "/api/v1/namespaces/\(namespace)/pods")
      var sides: [Side] = []
      for side in 0..<2 {
        var names: [String] = []
        for (kind, network) in [("caller", 60), ("silent", 70)] {
          let pods = (0..<callers).map {
            PodStage.Pod("\(kind)-\(side)-\($0)", kind, "10.244.\(network + side).\($0)")
          }
          try await stage.start(pods)
          names += pods.map(\.name)
        }
        let controlPlane = try KubernetesBenchmark.controlPlane(context, cluster)
        try await controlPlane.start()
        var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
        settings.isSecure = true
        let fleet = ProxyFleet(nodeIDs: names.map { "\(mesh).\($0).\(namespace)" }, settings: settings)
        sides.append(Side(controlPlane: controlPlane, fleet: fleet, addresses: HeldAddresses(fleet)))
      }
      self.sides = sides
    }

    /// Makes pods and waits until all callers know them, and them alone.
    func start(_ pods: [PodStage.Pod]) async throws {
      try await stage.start(pods)
      try await wait(for: pods)
      try await poll("the Dataplanes") { writes.present.count == pods.count + 4 * callers }
    }

    /// Waits until all callers hold the addresses of pods, and no others.
    func wait(for pods: [PodStage.Pod]) async throws {
      let wanted = Set(pods.map(\.address))
      try await poll("the addresses of \(wanted.count) pods at their callers") {
        sides.allSatisfy { $0.addresses.held() == wanted && $0.fleet.ask { $0.allSatisfy(\.isConfigured) } }
      }
    }

    /// Waits until nothing is left to do but to write events.
    func rest() async throws {
      var last = costs
      try await poll("the control planes to come to rest", every: .milliseconds(500)) {
        defer { last = costs }
        return zip(costs, last).allSatisfy { $0 - $1 < 0.01 }
      }
    }

    /// The processor time of each control plane.
    var costs: [Double] { sides.map { $0.controlPlane.process.cpuSeconds } }

    /// How many responses each of the proxies has that do not call the pods.
    var silentResponses: [[Int]] { sides.map { $0.fleet.ask { $0.filter(\.isSilent).map(\.responses) } } }

    func stop() async {
      for side in sides.reversed() { await side.controlPlane.stop() }
      for watcher in [writes, events] { await watcher.stop() }
    }
  }

  // MARK: A rolling restart

  private static func rolling(_ scene: Scene, count: Int) async throws -> [ResultRow] {
    let (old, new) = (pods("old", network: 100, count), pods("new", network: 200, count))
    try await scene.start(old)
    try await scene.rest()
    let silent = scene.silentResponses
    var late = scene.sides.map { _ in Comparison() }
    for begin in stride(from: 0, to: count, by: batch) {
      let indices = begin..<min(count, begin + batch)
      let ending = Array(old[indices])
      try await scene.stage.start(Array(new[indices]))
      try await scene.stage.delete(ending.map(\.name), grace: 30)
      var waiting = scene.sides.map { _ in ending }
      try await poll("the callers to forget the addresses", every: .milliseconds(1)) {
        for (number, side) in scene.sides.enumerated() where !waiting[number].isEmpty {
          let held = side.addresses.held()
          waiting[number].removeAll { pod in
            guard !held.contains(pod.address), let event = scene.events.end(of: pod.name) else { return false }
            late[number].add(value: max(0, (side.addresses.lastAnswer - event) / .seconds(1)), baseline: limit)
            return true
          }
        }
        return waiting.allSatisfy(\.isEmpty)
      }
      // Those with a node stay until the kubelet lets them go.
      try await scene.stage.delete(ending.filter { $0.node != nil }.map(\.name), grace: 0)
    }
    try await scene.wait(for: new)
    try BenchmarkFailure.unless(
      scene.silentResponses == silent, "proxies that call none of the pods were sent something")
    try await scene.stage.delete(new.map(\.name), grace: 0)
    return zip(["the leader's", "another control plane's"], late).flatMap { name, late in
      [
        ResultRow(
          "pods", "\(count) pods restart, \(batch) at a time: event to the last of \(name) \(callers) callers, wall",
          in: .seconds, against: "100 ms, the limit", late),
        ResultRow(
          "pods", "the same, the slowest of a hundred, wall", in: .seconds, against: "100 ms, the limit",
          Comparison(values: [late.values.quantile(0.99)], baselines: [limit])),
      ]
    }
  }

  // MARK: All at once

  private static func together(_ scene: Scene, count: Int) async throws -> [ResultRow] {
    let (first, second) = (pods("first", network: 120, count), pods("second", network: 160, count))
    try await scene.start(first)
    try await scene.rest()
    let (costs, writes, start) = (scene.costs, scene.writes.count, ContinuousClock.now)
    for begin in stride(from: 0, to: count, by: 100) {
      let indices = begin..<min(count, begin + 100)
      try await scene.stage.delete(first[indices].map(\.name), grace: 30)
      try await scene.stage.start(Array(second[indices]))
    }
    try await scene.stage.delete(first.filter { $0.node != nil }.map(\.name), grace: 0)
    let requests = (ContinuousClock.now - start) / .seconds(1)
    try await scene.wait(for: second)
    let whole = (ContinuousClock.now - start) / .seconds(1)
    try await poll("the new Dataplanes") { scene.writes.present.count == count + 4 * callers }
    try await scene.rest()
    let written = Double(scene.writes.count - writes) / Double(count)
    let cost = zip(scene.costs, costs).map { ($0 - $1) / Double(count) }
    return [
      ResultRow(
        "pods", "\(count) pods restart at once, to the last caller with the new addresses alone, wall", in: .seconds,
        against: "the kubelets' requests", Comparison(values: [whole], baselines: [requests])),
      ResultRow(
        "pods", "\(count) pods restart at once, writes of Dataplanes per pod", in: .count, against: "start, end, gone",
        Comparison(values: [written], baselines: [writesPerPod])),
      ResultRow(
        "pods", "\(count) pods restart at once, CPU of the leader per pod", in: .seconds,
        against: "the other control plane's", Comparison(values: [cost[0]], baselines: [cost[1]])),
    ]
  }

  // MARK: Objects

  private static func pods(_ group: String, network: Int, _ count: Int) -> [PodStage.Pod] {
    (0..<count).map { index in
      PodStage.Pod(
        "\(group)-\(index)", "web", "10.244.\(network + index / 100).\(100 + index % 100)",
        node: index.isMultiple(of: 2) ? "node" : nil)
    }
  }

  private static var objects: [DocumentValue] {
    let services = ["web", "silent"].map { name -> DocumentValue in
      [
        "apiVersion": "v1", "kind": "Service",
        "metadata": ["name": .string(name), "namespace": .string(namespace)],
        "spec": [
          "selector": ["app": .string(name)],
          "ports": [["name": "http", "port": 80, "targetPort": 8080, "appProtocol": "http"]],
        ],
      ]
    }
    return services + [
      ["apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": ["name": .string(mesh)], "spec": [:]]
    ]
  }
}

extension ProxyFleet.Proxy {
  /// Whether it calls none of the pods that restart.
  fileprivate var isSilent: Bool { nodeID.contains(".silent-") }
}

/// The addresses of pods that all callers of a fleet hold.
private final class HeldAddresses {
  private let fleet: ProxyFleet
  private var responses = -1
  private var addresses: Set<String> = []
  /// When the last caller answered.
  private(set) var lastAnswer = ContinuousClock.now

  init(_ fleet: ProxyFleet) { self.fleet = fleet }

  /// The addresses that at least one caller holds.
  func held() -> Set<String> {
    let (responses, last, contents) = fleet.ask { proxies in
      let callers = proxies.filter { !$0.isSilent }
      return (
        callers.reduce(0) { $0 + $1.responses }, callers.compactMap(\.lastAnswer).max(),
        Set(callers.flatMap { $0.held[SimulatedType.endpoints]?.contents.values.map { $0 } ?? [] })
      )
    }
    guard responses != self.responses else { return addresses }
    self.responses = responses
    lastAnswer = last ?? lastAnswer
    addresses = Set(contents.flatMap(Self.addresses))
    return addresses
  }

  private static func addresses(in content: Data) -> [String] {
    let (bytes, begin) = (Array(content), Array("10.244.".utf8))
    var found: [String] = []
    var index = 0
    while index + begin.count <= bytes.count {
      guard bytes[index] == begin[0], bytes[index...].starts(with: begin) else {
        index += 1
        continue
      }
      let address = bytes[index...].prefix { (0x30...0x39).contains($0) || $0 == 0x2e }
      found.append(String(decoding: address, as: UTF8.self))
      index += address.count
    }
    return found
  }
}
