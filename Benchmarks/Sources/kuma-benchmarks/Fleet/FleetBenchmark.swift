import Foundation
import MeshModel
import ProxySimulation

/// A control plane as operators run it, in a process of its own, with proxies that subscribe as Envoy does: real gRPC and
/// TLS, one connection each. 20 services, one HTTP inbound and three outbounds per proxy; resources are in SQLite.
enum FleetBenchmark {
  private static let name = "fleet"

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var all: [FleetFigures] = []
    var rows: [ResultRow] = []
    let usual = context.size([250, 500, 1000, 2000, 5000], quick: [100, 400])
    for size in context.fleetSizes.isEmpty ? usual : context.fleetSizes {
      say("  \(size) proxies")
      let figures = try await ControlPlane.run(context) { try await measure(context, size, $0) }
      all.append(figures)
      rows += figures.rows(name)
    }
    return rows + growth(all)
  }

  private static func measure(
    _ context: BenchmarkContext, _ size: Int, _ controlPlane: ControlPlane
  ) async throws -> FleetFigures {
    var figures = FleetFigures(size: size)
    let measurement = FleetMeasurement(FleetMesh(proxies: size), controlPlane)
    figures.base = measurement.residentBytes
    try await measurement.create()
    figures.created = measurement.residentBytes
    figures.connect = try await measurement.connect()
    figures.connected = measurement.residentBytes
    figures.idle = try await measurement.idle(for: .seconds(context.size(10, quick: 3)))

    let rounds = context.size(5, quick: 2)
    for _ in 0..<rounds { try await measurement.changeBackend(&figures.backend) }
    let mesh = measurement.mesh
    let service = mesh.service(0)
    let members = Set((0..<size).filter { mesh.service($0) == service })
    for _ in 0..<rounds {
      try await measurement.changePolicy(matching: [TagName.service: service], of: members, &figures.service)
      try await measurement.changePolicy(matching: FleetMesh.teamMatch, of: mesh.team, &figures.team)
      try await measurement.changeNothing(&figures.nothing)
    }
    try figures.check()
    try await baselines(context, measurement, controlPlane, rounds, &figures)

    for _ in 0..<context.size(10, quick: 2) { try await measurement.reconnect() }
    figures.churned = measurement.residentBytes
    (figures.restart, figures.restartResponses) = try await measurement.restart()
    await measurement.end()
    return figures
  }

  /// The same bytes without a control plane: to plain sockets, and by grpc.aio to as many simulated proxies.
  private static func baselines(
    _ context: BenchmarkContext, _ measurement: FleetMeasurement, _ controlPlane: ControlPlane, _ rounds: Int,
    _ figures: inout FleetFigures
  ) async throws {
    let held = measurement.fleet.ask { $0[0].held }
    let listeners = held[SimulatedType.listeners]?.contents.values.reduce(0) { $0 + $1.count } ?? 0
    // Closed before the next fleet needs descriptors.
    do {
      let sockets = try FanOut(count: figures.size, payload: listeners, answer: 120)
      for _ in 0...rounds { figures.sockets.append(try sockets.push()) }
    }
    figures.sockets.removeFirst()

    let server = try await AioServer(context, serving: held, as: controlPlane)
    do {
      try await measure(server, rounds, nodeIDs: measurement.mesh.nodeIDs, &figures)
      await server.stop()
    } catch {
      await server.stop()
      throw error
    }
  }

  private static func measure(
    _ server: AioServer, _ rounds: Int, nodeIDs: [String], _ figures: inout FleetFigures
  ) async throws {
    var settings = ProxyFleet.Settings(port: server.port)
    settings.isSecure = true
    let fleet = ProxyFleet(nodeIDs: nodeIDs, settings: settings)
    let before = server.process.residentBytes
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    try await poll("grpc.aio to serve all proxies") { fleet.ask { $0.allSatisfy(\.isConfigured) } }
    try await server.process.isQuiet()
    figures.aioMemory = (server.process.residentBytes - before) / Double(figures.size)
    let clock = ContinuousClock()
    for _ in 0..<rounds {
      let (start, cpu) = (clock.now, server.process.cpuSeconds)
      server.push()
      try await poll("all proxies to answer grpc.aio") {
        fleet.ask { proxies in proxies.allSatisfy { ($0.lastAnswer ?? start) > start } }
      }
      try await server.process.isQuiet()
      let last = fleet.ask { $0.compactMap(\.lastAnswer).max() } ?? clock.now
      figures.aio.append(Cost(wall: (last - start) / .seconds(1), cpu: server.process.cpuSeconds - cpu))
    }
  }

  /// How the costs grow with the number of proxies.
  private static func growth(_ all: [FleetFigures]) -> [ResultRow] {
    func row(_ what: String, _ figure: (FleetFigures) -> Double) -> ResultRow {
      ResultRow(
        name, "growth with N of \(what), N^", in: .count, against: "",
        Comparison(values: [growthExponent(all.map { ($0.size, figure($0)) })]))
    }
    return [
      row("CPU of a changed backend") { $0.backend.cpu.median },
      row("wall of a changed backend") { $0.backend.last.median },
      row("CPU of a policy for 50 proxies") { $0.team.cpu.median },
      row("CPU of grpc.aio for a changed backend") { $0.aio.map(\.cpu).median },
    ]
  }
}

