import Foundation
import MeshClient
import MeshModel
import ProxySimulation

/// What one kind of change cost, one figure per round.
struct ChangeCosts {
  /// Seconds from before the write to each answer, or to the write's own answer where no proxy is concerned.
  var last: [Double] = []
  /// Processor time of the server until it is at rest, in seconds.
  var cpu: [Double] = []
  /// Responses that proxies received.
  var responses: [Int] = []
  /// How many proxies had to answer.
  var concerned = 0
}

/// A fleet at a control plane, taken through its measurements one after the other.
final class FleetMeasurement {
  let mesh: FleetMesh
  let fleet: ProxyFleet
  private let controlPlane: ControlPlane
  private let clock = ContinuousClock()
  private var running: Task<Void, Never>?
  /// The revision of the mesh that was written last.
  var revision = 0

  /// - Parameter token: the token that a proxy shows, by its node id.
  init(
    _ mesh: FleetMesh, _ controlPlane: ControlPlane, token: @escaping @Sendable (String) -> String? = { _ in nil }
  ) {
    self.mesh = mesh
    self.controlPlane = controlPlane
    var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
    settings.isSecure = true
    settings.token = token
    fleet = ProxyFleet(nodeIDs: mesh.nodeIDs, settings: settings)
  }

  deinit { running?.cancel() }

  private var client: ControlPlaneClient { controlPlane.client }

  /// Writes the mesh with its proxies.
  func create() async throws {
    _ = try await client.put(mesh.mesh())
    _ = try await client.put(mesh.policy)
    let (mesh, client) = (mesh, client)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<mesh.proxyCount {
        if index >= 32 { try await group.next() }
        group.addTask { _ = try await client.put(mesh.dataplane(index)) }
      }
      try await group.waitForAll()
    }
    try await controlPlane.process.isQuiet()
  }

  /// Connects all proxies at once. The processor time is the server's.
  func connect() async throws -> Cost {
    let (start, cpu) = (clock.now, controlPlane.process.cpuSeconds)
    running = Task { [fleet] in await fleet.run() }
    try await poll("all proxies to hold their first configuration") {
      fleet.ask { $0.allSatisfy(\.isConfigured) }
    }
    let cost = Cost(wall: (clock.now - start) / .seconds(1), cpu: controlPlane.process.cpuSeconds - cpu)
    try await controlPlane.process.isQuiet()
    return cost
  }

  /// Processor time that the server takes while nothing happens, as a share of one core.
  func idle(for window: Duration) async throws -> Double {
    let (start, cpu) = (clock.now, controlPlane.process.cpuSeconds)
    try await Task.sleep(for: window)
    return (controlPlane.process.cpuSeconds - cpu) / ((clock.now - start) / .seconds(1))
  }

  // MARK: Changes

  /// The mesh's backend gets another path, which concerns all.
  func changeBackend(_ costs: inout ChangeCosts) async throws {
    revision += 1
    let resource = mesh.mesh(revision: revision)
    let client = client
    try await measure(&costs, Set(0..<mesh.proxyCount)) { _ = try await client.put(resource) }
  }

  /// A policy for some proxies comes and goes; both are measured.
  func changePolicy(matching match: [String: String], of concerned: Set<Int>, _ costs: inout ChangeCosts) async throws {
    let policy = mesh.policy("some", match: match, backend: "other")
    let client = client
    try await measure(&costs, concerned) { _ = try await client.put(policy) }
    try await measure(&costs, concerned) { try await client.delete(policy.key) }
  }

  /// Writes that leave every proxy's configuration as it is: the same mesh, a policy that loses, a Dataplane's label.
  func changeNothing(_ costs: inout ChangeCosts) async throws {
    let client = client
    let same = mesh.mesh(revision: revision)
    let losing = mesh.policy("losing", match: [TagName.service: "nobody"], backend: "other")
    var labelled = mesh.dataplane(0)
    labelled.labels = ["round": "\(costs.cpu.count)"]
    for resource in [same, losing, labelled] {
      try await measure(&costs, []) { _ = try await client.put(resource) }
    }
  }

  private func measure(
    _ costs: inout ChangeCosts, _ concerned: Set<Int>, _ write: () async throws -> Void
  ) async throws {
    let process = controlPlane.process
    let responses = fleet.ask { $0.reduce(0) { $0 + $1.responses } }
    let (start, cpu) = (clock.now, process.cpuSeconds)
    try await write()
    let written = clock.now
    try await poll("\(concerned.count) proxies to answer") {
      fleet.ask { proxies in concerned.allSatisfy { (proxies[$0].lastAnswer ?? start) > start } }
    }
    try await process.isQuiet()
    let last = fleet.ask { proxies in concerned.compactMap { proxies[$0].lastAnswer }.max() } ?? written
    costs.last.append((last - start) / .seconds(1))
    costs.cpu.append(process.cpuSeconds - cpu)
    costs.responses.append(fleet.ask { $0.reduce(0) { $0 + $1.responses } } - responses)
    costs.concerned = concerned.count
  }

  /// Changes the mesh's backend again and again, each time when all have answered the last one.
  ///
  /// - Parameter client: where it is written; at the fleet's own control plane, if nothing is said.
  /// - Returns: per change, the seconds from before the write to each proxy's answer.
  func answerTimes(ofChanges count: Int, through client: ControlPlaneClient? = nil) async throws -> [[Double]] {
    let client = client ?? self.client
    var times: [[Double]] = []
    for _ in 0..<count {
      revision += 1
      let start = clock.now
      _ = try await client.put(mesh.mesh(revision: revision))
      try await poll("the proxies to answer") {
        fleet.ask { proxies in proxies.allSatisfy { ($0.lastAnswer ?? start) > start } }
      }
      times.append(fleet.ask { $0.compactMap(\.lastAnswer) }.map { ($0 - start) / .seconds(1) })
    }
    return times
  }

  // MARK: Connections

  /// Has every proxy leave and come back.
  func reconnect() async throws {
    await end()
    let responses = fleet.ask { $0.map(\.responses) }
    running = Task { [fleet] in await fleet.run() }
    // Clusters, endpoints, listeners.
    try await poll("all proxies to be back") {
      fleet.ask { proxies in proxies.indices.allSatisfy { proxies[$0].responses >= responses[$0] + 3 } }
    }
    try await controlPlane.process.isQuiet()
  }

  /// Kills the control plane, starts it again and changes the mesh as soon as it takes writes.
  ///
  /// - Returns: seconds from the kill until every proxy has answered, and the responses that this took.
  func restart() async throws -> (seconds: Double, responses: Int) {
    let responses = fleet.ask { $0.reduce(0) { $0 + $1.responses } }
    await controlPlane.kill()
    let start = clock.now
    try await controlPlane.start()
    revision += 1
    _ = try await client.put(mesh.mesh(revision: revision))
    try await poll("all proxies to hold what was written after the restart") {
      fleet.ask { proxies in proxies.allSatisfy { ($0.lastAnswer ?? start) > start } }
    }
    let last = fleet.ask { $0.compactMap(\.lastAnswer).max() } ?? clock.now
    return ((last - start) / .seconds(1), fleet.ask { $0.reduce(0) { $0 + $1.responses } } - responses)
  }

  /// The memory of the server.
  var residentBytes: Double { controlPlane.process.residentBytes }

  /// Lets all proxies go.
  func end() async {
    running?.cancel()
    await running?.value
  }
}
