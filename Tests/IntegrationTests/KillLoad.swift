import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import ProxySimulation
import Synchronization

/// Writers of resources and senders of spans at a control plane that is killed meanwhile, and proxies that watch what it pushes.
final class KillLoad: Sendable {
  static let mesh = FleetMesh(proxies: 12, services: 4)
  private static let writers = 4
  private static let senders = 4
  private static let policiesPerWriter = 3

  let client: ControlPlaneClient
  let fleets: [ProxyFleet]
  let spans = AcknowledgedSpans()
  private let ports: ControlPlaneProcess.Ports
  private let writes = Mutex(AcknowledgedWrites())
  private let pushes: PushOrder
  private let isOver = Mutex(true)
  private let number = Mutex(0)
  /// Answers to writes that no kill explains.
  private let refusals = Mutex<[String]>([])
  private let seed: UInt64

  init(_ ports: ControlPlaneProcess.Ports, seed: UInt64) throws {
    self.ports = ports
    self.seed = seed
    client = ControlPlaneClient(
      address: try ControlPlaneAddress("http://127.0.0.1:\(ports.api)"),
      settings: ControlPlaneClient.Settings(timeout: .seconds(20)))
    let pushes = PushOrder()
    var settings = ProxyFleet.Settings(port: ports.dataplane)
    settings.isSecure = true
    // Not so often that the attempts keep the processors from the start of a control plane.
    settings.reconnectDelay = .seconds(1)
    settings.onResponse = { node, type, held in
      if type == SimulatedType.listeners { pushes.note(node, held) }
    }
    self.pushes = pushes
    fleets = Self.mesh.fleets(settings)
  }

  /// How much has happened: writes and traces that were acknowledged, and responses to proxies.
  var progress: (writes: Int, traces: Int, responses: Int) {
    (
      writes.withLock { $0.count }, spans.count,
      fleets.reduce(0) { $0 + $1.ask { $0.reduce(0) { $0 + $1.responses } } }
    )
  }

  /// Runs the proxies until cancelled.
  func runProxies() async {
    await withTaskGroup(of: Void.self) { group in for fleet in fleets { group.addTask { [fleet] in await fleet.run() } }
    }
  }

  /// Writes the mesh with its Dataplanes.
  func create() async throws {
    try await put(Self.mesh.mesh())
    try await put(Self.mesh.policy)
    for index in 0..<Self.mesh.proxyCount { try await put(Self.mesh.dataplane(index)) }
  }

  /// Writes and sends until ``end()``.
  ///
  /// - Parameter round: decides, with the seed, what is written.
  func run(round: Int) async {
    isOver.withLock { $0 = false }
    spans.setOver(false)
    await withTaskGroup(of: Void.self) { group in
      for sender in 0..<Self.senders {
        group.addTask { await self.spans.send(port: self.ports.collector, pause: .milliseconds(10 + 5 * sender)) }
      }
      for writer in 0..<Self.writers { group.addTask { await self.write(writer, round) } }
    }
  }

  /// Has ``run(round:)`` end.
  func end() {
    isOver.withLock { $0 = true }
    spans.setOver(true)
  }

  // MARK: Writes

  /// Each writer has resources of its own, and writes after an error no more: the control plane or its database was killed.
  private func write(_ writer: Int, _ round: Int) async {
    var generator = SeededGenerator(seed: seed &+ UInt64(round * Self.writers + writer))
    while !isOver.withLock({ $0 }) {
      do { try await step(writer, &generator) } catch {
        if let error = error as? ControlPlaneError, error.code != .unreachable, error.code != .server,
          error.code != .timedOut
        {
          refusals.withLock { $0.append("writer \(writer) in round \(round): \(error)") }
        }
        return
      }
    }
  }

