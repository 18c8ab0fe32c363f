import Foundation
import MeshTestSupport
import PostgresTestSupport
import ProxySimulation
import Testing

/// The waiting for a turn is part of it.
private let limitInMinutes = 30 + SoakSettings.value("SOAK_KILLS", or: 0)

/// The real control plane, or its database, is killed amid writes, pushes and spans. `make soak` does it hundreds of times.
@Suite("Killed amid writes, pushes and spans", .fewAtATime, .serialized, .timeLimit(.minutes(limitInMinutes)))
struct KillTests {
  private static let seed = UInt64(SoakSettings.value("SOAK_SEED", or: 1))

  @Test("a control plane over SQLite has what it acknowledged, once, and its proxies hold what they are to hold")
  func sqlite() async throws {
    try await Self.withControlPlane([:]) { controlPlane in
      try await Self.kill(controlPlane, times: SoakSettings.value("SOAK_KILLS", or: 20))
    }
  }

  @Test("a control plane over PostgreSQL has what it acknowledged, once, and its proxies hold what they are to hold")
  func postgres() async throws {
    try await SharedStoreTests.withDatabase { _, settings in
      try await Self.withControlPlane(settings) { controlPlane in
        try await Self.kill(controlPlane, times: SoakSettings.value("SOAK_KILLS", or: 5))
      }
    }
  }

  @Test("a PostgreSQL that is killed takes nothing along that its control plane acknowledged")
  func database() async throws {
    try await SharedStoreTests.withDatabase { server, settings in
      try await Self.withControlPlane(settings) { controlPlane in
        try await controlPlane.start()
        try await Self.kill(controlPlane, times: SoakSettings.value("SOAK_KILLS", or: 5), what: "database") {
          await server.kill()
          // What is known can be read, and proxies keep their streams.
          let answer = try await HTTPProbe.get(port: controlPlane.ports.api, "/meshes/\(KillLoad.mesh.name)")
          #expect(answer?.status == 200)
        } revive: { _ in
          try await server.start()
        }
      }
    }
  }

  /// Kills a control plane again and again; every seventh time also while it starts.
  private static func kill(_ controlPlane: ControlPlaneProcess, times: Int) async throws {
    try await controlPlane.start()
    try await kill(controlPlane, times: times, what: "control plane") {
      await controlPlane.kill()
    } revive: { round in
      if round % 7 == 3 {
        let lines = controlPlane.log.all.count + 1 + round / 7 % 6
        try controlPlane.launch()
        try await eventually("some lines of a start, or its end") {
          if controlPlane.log.all.count >= lines { return true }
          return try await controlPlane.isReady
        }
        await controlPlane.kill()
      }
      try await controlPlane.start()
    }
  }

  // MARK: The rounds

  /// Runs the load, and kills when a random part of it was acknowledged, again and again; compares all after each time.
  ///
  /// - Parameter revive: brings back what was killed, in a round.
  private static func kill(
    _ controlPlane: ControlPlaneProcess, times: Int, what: String, kill: () async throws -> Void,
    revive: (Int) async throws -> Void
  ) async throws {
    let load = try KillLoad(controlPlane.ports, seed: seed)
    var generator = SeededGenerator(seed: seed)
    try await load.create()
    let proxies = Task { await load.runProxies() }
    defer { proxies.cancel() }
    try await eventually("a first configuration for all") {
      load.fleets.allSatisfy { $0.ask { $0.allSatisfy(\.isConfigured) } }
    }
    for round in 0..<times {
      let (before, more) = (load.progress, Int.random(in: 5..<25, using: &generator))
      let running = Task { await load.run(round: round) }
      do {
        // Pushes are slower where there are few processors: proxies connect again after each kill.
        try await eventually("\(more) writes and traces, and responses, in round \(round)") {
          let now = load.progress
          return now.writes >= before.writes + more && now.traces >= before.traces + more
            && now.responses >= before.responses + 5
        }
        try await kill()
      } catch {
        load.end()
        await running.value
        throw error
      }
      load.end()
      await running.value
      try await revive(round)
      // Once a write is taken, the control plane has read all that is stored.
      try await eventually("a write that is taken") { (try? await load.changeMesh()) != nil }
      let faults = try await load.faults()
      try #require(faults.isEmpty, "\(what), round \(round): \(faults.prefix(5))")
      if (round + 1) % 10 == 0 {
        print("kills of the \(what): \(round + 1) of \(times), \(load.progress)")
      }
    }
    try await check(load, controlPlane)
    let streams = load.fleets.reduce(0) { $0 + $1.ask { $0.reduce(0) { $0 + $1.streams } } }
    print("kills of the \(what): \(times), \(load.progress), \(streams) streams of \(KillLoad.mesh.proxyCount) proxies")
  }

  /// At the end every proxy holds what a fresh computation gives, and every trace is there once.
  private static func check(_ load: KillLoad, _ controlPlane: ControlPlaneProcess) async throws {
    try await ExpectedConfigurations(KillLoad.mesh, from: load.client).wait(for: load.fleets)
    #expect(try await load.faults() == [])
    let traces = Set(load.spans.acceptedTraces)
    #expect(traces.count * AcknowledgedSpans.all.count < keptSpans, "retention has removed spans; keep more")
    try await controlPlane.expectSpans(5...5, ofEach: traces.sorted().map(AcknowledgedSpans.id), "kills")
    // The spans of a trace one by one, of some traces.
    for trace in traces.sorted().suffix(200) {
      #expect(try await AcknowledgedSpans.spans(of: trace, port: controlPlane.ports.collector) == AcknowledgedSpans.all)
    }
  }

  // MARK: The programs

  private static let keptSpans = 4_000_000

  private static func withControlPlane(
    _ settings: [String: String], _ body: (ControlPlaneProcess) async throws -> Void
  ) async throws {
    let settings = settings.merging(["KUMA_COLLECTOR_RETENTION_MAX_SPANS": "\(keptSpans)"]) { $1 }
    try await ControlPlaneProcess.run(isStarted: false, settings: settings, body)
  }
}
