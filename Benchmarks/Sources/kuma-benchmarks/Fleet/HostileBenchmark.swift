import Foundation
import MeshClient
import MeshModel
import ProxySimulation

/// What proxies that refuse everything, and proxies that do not read, cost the others: two control planes with as many proxies each, of
/// which one has only proxies that behave. Changes of the two take turns.
enum HostileBenchmark {
  private static let name = "hostile"
  /// How many bytes the control plane may hold for a proxy that does not read.
  private static let bytesPerReader = 1e6

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    try await ControlPlane.run(context) { peaceful in
      try await ControlPlane.run(context) { hostile in try await measure(context, peaceful, hostile) }
    }
  }

  private static func measure(
    _ context: BenchmarkContext, _ peaceful: ControlPlane, _ hostile: ControlPlane
  ) async throws -> [ResultRow] {
    let proxies = context.size(500, quick: 100)
    let readers = context.size(100, quick: 20)
    let sides = [
      HostileFleet(peaceful, proxies: proxies, slowReaders: readers, isHostile: false),
      HostileFleet(hostile, proxies: proxies, slowReaders: readers, isHostile: true),
    ]
    for side in sides { try await side.connect() }
    let comparisons = try await compare(sides, rounds: context.size(25, quick: 5))
    try sides[1].check()
    var memory = Comparison()
    memory.add(value: sides[1].bytesPerReader, baseline: sides[0].bytesPerReader)
    for side in sides { await side.end() }
    try BenchmarkFailure.unless(
      sides[1].bytesPerReader <= bytesPerReader,
      "a proxy that does not read costs \(Unit.bytes.text(sides[1].bytesPerReader)), which should be at most 1 MB")
    let others = sides[1].others.count
    let against = "the same \(others) where all \(proxies + readers) behave"
    let crowd = "\(proxies - others) refuse, \(readers) do not read"
    return [
      ResultRow(
        name, "a change, to the answer of half of \(others) others: \(crowd)", in: .seconds, against: against,
        comparisons.half),
      ResultRow(
        name, "a change, to the answer of 99 % of them", in: .seconds, against: against, comparisons.almostAll),
      ResultRow(
        name, "a change, CPU until idle", in: .seconds, against: "where all \(proxies + readers) behave",
        comparisons.cpu),
      ResultRow(
        name, "memory per proxy that does not read", in: .bytes, against: "per proxy that does", memory),
    ]
  }

  private static func compare(
    _ sides: [HostileFleet], rounds: Int
  ) async throws -> (half: Comparison, almostAll: Comparison, cpu: Comparison) {
    var (half, almostAll, cpu) = (Comparison(), Comparison(), Comparison())
    for round in 0...rounds {
      var figures: [Int: (times: [Double], cpu: Double)] = [:]
      for side in round.isMultiple(of: 2) ? [0, 1] : [1, 0] { figures[side] = try await sides[side].change() }
      // The first round is not measured.
      guard round > 0, let peaceful = figures[0], let hostile = figures[1] else { continue }
      half.add(value: hostile.times.median, baseline: peaceful.times.median)
      almostAll.add(value: hostile.times.quantile(0.99), baseline: peaceful.times.quantile(0.99))
      cpu.add(value: hostile.cpu, baseline: peaceful.cpu)
    }
    return (half, almostAll, cpu)
  }
}

/// The proxies of one control plane: those that are timed, those that refuse all listeners, and those that do not read.
final class HostileFleet {
  /// The proxies that are timed, by their index.
  let others: Range<Int>
  /// How much memory a proxy that does not read has taken, in bytes.
  private(set) var bytesPerReader = 0.0
  private let controlPlane: ControlPlane
  private let mesh: FleetMesh
  private let fleet: ProxyFleet
  private let readers: ProxyFleet
  private let readerCount: Int
  private let isHostile: Bool
  private let clock = ContinuousClock()
  private var running: [Task<Void, Never>] = []
  private var revision = 0
  private var memory = 0.0
  /// Responses to those that refuse, when the changes begin.
  private var responses = 0

