import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import ProxySimulation
import Testing

/// Two processes that claim to be one proxy, over real gRPC.
@Suite("Two proxies of one name", .fewAtATime, .timeLimit(.minutes(60)))
struct NameClaimTests {
  private static func dataplane(inbound port: Int) -> String {
    """
    type: Dataplane
    mesh: default
    name: web
    networking:
      address: 127.0.0.1
      inbound: [{port: \(port), tags: {kuma.io/service: web, kuma.io/protocol: http}}]
    """
  }

  private static func fleet(_ controlPlane: ControlPlaneProcess, inbound port: Int, isIncremental: Bool) -> ProxyFleet {
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.isIncremental = isIncremental
    settings.dataplane = { _ in dataplane(inbound: port) }
    return ProxyFleet(nodeIDs: ["default.web"], settings: settings)
  }

  /// The names of the listeners that a proxy holds.
  private static func listeners(_ fleet: ProxyFleet) -> Set<String> {
    Set(fleet.proxies.first?.held[SimulatedType.listeners]?.contents.keys.map { $0 } ?? [])
  }

  @Test(
    "The first has its inbound again when the second goes, and logs, inspection and explanation tell of both",
    arguments: [false, true])
  func claims(isIncremental: Bool) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "claims-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(home: home)
    try await controlPlane.start()
    let first = Self.fleet(controlPlane, inbound: 8_081, isIncremental: isIncremental)
    let second = Self.fleet(controlPlane, inbound: 8_082, isIncremental: isIncremental)
    let runningFirst = Task { await first.run() }
    defer { runningFirst.cancel() }
    try await eventually("the first one's inbound") { Self.listeners(first).contains { $0.contains("8081") } }
    let alone = try await controlPlane.explanation(of: "web")
    #expect(alone["connection"]?["claims"] == nil)

    let runningSecond = Task { await second.run() }
    defer { runningSecond.cancel() }
    try await eventually("the second one's inbound") { Self.listeners(second).contains { $0.contains("8082") } }
    let explanation = try await eventually("both to be told of") { () async throws -> DocumentValue? in
      let explanation = try await controlPlane.explanation(of: "web")
      return explanation["connection"]?["claims"]?.array?.count == 2 ? explanation : nil
    }
    let claims = explanation["connection"]?["claims"]?.array ?? []
    let addresses = claims.compactMap { $0["address"]?.string }
    #expect(addresses.count == 2 && addresses.allSatisfy { $0.hasPrefix("127.0.0.1:") })
    #expect(claims.allSatisfy { Timestamp($0["connectTime"]?.string ?? "") != nil })
    #expect(explanation["summary"]?.string?.contains("2 proxies claim this name") == true)
    #expect(
      controlPlane.log.all.contains { $0.contains("several proxies claim one name") && $0.contains(addresses[0]) })
    try await controlPlane.configureCommandLine()
    let rows = try await Programs.run("kumactl", ["inspect", "dataplanes"], home: home)
    #expect(
      rows.output.contains { line in addresses.allSatisfy { line.contains($0) } && line.contains("2 proxies claim") })
    let report = try await Programs.run("kumactl", ["inspect", "dataplane", "web", "--type=tracing"], home: home)
    #expect(addresses.allSatisfy { address in report.output.contains { $0.hasPrefix(address) } })

    runningSecond.cancel()
    _ = await runningSecond.value
    try await eventually("the first one's inbound again") {
      Self.listeners(first).contains { $0.contains("8081") } && !Self.listeners(first).contains { $0.contains("8082") }
    }
    #expect(first.ask { $0.allSatisfy { $0.streams == 1 } }, "its stream has never ended")
    try await eventually("one to be told of") {
      try await controlPlane.explanation(of: "web")["connection"]?["claims"] == nil
    }
    await controlPlane.stop()
  }
}
