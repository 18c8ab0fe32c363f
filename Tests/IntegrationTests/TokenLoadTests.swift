import Foundation
import MeshAccess
import MeshClient
import MeshModel
import MeshTestSupport
import ProxySimulation
import Synchronization
import Testing

/// Keys and tokens change under two hundred streams, while policies and spans are written.
@Suite("Dataplane tokens under load", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct TokenLoadTests {
  /// Which token each proxy shows when it connects.
  private final class Wallet: Sendable {
    private let tokens = Mutex<[String: String]>([:])

    subscript(node: String) -> String? {
      get { tokens.withLock { $0[node] } }
      set { tokens.withLock { $0[node] = newValue } }
    }
  }

  /// Writes revisions of the mesh and spans until it is told to stop, and notes what was accepted.
  private final class Load: Sendable {
    private let state = Mutex((isStopped: false, revision: 0, traces: [String]()))
    private let rig: TokenRig
    private let mesh: FleetMesh

    init(_ rig: TokenRig, _ mesh: FleetMesh) {
      self.rig = rig
      self.mesh = mesh
    }

    /// The last revision of the mesh that was accepted.
    var revision: Int { state.withLock { $0.revision } }
    /// The traces of accepted spans.
    var traces: [String] { state.withLock { $0.traces } }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Writes revisions, one after the other.
    func writeMeshes() async throws {
      let client = ControlPlaneClient(
        address: try ControlPlaneAddress("http://127.0.0.1:\(rig.controlPlane.ports.api)"))
      while !state.withLock({ $0.isStopped }) {
        let next = revision + 1
        _ = try await client.put(mesh.mesh(revision: next))
        state.withLock { $0.revision = next }
        try await Task.sleep(for: .milliseconds(50))
      }
    }

    /// Sends spans, one after the other.
    func sendSpans() async throws {
      var number = UInt64.random(in: 1..<(1 << 31)) << 32
      while !state.withLock({ $0.isStopped }) {
        number += 1
        let digits = String(number, radix: 16)
        let id = String(repeating: "0", count: max(0, 16 - digits.count)) + digits
        let span = """
          [{"traceId":"\(id)","id":"\(id)","name":"load","timestamp":\(Timestamp.now.seconds)000000,"duration":1,
          "localEndpoint":{"serviceName":"load"}}]
          """
        let port = rig.controlPlane.ports.collector
        if try await HTTPProbe.post(port: port, "/api/v2/spans", span)?.status == 202 {
          state.withLock { $0.traces.append(id) }
        }
        try await Task.sleep(for: .milliseconds(10))
      }
    }
  }

  private static let mesh = FleetMesh(proxies: 200, services: 10)
  /// Proxies whose tokens are revoked, and such whose tokens expire.
  private static let (revoked, expiring) = (Array(150..<175), Array(175..<200))

  /// Expects that proxies get what is written from now on.
  private func expectNews(_ fleet: ProxyFleet, _ proxies: Set<Int>, _ load: Load, _ what: String) async throws {
    let start = load.revision
    try await eventually(deadline: .seconds(120), "\(what): the next revision") {
      load.revision > start + 1
        && fleet.ask { all in
          proxies.allSatisfy { index in
            all[index].held[SimulatedType.listeners]?.contents.values.contains { Self.revision(in: $0) > start }
              ?? false
          }
        }
    }
  }

  /// The revision of the mesh in a listener; 0 for none.
  private static func revision(in listener: Data) -> Int {
    guard let end = listener.firstRange(of: Data("/spans".utf8)) else { return 0 }
    let digits = listener[..<end.lowerBound].reversed().prefix { (48...57).contains($0) }.reversed()
    return Int(String(decoding: digits, as: UTF8.self)) ?? 0
  }

  @Test("Keys are rotated, tokens revoked and expired: others' streams last, and no accepted write or span is lost")
  func rotation() async throws {
    let mesh = Self.mesh
    try await TokenRig.run(mesh: mesh.name) { rig in
      let client = ControlPlaneClient(
        address: try ControlPlaneAddress("http://127.0.0.1:\(rig.controlPlane.ports.api)"))
      _ = try await client.put(mesh.mesh())
      _ = try await client.put(mesh.policy)
      for index in 0..<mesh.proxyCount { _ = try await client.put(mesh.dataplane(index)) }

      let (nodes, wallet) = (mesh.nodeIDs, Wallet())
      let everyone = Set(nodes.indices)
      let steady = everyone.subtracting(Self.revoked).subtracting(Self.expiring)
      for index in steady.union(Self.revoked) {
        wallet[nodes[index]] = try await rig.issue(name: mesh.proxyName(index))
      }
      let fleet = rig.fleet(nodes) { wallet[$0] }
      let running = Task { await fleet.run() }
      let load = Load(rig, mesh)
      let writing = Task { try await load.writeMeshes() }
      let sending = Task { try await load.sendSpans() }
      defer { for task in [writing, sending] { task.cancel() } }
      defer { running.cancel() }
      func areConfigured(_ proxies: Set<Int>) -> Bool {
        fleet.ask { all in proxies.allSatisfy { all[$0].isConnected && all[$0].isConfigured } }
      }
      try await eventually(deadline: .seconds(120), "the first streams") { areConfigured(steady.union(Self.revoked)) }
      // These have shown nothing until now.
      #expect(fleet.ask { all in Self.expiring.allSatisfy { !all[$0].isConfigured } })
      for index in Self.expiring {
        wallet[nodes[index]] = try await rig.issue(name: mesh.proxyName(index), validFor: "45s")
      }
      try await eventually(deadline: .seconds(120), "the streams with short tokens") { areConfigured(everyone) }
      let expiry = Self.expiring.compactMap { index in
        wallet[nodes[index]].flatMap { TokenRig.claims(of: $0)?["exp"]?.number }
      }.max()
      func streams(_ proxies: some Sequence<Int>) -> [Int] { fleet.ask { all in proxies.map { all[$0].streams } } }

      // A second key signs new tokens; those of the first one count as long as it is there.
      try await rig.importKey()
      var before = streams(everyone.sorted())
      for index in steady { wallet[nodes[index]] = try await Self.newToken(mesh.proxyName(index), rig) }
      #expect(streams(everyone.sorted()) == before)
      for index in steady { fleet.disconnect(nodes[index]) }
      try await eventually(deadline: .seconds(120), "the streams with new tokens") {
        areConfigured(everyone)
          && zip(everyone.sorted(), streams(everyone.sorted())).allSatisfy { index, count in
            count > before[index] || !steady.contains(index)
          }
      }

      // Revoked tokens end their streams, and nobody else's.
      before = streams(everyone.sorted())
      try await rig.revoke(Self.revoked.compactMap { wallet[nodes[$0]] })
      try await eventually(deadline: .seconds(120), "the end of revoked tokens") {
        fleet.ask { all in
          Self.revoked.allSatisfy { all[$0].lastFailure?.contains("authentication failed") == true }
        }
      }
      let others = everyone.subtracting(Self.revoked)
      try await expectNews(fleet, others, load, "after the revocation")
      #expect(others.allSatisfy { streams([$0]) == [before[$0]] })
      try await eventually("the reason in the log") { rig.hasLogged("is revoked") }

      // A token that expires leaves its stream alone, and opens no other.
      try await eventually(deadline: .seconds(90), "the expiry") {
        Date().timeIntervalSince1970 > (expiry ?? .infinity)
      }
      try await expectNews(fleet, others, load, "after the expiry")
      #expect(others.allSatisfy { streams([$0]) == [before[$0]] })
      for index in Self.expiring { fleet.disconnect(nodes[index]) }
      try await eventually("refused streams") {
        fleet.ask { all in Self.expiring.allSatisfy { all[$0].lastFailure?.contains("authentication failed") == true } }
      }
      try await eventually("the reason in the log") { rig.hasLogged("the token expired at") }

      // The first key goes. Who has a token of the second one notices nothing.
      before = streams(everyone.sorted())
      try await rig.controlPlane.delete(
        "/meshes/\(mesh.name)/secrets/\(SecretName.dataplaneTokenSigningKey(mesh: mesh.name, "1"))")
      let returning = Self.revoked + Self.expiring
      for index in returning { wallet[nodes[index]] = try await Self.newToken(mesh.proxyName(index), rig) }
      try await eventually(deadline: .seconds(120), "everybody") { areConfigured(everyone) }
      try await expectNews(fleet, everyone, load, "after the end of the first key")
      #expect(steady.allSatisfy { streams([$0]) == [before[$0]] })

      load.stop()
      try await writing.value
      try await sending.value
      // What was accepted last is what everybody holds, and every accepted span is there.
      try await eventually(deadline: .seconds(120), "the last revision") {
        fleet.holders(of: "/r\(load.revision)/spans") == everyone
      }
      #expect(load.traces.count > 50)
      try await rig.controlPlane.expectSpans(1...1, ofEach: load.traces, "under changes of keys")
    }
  }

  /// A token that the second key signed.
  private static func newToken(_ name: String, _ rig: TokenRig) async throws -> String {
    try await eventually("a token of the new key") {
      let token = try await rig.issue(name: name)
      return TokenRig.keyID(of: token) == "2" ? token : nil
    }
  }
}
