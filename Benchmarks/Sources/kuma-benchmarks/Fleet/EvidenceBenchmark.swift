import Foundation
import MeshClient
import MeshModel
import ProcessSupervisor
import ProxySimulation

/// What it costs a control plane that proxies tell what their Envoys count (docs/evidence.md): a fleet over TLS whose `kuma-dp`s send
/// what they would send, at the pace at which they would.
enum EvidenceBenchmark {
  private static let name = "evidence"
  /// Between two messages of a proxy under load, and between two signs of life: the pace of `kuma-dp`.
  private static let (message, signOfLife) = (8.0, 300.0)

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let proxies = context.fleetSizes.first ?? context.size(1000, quick: 200)
    let fleet = try await ControlPlane.run(context) { try await measure(context, proxies, $0) }
    let settings = [
      "KUMA_DP_SERVER_ENVOY_METRICS_ENABLED": "true", "KUMA_DP_SERVER_ENVOY_METRICS_INTERVAL": "1s",
    ]
    let foreign = try await ControlPlane.run(context, settings: settings) { try await measureEnvoy(context, $0) }
    return fleet + [foreign]
  }

  private static func measure(
    _ context: BenchmarkContext, _ proxies: Int, _ controlPlane: ControlPlane
  ) async throws -> [ResultRow] {
    say("  \(proxies) proxies")
    let measurement = FleetMeasurement(FleetMesh(proxies: proxies), controlPlane)
    try await measurement.create()
    _ = try await measurement.connect()
    let reporters = measurement.mesh.nodeIDs.map { Reporter(nodeID: $0, port: controlPlane.dataplanePort) }
    let window = context.size(20.0, quick: 6)

    // Idle: a sign of life each, over a connection of its own.
    try await send(reporters, isWhole: true)
    for reporter in reporters { reporter.disconnect() }
    try await controlPlane.process.isQuiet()
    let count = Int((Double(proxies) * window / signOfLife).rounded(.up))
    let idle = try await Comparison(rounds: context.size(3, quick: 1)) {
      try await share(of: controlPlane.process, within: window) {
        try await pace(count, over: window) { number in
          let reporter = reporters[number % proxies]
          try await reporter.send(changes: 0)
          reporter.disconnect()
        }
      }
    } baseline: {
      try await measurement.idle(for: .seconds(window))
    }

    // Load: every eight seconds what changed, over a connection that stays.
    try await controlPlane.process.isQuiet()
    let before = measurement.residentBytes
    try await send(reporters, isWhole: false)
    try await controlPlane.process.isQuiet()
    let rounds = context.size(6, quick: 2)
    let loaded = try await share(of: controlPlane.process, within: Double(rounds) * message) {
      try await pace(proxies * rounds, over: Double(rounds) * message) {
        try await reporters[$0 % proxies].send(changes: 10)
      }
    }
    let connected = measurement.residentBytes
    for reporter in reporters { reporter.disconnect() }
    try await controlPlane.process.isQuiet()
    let after = measurement.residentBytes
    await measurement.end()
    func row(_ what: String, _ unit: Unit, _ figures: Comparison, against: String = "") -> ResultRow {
      ResultRow(name, what, in: unit, against: against, figures)
    }
    let quiet = idle.baselines.median
    return [
      row("\(proxies) idle proxies, of one processor", .cores, idle, against: "the same without evidence"),
      row(
        "under load, CPU per proxy and minute", .seconds,
        Comparison(values: [(loaded - quiet) * 60 / Double(proxies)])),
      row(
        "under load, memory per proxy with its connection", .bytes,
        Comparison(values: [(connected - before) / Double(proxies)])),
      row(
        "memory per proxy after \(rounds) messages, without a connection", .bytes,
        Comparison(values: [(after - before) / Double(proxies)])),
    ]
  }

  /// A real Envoy whose bootstrap was asked for without a word of evidence, as Kuma's own `kuma-dp` does.
  private static func measureEnvoy(_ context: BenchmarkContext, _ controlPlane: ControlPlane) async throws -> ResultRow
  {
    var ports = FreePorts()
    let (inbound, admin) = (try ports.take(), try ports.take())
    let dataplane: DocumentValue = [
      "type": "Dataplane", "mesh": "default", "name": "foreign",
      "networking": [
        "address": "127.0.0.1",
        "inbound": [
          ["port": .integer(Int64(inbound)), "tags": ["kuma.io/service": "web", "kuma.io/protocol": "http"]]
        ],
      ],
    ]
    _ = try await controlPlane.client.send(.put, "/meshes/default/dataplanes/foreign", document: dataplane)
    let server = ControlPlaneClient(
      address: try ControlPlaneAddress("https://127.0.0.1:\(controlPlane.dataplanePort)"),
      settings: ControlPlaneClient.Settings(skipVerify: true))
    let bootstrap = try await server.text(
      .post, "/bootstrap",
      document: ["mesh": "default", "name": "foreign", "adminPort": .integer(Int64(admin))])
    try BenchmarkFailure.unless(bootstrap.contains("metrics_service"), "the bootstrap has no sink of statistics")
    let file = context.newPath("foreign") + ".yaml"
    try Data(bootstrap.utf8).write(to: URL(fileURLWithPath: file))
    let before = try await quietShare(controlPlane.process)
    let envoy = try ChildProcess.start(
      ChildProcess.Command(
        context.project.appending(path: ".venv/bin/envoy").path,
        ["-c", file, "--disable-hot-restart", "--concurrency", "1", "-l", "off"],
        environment: ProcessInfo.processInfo.environment, output: .file(file + ".output"), errors: .file(file + ".log"))
    )
    let interface = ControlPlaneClient(address: try ControlPlaneAddress("http://127.0.0.1:\(admin)"))
    var statistics = 0
    var figure = Double.nan
    var failure: (any Error)?
    do {
      try await poll("the foreign Envoy") { (try? await interface.text("/ready"))?.hasPrefix("LIVE") == true }
      try await Task.sleep(for: .seconds(3))
      statistics = try await interface.text("/stats?usedonly").split(separator: "\n").count
      // A message each second.
      figure = try await share(of: controlPlane.process, within: context.size(30, quick: 10)) {} - before
    } catch { failure = error }
    _ = await envoy.end(within: .zero)
    if let failure { throw failure }
    return ResultRow(
      name, "Envoy's metrics service, \(statistics) statistics, CPU per message", in: .seconds, against: "",
      Comparison(values: [figure]))
  }

  private static func quietShare(_ process: ServerProcess) async throws -> Double {
    try await process.isQuiet()
    return try await share(of: process, within: 5) {}
  }

  /// The share of a processor that a process takes while something is done that takes a time.
  private static func share(
    of process: ServerProcess, within window: Double, _ work: () async throws -> Void
  ) async throws -> Double {
    let clock = ContinuousClock()
    let (start, cpu) = (clock.now, process.cpuSeconds)
    try await work()
    try await Task.sleep(until: start + .seconds(window), clock: clock)
    return (process.cpuSeconds - cpu) / ((clock.now - start) / .seconds(1))
  }

  /// Does something so many times, evenly spread over a time.
  private static func pace(_ count: Int, over window: Double, _ work: (Int) async throws -> Void) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    for number in 0..<count {
      try await Task.sleep(until: start + .seconds(window * Double(number) / Double(count)), clock: clock)
      try await work(number)
    }
  }

  private static func send(_ reporters: [Reporter], isWhole: Bool) async throws {
    for reporter in reporters { try await reporter.send(changes: isWhole ? nil : 10) }
  }
}

