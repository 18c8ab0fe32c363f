import Documents
import Foundation
import KubernetesAPI
import KubernetesTestSupport
import Logging
import OrderedCollections
import ProxySimulation
import Synchronization
import TestSupport
import Testing

/// Many pods that restart, and proxies that call them or do not.
@Suite("Many pods restart", .onKubernetes, .heavy, .timeLimit(.minutes(60))) struct PodFleetTests {
  private static let podCount = 500
  private static let batch = 100
  private static let proxyCount = 4

  @Test("500 pods in a rolling restart: callers end with the new addresses alone, and nobody else is sent anything")
  func rollingRestart() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    var failure: (any Error)?
    do { try await Self.restart(on: server) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func restart(on server: KubernetesServer) async throws {
    try await server.installCustomResources()
    try await server.apply(RunningCluster.mesh("default"))
    let controlPlane = try await ControlPlaneOnKubernetes.start(
      server,
      settings: [
        "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none", "KUMA_RUNTIME_KUBERNETES_CLIENT_CONFIG_QPS": "2000",
        "KUMA_RUNTIME_KUBERNETES_CLIENT_CONFIG_BURST_QPS": "2000",
      ])
    let stage = try await PodStage(on: server, mesh: "default")
    let service = try await stage.serve("web", app: "web", .init(80, to: "web"))
    let listener = "outbound:\(service["spec"]?["clusterIP"]?.string ?? ""):80"
    try await stage.serve("quiet", app: "quiet", .init(80, to: "web"))
    try await stage.run("quiet", app: "quiet", at: "10.244.50.50")
    let reachable = "kuma.io/transparent-proxying-reachable-services"
    for index in 0..<proxyCount {
      for (name, service) in [("caller", "web"), ("other", "quiet")] {
        try await stage.run(
          "\(name)-\(index)", app: name, at: "10.244.\(name == "caller" ? 60 : 61).\(index)",
          annotations: [reachable: "\(service)_\(stage.namespace)_svc_80"])
      }
    }
    let writes = WriteCount(stage)
    let following = Task { await writes.replica.run() }
    defer { following.cancel() }
    try await start(0..<podCount, of: "old", on: stage)
    try await eventually(deadline: .seconds(120), "all Dataplanes") {
      writes.state.count(prefix: "old-") == podCount
    }

    let names = (0..<proxyCount).flatMap { ["caller-\($0).\(stage.namespace)", "other-\($0).\(stage.namespace)"] }
    try await withProxies(names, mesh: "default", at: controlPlane) { fleet in
      try await wait(for: "old", on: fleet)
      try await eventually("the others' service") {
        fleet.ask { $0.filter(\.isOther).allSatisfy { $0.addresses == ["10.244.50.50"] && $0.isConfigured } }
      }
      // The Service's own address, which only those may use that reach it.
      let callers = fleet.ask { proxies in Set(proxies.indices.filter { !proxies[$0].isOther }) }
      try await eventually("the listener for the Service") { fleet.holders(of: listener) == callers }
      let before = fleet.ask { $0.filter(\.isOther).map(\.responses) }
      for begin in stride(from: 0, to: podCount, by: batch) {
        try await start(begin..<(begin + batch), of: "new", on: stage)
        try await end(begin..<(begin + batch), of: "old", on: stage)
      }
      try await wait(for: "new", on: fleet)
      #expect(fleet.ask { $0.filter(\.isOther).map(\.responses) } == before)
      try await checkWrites(writes)
      #expect(fleet.holders(of: listener) == callers)
      try await stage.client.delete(.service, namespace: stage.namespace, name: "web")
      try await eventually("no listener for the Service") { fleet.holders(of: listener).isEmpty }
    }
    await controlPlane.stop()
  }

  /// Waits for the Dataplanes of the new pods alone, and expects that none was written without need.
  private static func checkWrites(_ writes: WriteCount) async throws {
    try await eventually("the Dataplanes of the new pods alone") {
      let state = writes.state
      return state.count(prefix: "old-") == 0 && state.count(prefix: "new-") == podCount
    }
    let versions = writes.state.versions
    // One when the pod gets its address. One more when it ends, if it takes a while to end.
    #expect(versions.filter { $0.key.hasPrefix("new-") }.allSatisfy { $0.value == 1 })
    #expect(versions.filter { $0.key.hasPrefix("old-") }.allSatisfy { $0.value <= 2 })
    #expect(versions.filter { $0.key.hasPrefix("other-") || $0.key == "quiet" }.allSatisfy { $0.value == 1 })
  }

  /// The address of a pod.
  static func address(_ group: String, _ index: Int) -> String {
    "10.244.\((group == "old" ? 100 : 200) + index / 100).\(100 + index % 100)"
  }

  private static func start(_ indices: Range<Int>, of group: String, on stage: PodStage) async throws {
    try await together(indices) { index in
      // Half of them have a node, and take a while to end.
      try await stage.run(
        "\(group)-\(index)", app: "web", at: address(group, index), node: index.isMultiple(of: 2) ? "node" : nil)
    }
  }

  private static func end(_ indices: Range<Int>, of group: String, on stage: PodStage) async throws {
    try await together(indices) { try await stage.delete("\(group)-\($0)") }
    try await together(indices.filter { $0.isMultiple(of: 2) }) {
      try await stage.delete("\(group)-\($0)", isForced: true)
    }
  }

  /// Does something for all indices, some at a time.
  private static func together(
    _ indices: some Collection<Int> & Sendable, _ body: @escaping @Sendable (Int) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      var rest = indices.makeIterator()
      for _ in 0..<32 { if let index = rest.next() { group.addTask { try await body(index) } } }
      while try await group.next() != nil {
        if let index = rest.next() { group.addTask { try await body(index) } }
      }
    }
  }

  /// Waits until the callers hold the addresses of a group of pods and no others.
  private static func wait(for group: String, on fleet: ProxyFleet) async throws {
    let wanted = Set((0..<podCount).map { address(group, $0) })
    try await eventually(deadline: .seconds(120), "the addresses of the \(group) pods at their callers") {
      fleet.ask { proxies in proxies.filter { !$0.isOther }.allSatisfy { $0.addresses == wanted } }
    }
  }

  /// How often the Dataplanes of a stage are written, as another client of the API server sees it.
  private final class WriteCount: Sendable {
    struct State {
      var present: Set<String> = []
      var versions: [String: Int] = [:]

      func count(prefix: String) -> Int { present.count { $0.hasPrefix(prefix) } }
    }

    private final class Shared: Sendable {
      let state = Mutex(State())
    }

    private let shared = Shared()
    /// What was seen.
    var state: State { shared.state.withLock { $0 } }
    let replica: KindReplica

    init(_ stage: PodStage) {
      replica = KindReplica(
        client: stage.client, kind: PodStage.dataplanes, namespace: stage.namespace, logger: Logger(label: "count")
      ) { [shared] update in
        shared.state.withLock { state in
          switch update {
          case .replaced(let objects), .changed(let objects):
            for object in objects {
              state.present.insert(object.name)
              state.versions[object.name, default: 0] += 1
            }
          case .deleted(let objects): for object in objects { state.present.remove(object.name) }
          case .trouble: break
          }
        }
      }
    }
  }
}

extension ProxyFleet.Proxy {
  /// Whether it calls none of the pods that restart.
  fileprivate var isOther: Bool { nodeID.contains(".other-") }
}