  init(_ controlPlane: ControlPlane, proxies: Int, slowReaders: Int, isHostile: Bool) {
    self.controlPlane = controlPlane
    self.isHostile = isHostile
    readerCount = slowReaders
    // Ten outbounds: a response of some size.
    mesh = FleetMesh(proxies: proxies + slowReaders, outbounds: 10)
    others = 0..<(proxies - proxies / 10)
    var settings = ProxyFleet.Settings(port: controlPlane.dataplanePort)
    settings.isSecure = true
    fleet = ProxyFleet(nodeIDs: Array(mesh.nodeIDs.prefix(proxies)), settings: settings)
    // Longer than the benchmark: they read one response.
    if isHostile { settings.readingDelay = .seconds(3_600) }
    readers = ProxyFleet(nodeIDs: Array(mesh.nodeIDs.suffix(slowReaders)), settings: settings)
    guard isHostile else { return }
    for index in others.upperBound..<proxies {
      fleet.refuseAlways(SimulatedType.listeners, of: mesh.nodeIDs[index], message: "not this one either")
    }
  }

  deinit { for task in running { task.cancel() } }

  /// Writes the mesh and connects all: first those that read.
  func connect() async throws {
    let client = controlPlane.client
    _ = try await client.put(mesh.mesh())
    _ = try await client.put(mesh.policy)
    for index in 0..<mesh.proxyCount { _ = try await client.put(mesh.dataplane(index)) }
    running.append(Task { [fleet] in await fleet.run() })
    let others = others
    try await poll("the proxies to hold their first configuration") {
      fleet.ask { $0[others].allSatisfy(\.isConfigured) && $0.allSatisfy { $0.responses >= 3 } }
    }
    try await controlPlane.process.isQuiet()
    memory = controlPlane.process.residentBytes
    running.append(Task { [readers] in await readers.run() })
    try await poll("those that read slowly to be connected") {
      readers.ask { [isHostile] in $0.allSatisfy { isHostile ? $0.isConnected : $0.isConfigured } }
    }
    try await controlPlane.process.isQuiet()
    responses = refusedResponses
  }

  private var refusedResponses: Int { fleet.ask { $0[others.upperBound...].reduce(0) { $0 + $1.responses } } }

  /// Changes what all hold, and waits until the others have answered and the control plane is at rest: a refusal that was answered with
  /// the same version again would keep it busy for ever.
  ///
  /// - Returns: the seconds from before the write to the answer of each of the others, and the processor time.
  func change() async throws -> (times: [Double], cpu: Double) {
    revision += 1
    let (start, cpu) = (clock.now, controlPlane.process.cpuSeconds)
    _ = try await controlPlane.client.put(mesh.mesh(revision: revision))
    let others = others
    try await poll("the others to answer") {
      fleet.ask { $0[others].allSatisfy { ($0.lastAnswer ?? start) > start } }
    }
    let times = fleet.ask { $0[others].compactMap(\.lastAnswer) }.map { ($0 - start) / .seconds(1) }
    try await controlPlane.process.isQuiet()
    bytesPerReader = (controlPlane.process.residentBytes - memory) / Double(readerCount)
    return (times, controlPlane.process.cpuSeconds - cpu)
  }

  /// Each change has to bring a proxy that refuses one response and no more, and none may have to connect again.
  func check() throws {
    let refusing = fleet.ask { $0[others.upperBound...] }
    try BenchmarkFailure.unless(
      refusedResponses - responses == revision * refusing.count,
      "\(refusing.count) proxies that refuse should get a response for each of \(revision) changes, not "
        + "\(refusedResponses - responses)")
    try BenchmarkFailure.unless(
      fleet.ask { $0.allSatisfy { $0.streams == 1 } }, "a proxy had to connect again: \(refusing.map(\.streams))")
  }

  /// Lets all proxies go.
  func end() async {
    for task in running { task.cancel() }
    for task in running { await task.value }
  }
}