/// Sends what a `kuma-dp` sends of an Envoy with an inbound and three outbounds.
private final class Reporter {
  private let (mesh, name): (String, String)
  private let address: String
  private var client: ControlPlaneClient?
  private var sequence = 0
  private var count = 0

  init(nodeID: String, port: Int) {
    let parts = nodeID.split(separator: ".", maxSplits: 1).map(String.init)
    (mesh, name) = (parts[0], parts[1])
    address = "https://127.0.0.1:\(port)"
  }

  /// Closes the connection.
  func disconnect() { client = nil }

  /// Sends a message, which must be kept.
  ///
  /// - Parameter changes: how many statistics have changed; `nil` for a message with all.
  func send(changes: Int?) async throws {
    let client =
      try client
      ?? ControlPlaneClient(
        address: ControlPlaneAddress(address), settings: ControlPlaneClient.Settings(skipVerify: true))
    self.client = client
    sequence += 1
    count += 100
    let values = Self.statistics.prefix(changes ?? Self.statistics.count).map { "\"\($0)\":\(count)" }
    let text = """
      {"mesh":"\(mesh)","name":"\(name)","epoch":"e","sequence":\(sequence),"whole":\(changes == nil),\
      "time":\(Int64(Date().timeIntervalSince1970 * 1_000)),"values":{\(values.joined(separator: ","))}}
      """
    let report = try DocumentValue(json: text.utf8)
    let answer = try await client.exchange(.post, "/evidence", document: report)
    try BenchmarkFailure.unless(
      answer.status == 204, "a report was answered \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
  }

  /// Statistics of such an Envoy, those that change with each request first.
  private static let statistics: [String] = {
    let collector = "cluster.tracing-auto_jaeger."
    var names = ["tracing.zipkin.spans_sent", "tracing.zipkin.reports_sent", collector + "upstream_rq_total"]
    names += [collector + "upstream_rq_202"]
    for listener in ["localhost_8080", "backend", "cart", "payments"] {
      names += ["downstream_rq_total", "tracing.random_sampling", "tracing.not_traceable"].map {
        "http.\(listener).\($0)"
      }
    }
    for service in ["backend", "cart", "payments"] {
      names += ["upstream_rq_total", "upstream_cx_total"].map { "cluster.\(service).\($0)" }
    }
    for listener in ["localhost_8080", "backend", "cart", "payments"] {
      names += ["downstream_rq_active", "downstream_rq_rx_reset"].map { "http.\(listener).\($0)" }
    }
    return names
      + ["upstream_cx_total", "upstream_rq_timeout", "update_attempt", "membership_total", "membership_healthy"].map {
        collector + $0
      }
  }()
}
