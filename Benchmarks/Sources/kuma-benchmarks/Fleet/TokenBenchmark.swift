import Foundation
import MeshClient
import MeshModel
import ProxySimulation
import Synchronization

/// What it costs that proxies prove who they are: the same fleet at a control plane that asks for dataplane tokens and at one that
/// does not, in turns, over TLS.
enum TokenBenchmark {
  private static let name = "tokens"

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let opening = try await openings(context, context.size(1000, quick: 200))
    let restart = try await restarts(context, context.size(5000, quick: 400))
    return [opening, restart]
  }

  /// All proxies connect at once, each with a token that the control plane has not seen before.
  private static func openings(_ context: BenchmarkContext, _ size: Int) async throws -> ResultRow {
    try await withBoth(context, size) { with, without in
      let comparison = try await Comparison(
        rounds: context.size(8, quick: 3), value: { try await with.open() }, baseline: { try await without.open() })
      return ResultRow(
        name, "\(size) proxies connect with tokens of their own, CPU", in: .seconds, against: "without tokens",
        comparison)
    }
  }

  /// The control plane is killed and started, until all proxies hold what was written after that.
  private static func restarts(_ context: BenchmarkContext, _ size: Int) async throws -> ResultRow {
    try await withBoth(context, size) { with, without in
      let comparison = try await Comparison(
        rounds: context.size(5, quick: 2), value: { try await with.restart() },
        baseline: { try await without.restart() })
      return ResultRow(
        name, "killed and started, all \(size) with tokens hold a change, wall", in: .seconds,
        against: "without tokens",
        comparison)
    }
  }

  private static func withBoth(
    _ context: BenchmarkContext, _ size: Int, _ body: (TokenFleet, TokenFleet) async throws -> ResultRow
  ) async throws -> ResultRow {
    say("  \(size) proxies")
    let mesh = FleetMesh(proxies: size)
    return try await ControlPlane.run(context, settings: ["KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "dpToken"]) { strict in
      try await ControlPlane.run(context) { open in
        let (with, without) = (TokenFleet(mesh, strict, hasTokens: true), TokenFleet(mesh, open, hasTokens: false))
        try await with.create()
        try await without.create()
        return try await body(with, without)
      }
    }
  }
}

/// A mesh at a control plane, with proxies that connect for one measurement after the other.
private final class TokenFleet {
  /// The token of each proxy, by its node id.
  private final class Tokens: Sendable {
    private let state = Mutex<[String: String]>([:])

    subscript(node: String) -> String? { state.withLock { $0[node] } }

    func replace(_ tokens: [String: String]) { state.withLock { $0 = tokens } }
  }

  private let mesh: FleetMesh
  private let controlPlane: ControlPlane
  private let hasTokens: Bool
  private let tokens = Tokens()
  /// How often the mesh was changed.
  private var revision = 0

  init(_ mesh: FleetMesh, _ controlPlane: ControlPlane, hasTokens: Bool) {
    self.mesh = mesh
    self.controlPlane = controlPlane
    self.hasTokens = hasTokens
  }

  /// Writes the mesh with its proxies. Nobody without a token gets in where tokens are asked for.
  func create() async throws {
    try await measurement().create()
    guard hasTokens else { return }
    var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
    settings.isSecure = true
    let stranger = ProxyFleet(nodeIDs: [mesh.nodeIDs[0]], settings: settings)
    let running = Task { await stranger.run() }
    defer { running.cancel() }
    try await poll("the refusal of a proxy without a token") {
      stranger.ask { $0[0].lastFailure?.contains("authentication failed") == true }
    }
    try BenchmarkFailure.unless(stranger.ask { $0[0].responses == 0 }, "a proxy without a token was served")
  }

  /// - Returns: the processor time of the control plane for the streams of all proxies.
  func open() async throws -> Double {
    try await issue()
    let measurement = measurement()
    let cost = try await measurement.connect()
    await measurement.end()
    try await controlPlane.process.isQuiet()
    return cost.cpu
  }

  /// - Returns: the seconds from the kill to the last answer to what was written after the start.
  func restart() async throws -> Double {
    try await issue()
    let measurement = measurement()
    measurement.revision = revision
    _ = try await measurement.connect()
    let seconds = try await measurement.restart().seconds
    revision = measurement.revision
    await measurement.end()
    try await controlPlane.process.isQuiet()
    return seconds
  }

  private func measurement() -> FleetMeasurement {
    FleetMeasurement(mesh, controlPlane) { [tokens] in tokens[$0] }
  }

  /// Gives every proxy a new token, whose signature nobody has checked yet.
  private func issue() async throws {
    guard hasTokens else { return }
    let (client, mesh) = (controlPlane.client, mesh)
    let issued = try await withThrowingTaskGroup(of: (String, String).self) { group in
      var issued: [String: String] = [:]
      for index in 0..<mesh.proxyCount {
        if index >= 16, let (node, token) = try await group.next() { issued[node] = token }
        group.addTask { (mesh.nodeIDs[index], try await Self.issue(mesh.proxyName(index), mesh.name, client)) }
      }
      for try await (node, token) in group { issued[node] = token }
      return issued
    }
    tokens.replace(issued)
    try await controlPlane.process.isQuiet()
  }

  private static func issue(_ name: String, _ mesh: String, _ client: ControlPlaneClient) async throws -> String {
    let answer = try await client.exchange(
      .post, "/tokens/dataplane", document: ["name": .string(name), "mesh": .string(mesh)])
    let text = String(decoding: answer.body, as: UTF8.self)
    try BenchmarkFailure.unless(answer.status == 200, "no token for \(name): \(answer.status) \(text)")
    return text
  }
}
