import Foundation
import MeshModel
import ProcessSupervisor
import ProxySimulation

/// Pods in a rolling restart on a real API server of Kubernetes: for how long callers hold the address of a pod that is gone.
///
/// The benchmark plays the scheduler and the kubelet. Two control planes serve the callers, and one of them leads.
enum PodBenchmark {
  /// For how long an address may be held after the event of the API server, in seconds.
  private static let limit = 0.100
  /// How many Dataplanes are written for a pod that starts and ends: it has an address, it ends, it is gone.
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
      let leader = try KubernetesBenchmark.controlPlane(context, cluster)
      try await leader.start()
      let other = try KubernetesBenchmark.controlPlane(context, cluster)
      try await other.start()
      let rows = try await restart(context, cluster, leader, other)
      await other.stop()
      await leader.stop()
      return rows
    }
  }

  // MARK: The restart

  private static func restart(
    _ context: BenchmarkContext, _ cluster: KubernetesCluster, _ leader: ControlPlane, _ other: ControlPlane
  ) async throws -> [ResultRow] {
    let count = context.size(500, quick: 100)
    let stage = PodStage(cluster, namespace: namespace)
    let writes = try KubernetesEvents(cluster, path: "/apis/kuma.io/v1alpha1/namespaces/\(namespace)/dataplanes")
    let events = try KubernetesEvents(cluster, path: "/api/v1/namespaces/\(namespace)/pods")
    try await stage.start((0..<callers).map { PodStage.Pod("caller-\($0)", "caller", "10.244.60.\($0)") })
    try await stage.start((0..<callers).map { PodStage.Pod("silent-\($0)", "silent", "10.244.61.\($0)") })
    try await stage.start((0..<count).map { pod("old", $0) })
    try await poll("the Dataplanes") { writes.present.count == count + 2 * callers }

    let fleets = [leader, other].map { controlPlane in
      var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
      settings.isSecure = true
      return ProxyFleet(
        nodeIDs: ["caller", "silent"].flatMap { name in
          (0..<callers).map { "\(mesh).\(name)-\($0).\(namespace)" }
        }, settings: settings)
    }
    let running = fleets.map { fleet in Task { await fleet.run() } }
    defer { for task in running { task.cancel() } }
    let callings = fleets.map(HeldAddresses.init)
    try await poll("the callers' configuration") {
      fleets.allSatisfy { $0.ask { $0.allSatisfy(\.isConfigured) } } && callings.allSatisfy { $0.held().count == count }
    }
    for controlPlane in [leader, other] { try await controlPlane.process.isQuiet() }
    let silent = fleets.map { $0.ask { $0.filter(\.isSilent).map(\.responses) } }
    let before = (leader.process.cpuSeconds, other.process.cpuSeconds, writes.count)

    var late = [Comparison(), Comparison()]
    for begin in stride(from: 0, to: count, by: batch) {
      let indices = begin..<min(count, begin + batch)
      try await stage.start(indices.map { pod("new", $0) })
      try await stage.delete(indices.map { pod("old", $0).name }, grace: 30)
      var waiting = callings.map { _ in Set(indices) }
      try await poll("the callers to forget the addresses", every: .milliseconds(1)) {
        for (number, calling) in callings.enumerated() where !waiting[number].isEmpty {
          let (held, time) = (calling.held(), calling.lastAnswer)
          for index in waiting[number] where !held.contains(pod("old", index).address) {
            guard let event = events.end(of: pod("old", index).name) else { continue }
            late[number].add(value: max(0, (time - event) / .seconds(1)), baseline: limit)
            waiting[number].remove(index)
          }
        }
        return waiting.allSatisfy(\.isEmpty)
      }
      // Those with a node stay until the kubelet lets them go.
      try await stage.delete(indices.map { pod("old", $0) }.filter { $0.node != nil }.map(\.name), grace: 0)
    }
    try await poll("the new addresses") { callings.allSatisfy { $0.held().count == count } }
    try await poll("the new Dataplanes") { writes.present.count == count + 2 * callers }
    for controlPlane in [leader, other] { try await controlPlane.process.isQuiet() }
    try BenchmarkFailure.unless(
      fleets.map { $0.ask { $0.filter(\.isSilent).map(\.responses) } } == silent,
      "proxies that call none of the pods were sent something")
    let cpu = (leader.process.cpuSeconds - before.0, other.process.cpuSeconds - before.1)
    let perPod = Comparison(
      values: [Double(writes.count - before.2) / Double(count)], baselines: [writesPerPod])
    for watcher in [writes, events] { await watcher.stop() }
    return rows(count, late, perPod, cpu)
  }

  private static func rows(
    _ count: Int, _ late: [Comparison], _ writes: Comparison, _ cpu: (Double, Double)
  ) -> [ResultRow] {
    let names = ["the leader's", "another control plane's"]
    let gone = zip(names, late).flatMap { name, late in
      [
        ResultRow(
          "pods", "\(count) pods restart, event to the last of \(name) \(callers) callers, wall", in: .seconds,
          against: "100 ms, the limit", late),
        ResultRow(
          "pods", "the same, the slowest of a hundred", in: .seconds, against: "100 ms, the limit",
          Comparison(values: [late.values.quantile(0.99)], baselines: [limit])),
      ]
    }
    return gone + [
      ResultRow(
        "pods", "writes of Dataplanes for a pod that restarts", in: .count, against: "start, end, gone", writes),
      ResultRow(
        "pods", "processor time for a pod that restarts, the leader's", in: .seconds, against: "the other's",
        Comparison(values: [cpu.0 / Double(count)], baselines: [cpu.1 / Double(count)])),
    ]
  }

  // MARK: Objects

  private static func pod(_ group: String, _ index: Int) -> PodStage.Pod {
    PodStage.Pod(
      "\(group)-\(index)", "web", "10.244.\((group == "old" ? 100 : 200) + index / 100).\(100 + index % 100)",
      node: index.isMultiple(of: 2) ? "node" : nil)
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
