import Foundation
import MeshClient
import MeshModel
import ProxySimulation

/// What one change cost.
struct ChangeCost: Encodable {
  var change: String
  /// Proxies that had to answer.
  var concerned: Int
  /// From before the write to an answer, in seconds.
  var first: Double?
  var median: Double?
  var p99: Double?
  var last: Double?
  /// Processor time of the control plane until well after the last answer, less what it takes idle.
  var cpuSeconds: Double
  /// Responses that proxies received.
  var responses: Int
}

/// What a fleet of one size cost.
struct FleetReport: Encodable {
  var proxies: Int
  var services: Int
  var isSecure: Bool
  var isIncremental: Bool
  var createSeconds = 0.0
  var connectSeconds = 0.0
  var connectCPUSeconds = 0.0
  var idleCores = 0.0
  var residentBefore = 0.0
  var residentIdle = 0.0
  var residentEnd = 0.0
  var changes: [ChangeCost] = []
}

/// Takes a fleet through its measurements, one after the other.
struct FleetMeasurement {
  let mesh: FleetMesh
  let client: ControlPlaneClient
  let fleet: ProxyFleet
  let server: ServerProcess
  let rounds: Int
  let window: Duration
  var report: FleetReport
  private let clock = ContinuousClock()
  private static let deadline = Duration.seconds(180)

  init(
    mesh: FleetMesh, client: ControlPlaneClient, settings: ProxyFleet.Settings, server: ServerProcess, rounds: Int,
    window: Duration
  ) {
    self.mesh = mesh
    self.client = client
    self.server = server
    self.rounds = rounds
    self.window = window
    fleet = ProxyFleet(nodeIDs: mesh.nodeIDs, settings: settings)
    report = FleetReport(
      proxies: mesh.proxyCount, services: mesh.serviceCount, isSecure: settings.isSecure,
      isIncremental: settings.isIncremental)
  }

  mutating func run() async throws -> FleetReport {
    let start = clock.now
    try await create()
    report.createSeconds = (clock.now - start).seconds
    try await quiet()
    report.residentBefore = server.residentBytes
    let running = Task { [fleet] in await fleet.run() }
    defer { running.cancel() }
    try await connect()
    try await quiet()
    report.residentIdle = server.residentBytes
    let idleStart = server.cpuSeconds
    try await Task.sleep(for: window)
    report.idleCores = (server.cpuSeconds - idleStart) / window.seconds
    for round in 1...max(1, rounds) { try await changes(round) }
    report.residentEnd = server.residentBytes
    return report
  }

  private func create() async throws {
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
  }

  private mutating func connect() async throws {
    let (start, cpu) = (clock.now, server.cpuSeconds)
    try await wait("all proxies to hold their first configuration") { $0.allSatisfy(\.isConfigured) }
    report.connectSeconds = (clock.now - start).seconds
    report.connectCPUSeconds = server.cpuSeconds - cpu
  }

  private mutating func changes(_ round: Int) async throws {
    let (mesh, client) = (mesh, client)
    let service = mesh.service(0)
    let members = Set((0..<mesh.proxyCount).filter { mesh.service($0) == service })
    let one = mesh.policy("one-service", match: [TagName.service: service], backend: "other")
    let losing = mesh.policy("losing", match: [TagName.service: "nobody"], backend: "other")
    let everyone = Set(0..<mesh.proxyCount)
    try await measure("mesh backend", everyone) { _ = try await client.put(mesh.mesh(revision: round)) }
    try await measure("policy for one service", members) { _ = try await client.put(one) }
    try await measure("that policy deleted", members) { try await client.delete(one.key) }
    try await measure("policy that matches nobody", []) { _ = try await client.put(losing) }
    try await measure("identical mesh", []) { _ = try await client.put(mesh.mesh(revision: round)) }
    // The proxy's own listener, and the endpoint lists of those who call its service.
    let callers = Set(
      (0..<mesh.proxyCount).filter { index in (1...3).contains { mesh.service(index + $0) == service } })
    try await measure("endpoint of one service", callers.union([0])) {
      _ = try await client.put(mesh.dataplane(0, revision: round))
    }
  }

  private mutating func measure(
    _ name: String, _ concerned: Set<Int>, _ write: () async throws -> Void
  ) async throws {
    let responses = fleet.ask { $0.reduce(0) { $0 + $1.responses } }
    let (start, cpu) = (clock.now, server.cpuSeconds)
    try await write()
    if !concerned.isEmpty {
      try await wait("\(name): \(concerned.count) proxies to answer") { proxies in
        concerned.allSatisfy { (proxies[$0].lastAnswer ?? start) > start }
      }
    }
    try await Task.sleep(for: window)
    let spent = server.cpuSeconds - cpu - report.idleCores * (clock.now - start).seconds
    let times = fleet.ask { proxies in
      concerned.compactMap { proxies[$0].lastAnswer }.map { ($0 - start).seconds }.sorted()
    }
    report.changes.append(
      ChangeCost(
        change: name, concerned: concerned.count, first: times.first,
        median: times.isEmpty ? nil : times[times.count / 2],
        p99: times.isEmpty ? nil : times[min(times.count - 1, times.count * 99 / 100)], last: times.last,
        cpuSeconds: spent, responses: fleet.ask { $0.reduce(0) { $0 + $1.responses } } - responses))
  }

  /// Waits until the control plane has nothing left to do.
  private func quiet() async throws {
    let end = clock.now + .seconds(30)
    var last = server.cpuSeconds
    while clock.now < end {
      try await Task.sleep(for: .milliseconds(600))
      let now = server.cpuSeconds
      if now - last < 0.006 { return }
      last = now
    }
  }

  private func wait(_ what: String, until condition: ([ProxyFleet.Proxy]) -> Bool) async throws {
    let end = clock.now + Self.deadline
    while !fleet.ask(condition) {
      guard clock.now < end else {
        let failure = fleet.ask { $0.compactMap(\.lastFailure).first }
        throw FleetFailure(description: "waited in vain for \(what); \(failure ?? "no proxy failed")")
      }
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}

/// A measurement could not be taken.
struct FleetFailure: Error, CustomStringConvertible {
  let description: String
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