  private func step(_ writer: Int, _ generator: inout SeededGenerator) async throws {
    if writer == 0 { return try await changeMesh() }
    let mesh = Self.mesh
    switch Int.random(in: 0..<10, using: &generator) {
    case 0..<5:
      let own = (0..<mesh.proxyCount).filter { $0 % Self.writers == writer }
      try await put(mesh.dataplane(own.randomElement(using: &generator) ?? 0, revision: nextNumber()))
    case 5..<8:
      let service = mesh.service(Int.random(in: 0..<mesh.serviceCount, using: &generator))
      let backend = ["main", "other"].randomElement(using: &generator) ?? "main"
      try await put(mesh.policy(policy(writer, &generator), match: [TagName.service: service], backend: backend))
    default:
      try await delete(ResourceKey(type: .trafficTrace, mesh: mesh.name, name: policy(writer, &generator)))
    }
  }

  private func policy(_ writer: Int, _ generator: inout SeededGenerator) -> String {
    "writer-\(writer)-\(Int.random(in: 0..<Self.policiesPerWriter, using: &generator))"
  }

  private func nextNumber() -> Int {
    number.withLock { number in
      number += 1
      return number
    }
  }

  /// Changes what all proxies hold.
  func changeMesh() async throws { try await put(Self.mesh.mesh(revision: nextNumber())) }

  private func put(_ resource: Resource) async throws {
    var resource = resource
    let number = nextNumber()
    resource.labels[AcknowledgedWrites.label] = "\(number)"
    let key = resource.key
    writes.withLock { $0.begin(key, number) }
    let outcome = try await client.put(resource)
    writes.withLock { $0.acknowledge(key, number, existed: !outcome.isCreated) }
  }

  private func delete(_ key: ResourceKey) async throws {
    writes.withLock { $0.begin(key, nil) }
    var existed = true
    do { try await client.delete(key) } catch {
      guard error.code == .notFound else { throw error }
      existed = false
    }
    writes.withLock { $0.acknowledge(key, nil, existed: existed) }
  }

  // MARK: What must hold

  /// What is lost, came back, is there twice, or went back; empty when all is well.
  func faults() async throws -> [String] {
    var found: [ResourceKey: AcknowledgedWrites.Found] = [:]
    var faults: [String] = []
    var resources = try await client.all(.mesh, mesh: nil).filter { $0.name == Self.mesh.name }
    for type in [ResourceType.trafficTrace, .dataplane] {
      resources += try await client.all(type, mesh: Self.mesh.name)
    }
    for resource in resources {
      if found.updateValue(AcknowledgedWrites.Found(resource), forKey: resource.key) != nil {
        faults.append("\(resource.key) is there twice")
      }
    }
    faults += writes.withLock { writes in
      let unknown = found.keys.filter { !writes.keys.contains($0) }.map { "\($0) was never written" }
      return unknown + writes.compare(found) + writes.faults
    }
    return faults + pushes.faults + refusals.withLock(\.self)
  }
}

/// The order in which proxies see the revisions of the mesh's backend.
private final class PushOrder: Sendable {
  private struct State {
    var newest: [String: Int] = [:]
    var faults: [String] = []
  }

  private let state = Mutex(State())

  /// What came to a proxy after something newer.
  var faults: [String] { state.withLock { $0.faults } }

  func note(_ node: String, _ held: HeldResources) {
    let revisions = Set(held.contents.values.compactMap(Self.revision))
    guard let newest = revisions.max() else { return }
    state.withLock { state in
      if revisions.count > 1 { state.faults.append("\(node) holds the revisions \(revisions.sorted()) at once") }
      if let before = state.newest[node], newest < before {
        state.faults.append("\(node) holds revision \(newest) after \(before)")
      }
      state.newest[node] = newest
    }
  }

  /// The number in `/r…/spans`, the path of the backend in ``FleetMesh/mesh(revision:)``.
  private static func revision(_ listener: Data) -> Int? {
    guard let end = listener.firstRange(of: Data("/spans".utf8))?.lowerBound,
      let start = listener[..<end].lastRange(of: Data("/r".utf8))?.upperBound
    else { return nil }
    return Int(String(decoding: listener[start..<end], as: UTF8.self))
  }
}
