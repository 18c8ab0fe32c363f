import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

/// What is said of proxies with which nothing is wrong, while they restart and are replaced, and their clocks differ.
@Suite(
  "Nothing is wrong", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(
    if: SoakSettings.isSoak, "make soak runs it: its limits are seconds, and forty Envoys take the whole machine"),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct HealthyTracesTests {
  /// How long requests are sent; `make soak` says longer.
  private static let seconds = SoakSettings.value("SOAK_SECONDS", or: 40)
  private static let requests = 10_000

  /// Proxies, their sampling, and by how many milliseconds their clocks are ahead.
  private static let more = [("ahead", 10, 200), ("behind", 100, -200)]

  /// When a proxy was not there, or not yet.
  private final class Absences: Sendable {
    private struct Absence {
      var proxy: String
      var begin: ContinuousClock.Instant
      var end: ContinuousClock.Instant?
    }

    private let all = Mutex<[Absence]>([])

    /// Runs a body while a proxy is away, for ever if it does not come back.
    func note(_ proxy: String, isBack: Bool = true, while body: () async throws -> Void) async rethrows {
      let index = all.withLock { all in
        all.append(Absence(proxy: proxy, begin: .now))
        return all.count - 1
      }
      try await body()
      if isBack { all.withLock { $0[index].end = .now } }
    }

    /// Whether it was away then. What is said of it may be read a moment later.
    func contains(_ proxy: String, at time: ContinuousClock.Instant) -> Bool {
      all.withLock { all in
        all.contains { $0.proxy == proxy && $0.begin <= time && $0.end.map { time <= $0 + .seconds(3) } ?? true }
      }
    }
  }

  @Test("no fault is named in 10,000 requests with restarts, deployments, little sampling and clocks that differ")
  func healthy() async throws {
    try await NoTraceRig.run { rig in
      try await ClockSkew.build(in: rig.controlPlane.home)
      try await rig.controlPlane.apply(Self.resources(rig))
      try await rig.startHealthy()
      for (name, _, skew) in Self.more {
        try await rig.start(name, shape: NoTraceRig.Shape(script: ClockSkew.script(milliseconds: skew)))
      }
      for (name, _, _) in Self.more { try await rig.waitUntilListening(name) }
      let begin = ContinuousClock.now
      rig.load.send("shop", to: SteadyLoad.Target(port: try rig.proxy("shop").inboundPort, rate: 10))
      let rate = Double(Self.requests) / 40 / 3
      for name in ["prices"] + Self.more.map(\.0) {
        rig.load.send(name, to: SteadyLoad.Target(port: try rig.proxy(name).inboundPort, rate: rate))
      }
      let absences = Absences()
      try await Self.disturb(rig, absences, until: begin + .seconds(Self.seconds))
      try await eventually("\(Self.requests) answers") {
        rig.load.outcomes.values.reduce(0) { $0 + ($1.answered[200] ?? 0) } >= Self.requests
      }
      Self.check(rig, absences)
    }
  }

  private static func resources(_ rig: NoTraceRig) -> String {
    let samplings = NoTraceRig.healthy.map { ($0, 1) } + more.map { ($0.0, $0.1) }
    let backends = Set(samplings.map(\.1)).sorted().map { sampling in
      "  - {name: of-\(sampling), type: zipkin, sampling: \(sampling), conf: {url: '\(rig.collectorURL())', apiVersion: auto}}\n"
    }
    let mesh = "type: Mesh\nname: default\ntracing:\n  backends:\n" + backends.joined()
    let policies = samplings.map { Injection.policy($0.0, backend: "of-\($0.1)") }
    return ([mesh] + policies).joined(separator: "---\n")
  }

  /// Restarts a proxy and replaces another one by a newer version, again and again.
  private static func disturb(_ rig: NoTraceRig, _ absences: Absences, until end: ContinuousClock.Instant) async throws
  {
    var version = 1
    var prices = "prices"
    let clock = ContinuousClock()
    while clock.now < end {
      try await clock.sleep(until: min(end, clock.now + .seconds(6)))
      try await absences.note("stock") {
        await (try rig.proxy("stock")).stop()
        try await rig.start("stock", shape: NoTraceRig.Shape(calls: ["prices"]))
        try await rig.waitUntilListening("stock")
        rig.applications["stock"]?.call(try rig.proxy("stock").outboundPort)
      }
      try await clock.sleep(until: min(end, clock.now + .seconds(6)))
      version += 1
      let next = "prices-\(version)"
      try await absences.note(next) {
        try await rig.start(next, service: "prices", shape: NoTraceRig.Shape(tags: ", version: v\(version)"))
        try await rig.waitUntilListening(next)
      }
      rig.load.send(
        "prices", to: SteadyLoad.Target(port: try rig.proxy(next).inboundPort, rate: Double(requests) / 120))
      let last = prices
      await absences.note(last, isBack: false) { await (try? rig.proxy(last))?.stop() }
      prices = next
    }
  }

  private static func check(_ rig: NoTraceRig, _ absences: Absences) {
    let proxies = rig.watch.proxies
    #expect(Set(proxies).isSuperset(of: ["shop", "stock", "prices", "ahead", "behind"]), "\(proxies)")
    var verdicts: [String: Int] = [:]
    for proxy in proxies {
      let changes = rig.watch.changes(of: proxy)
      for change in changes { verdicts[change.verdict.cause, default: 0] += 1 }
      let faults = changes.filter { !$0.verdict.isHarmless && !absences.contains(proxy, at: $0.time) }.map(
        \.verdict.line)
      #expect(faults.isEmpty, "\(proxy): \(faults)")
      #expect(rig.watch.alarms(of: proxy).isEmpty, "\(proxy): \(rig.watch.alarms(of: proxy))")
      // The newest instance may have been there for a moment only.
      let isNew = changes.first.map { $0.time + .seconds(15) > ContinuousClock.now } ?? true
      #expect(isNew || changes.contains { $0.verdict.isFine }, "\(proxy): \(changes.map(\.verdict.line))")
    }
    #expect(rig.watch.changes(of: "behind").last?.verdict.cause == "fine")
    // Also not of an instance that has just taken the place of another.
    #expect(verdicts["past-the-proxy"] == nil)
    let sent = rig.load.outcomes.values.reduce(0) { $0 + $1.sent }
    print(
      "no-trace: \(sent) requests of proxies with which nothing is wrong; verdicts, each with its repetitions: \(verdicts)"
    )
  }
}