/// What a fleet of one size cost.
struct FleetFigures {
  let size: Int
  /// Memory of the empty control plane, with the resources of all proxies, with all connected, and after all came anew.
  var base = 0.0
  var created = 0.0
  var connected = 0.0
  var churned = 0.0
  var connect = Cost(wall: 0, cpu: 0)
  /// A share of one processor.
  var idle = 0.0
  var backend = ChangeCosts()
  var service = ChangeCosts()
  var team = ChangeCosts()
  var nothing = ChangeCosts()
  var restart = 0.0
  var restartResponses = 0
  var sockets: [Cost] = []
  var aio: [Cost] = []
  var aioMemory = 0.0

  /// Memory per connected proxy.
  var memory: Double { (connected - created) / Double(size) }

  /// Figures of wrong work are worth nothing.
  func check() throws {
    try BenchmarkFailure.unless(
      backend.responses.allSatisfy { $0 == size },
      "each of \(size) proxies should get one response: \(backend.responses)")
    try BenchmarkFailure.unless(
      nothing.responses.allSatisfy { $0 == 0 }, "a write that changes nothing made responses: \(nothing.responses)")
  }

  func rows(_ name: String) -> [ResultRow] {
    func row(
      _ what: String, _ unit: Unit, _ values: [Double], against: String = "", _ baselines: [Double] = []
    ) -> ResultRow {
      ResultRow(
        name, "N = \(size): \(what)", in: unit, against: against, Comparison(values: values, baselines: baselines))
    }
    let (rawWall, aioWall, aioCPU) = (sockets.map(\.wall), aio.map(\.wall), aio.map(\.cpu))
    return [
      row("all connect and hold a configuration, wall", .seconds, [connect.wall]),
      row("all connect and hold a configuration, CPU", .seconds, [connect.cpu]),
      row(
        "backend changes, to the last answer", .seconds, backend.last, against: "the same bytes to plain sockets",
        rawWall),
      row("backend changes, to the last answer", .seconds, backend.last, against: "grpc.aio, the same bytes", aioWall),
      row("backend changes, CPU", .seconds, backend.cpu, against: "grpc.aio, the same bytes", aioCPU),
      row("policy for \(service.concerned), to the last answer", .seconds, service.last),
      row("policy for \(service.concerned), CPU", .seconds, service.cpu),
      row("policy for \(team.concerned), CPU", .seconds, team.cpu),
      row("a write that changes nothing, CPU", .seconds, nothing.cpu, against: "the changed backend", backend.cpu),
      row("idle, of one processor", .cores, [idle], against: "all computed once a second", [backend.cpu.median]),
      row("memory of the empty control plane", .bytes, [base]),
      row("memory per connected proxy", .bytes, [memory], against: "grpc.aio", [aioMemory]),
      row("memory after reconnects of all", .bytes, [churned], against: "before them", [connected]),
      row("killed and started, all hold a change, wall", .seconds, [restart]),
    ]
  }
}
