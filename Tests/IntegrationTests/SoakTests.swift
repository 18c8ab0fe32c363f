import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import PostgresTestSupport
import ProxySimulation
import Testing

/// Random changes of everything while proxies come, go and refuse. `make soak` does it for ten minutes with a thousand
/// proxies; without its settings it takes seconds.
@Suite("Soak", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct SoakTests {
  private static let seconds = SoakSettings.value("SOAK_SECONDS", or: 4)
  private static let proxies = SoakSettings.value("SOAK_PROXIES", or: 40)
  private static let seed = UInt64(SoakSettings.value("SOAK_SEED", or: 1))

  @Test("in the end every proxy holds what a fresh computation gives, in SQLite") func sqlite() async throws {
    try await Self.soak(settings: [:])
  }

  @Test("in the end every proxy holds what a fresh computation gives, in PostgreSQL") func postgres() async throws {
    let server = try await PostgresServer.start()
    var failure: (any Error)?
    do {
      try await Self.soak(settings: SharedStoreTests.settings(server, try await server.makeDatabase()))
    } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  private static func soak(settings: [String: String]) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "soak-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(home: home, settings: settings)
    try await controlPlane.start()
    var failure: (any Error)?
    do { try await soak(controlPlane) } catch { failure = error }
    await controlPlane.stop()
    if let failure { throw failure }
  }

  private static func soak(_ controlPlane: ControlPlaneProcess) async throws {
    let client = ControlPlaneClient(address: try ControlPlaneAddress("http://127.0.0.1:\(controlPlane.ports.api)"))
    let mesh = FleetMesh(proxies: proxies, services: max(4, proxies / 50))
    _ = try await client.put(mesh.mesh())
    _ = try await client.put(mesh.policy)
    for index in 0..<proxies { _ = try await client.put(mesh.dataplane(index)) }
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    let fleets = mesh.fleets(settings)
    let running = Task {
      await withTaskGroup(of: Void.self) { group in for fleet in fleets { group.addTask { await fleet.run() } } }
    }
    defer { running.cancel() }
    try await eventually(deadline: .seconds(120), "a first configuration for all") {
      fleets.allSatisfy { $0.ask { $0.allSatisfy(\.isConfigured) } }
    }

    var changes = RandomChanges(mesh: mesh, seed: seed)
    let clock = ContinuousClock()
    let (start, length) = (clock.now, Duration.seconds(seconds))
    var memory: [Int] = []
    while clock.now - start < length {
      try await changes.step(client, fleets)
      let sampled = memory.count
      if clock.now - start > length * (sampled + 1) / 11 { memory.append(controlPlane.residentBytes) }
    }
    // What was refused is not offered again until it changes: in the end all listeners do.
    for fleet in fleets { fleet.refuseNothing() }
    try await changes.deletePolicies(client)
    _ = try await client.put(mesh.mesh(revision: -1))

    try await ExpectedConfigurations(mesh, from: client).wait(for: fleets)
    let streams = fleets.reduce(0) { $0 + $1.ask { $0.reduce(0) { $0 + $1.streams } } }
    let megabytes = memory.map { "\($0 / 1_000_000)" }.joined(separator: " ")
    print("soak: \(changes.steps) changes, \(streams) streams of \(proxies) proxies, memory in MB: \(megabytes)")
    // Flat: what is there at the end was there after a tenth of the time, but for what ten subscriptions of each proxy take.
    if seconds >= 300, let first = memory.first, let last = memory.last { #expect(last < first * 5 / 4) }
  }
}

/// Changes of a mesh and of its proxies, one after the other, from a seed.
private struct RandomChanges {
  let mesh: FleetMesh
  private var generator: SeededGenerator
  private(set) var steps = 0
  private var policies: Set<String> = []

  init(mesh: FleetMesh, seed: UInt64) {
    self.mesh = mesh
    generator = SeededGenerator(seed: seed)
  }

  /// All proxies are back at the policy for everyone.
  mutating func deletePolicies(_ client: ControlPlaneClient) async throws {
    for name in policies { try await client.delete(ResourceKey(type: .trafficTrace, mesh: mesh.name, name: name)) }
    policies = []
  }

  mutating func step(_ client: ControlPlaneClient, _ fleets: [ProxyFleet]) async throws {
    steps += 1
    let proxy = Int.random(in: 0..<mesh.proxyCount, using: &generator)
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<5: _ = try await client.put(mesh.mesh(revision: steps))
    case 5..<25:
      let name = "random-\(Int.random(in: 0..<20, using: &generator))"
      let service = mesh.service(Int.random(in: 0..<mesh.serviceCount, using: &generator))
      let match =
        Bool.random(using: &generator) ? [TagName.service: service] : [TagName.service: service, TagName.zone: "*"]
      let backend = ["main", "other", "missing"].randomElement(using: &generator) ?? "main"
      _ = try await client.put(mesh.policy(name, match: match, backend: backend))
      policies.insert(name)
    case 25..<35:
      guard let name = policies.sorted().randomElement(using: &generator) else { return }
      try await client.delete(ResourceKey(type: .trafficTrace, mesh: mesh.name, name: name))
      policies.remove(name)
    case 35..<75: _ = try await client.put(mesh.dataplane(proxy, revision: steps))
    case 75..<80:
      try await client.delete(mesh.dataplane(proxy).key)
      _ = try await client.put(mesh.dataplane(proxy, revision: steps))
    case 80..<92: for fleet in fleets { fleet.disconnect(mesh.nodeIDs[proxy]) }
    default:
      for fleet in fleets { fleet.refuseNext(SimulatedType.listeners, of: mesh.nodeIDs[proxy], message: "not now") }
    }
  }
}
