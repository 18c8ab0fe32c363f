import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import ProxySimulation
import Testing

/// Many proxies at one control plane, over real gRPC and TLS.
@Suite("A fleet of simulated proxies", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct FleetTests {
  private static let mesh = FleetMesh(proxies: 40, services: 4)

  @Test("Every proxy holds what the mesh says after each change, in both variants", arguments: [false, true])
  func changes(isIncremental: Bool) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "fleet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(home: home)
    try await controlPlane.start()
    let client = ControlPlaneClient(address: try ControlPlaneAddress("http://127.0.0.1:\(controlPlane.ports.api)"))
    let mesh = Self.mesh
    _ = try await client.put(mesh.mesh())
    _ = try await client.put(mesh.policy)
    for index in 0..<mesh.proxyCount { _ = try await client.put(mesh.dataplane(index)) }

    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.isIncremental = isIncremental
    let fleet = ProxyFleet(nodeIDs: mesh.nodeIDs, settings: settings)
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    let everyone = Set(0..<mesh.proxyCount)
    try await eventually("a first configuration") { fleet.holders(of: "/r0/spans") == everyone }

    // Nothing that changes nobody is sent to anybody; the change after it is.
    let responses = fleet.ask { $0.map(\.responses) }
    _ = try await client.put(mesh.mesh())
    _ = try await client.put(mesh.policy("losing", match: [TagName.service: "nobody"], backend: "other"))
    _ = try await client.put(mesh.mesh(revision: 1))
    try await eventually("a changed backend") { fleet.holders(of: "/r1/spans") == everyone }
    #expect(fleet.ask { $0.map(\.responses) } == responses.map { $0 + 1 })

    let service = mesh.service(0)
    let members = everyone.filter { mesh.service($0) == service }
    let one = mesh.policy("one-service", match: [TagName.service: service], backend: "other")
    _ = try await client.put(one)
    try await eventually("a policy for one service") { fleet.holders(of: "tracing:other") == members }
    try await client.delete(one.key)
    try await eventually("its end") { fleet.holders(of: "tracing:other").isEmpty }

    // One that refuses disturbs nobody, and gets what comes next.
    fleet.refuseNext(SimulatedType.listeners, of: mesh.nodeIDs[0], message: "not today")
    _ = try await client.put(mesh.mesh(revision: 2))
    try await eventually("all but one") {
      fleet.holders(of: "/r2/spans") == everyone.subtracting([0]) && fleet.proxies[0].refused == 1
    }
    _ = try await client.put(mesh.mesh(revision: 3))
    try await eventually("all again") { fleet.holders(of: "/r3/spans") == everyone }
    #expect(fleet.ask { $0.allSatisfy { $0.streams == 1 } })
    await controlPlane.stop()
  }
}
