import Foundation
import MeshModel
import MeshTestSupport
import Testing

/// Every cause of a missing trace, injected on real Envoys beside three services with which nothing is wrong.
@Suite(
  "Why there is no trace", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(
    if: SoakSettings.isSoak, "make soak runs it: its limits are seconds, and forty Envoys take the whole machine"),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct NoTraceTests {
  /// By how much the limits are longer, for a machine that does other work too.
  private static let slack = SoakSettings.value("NO_TRACE_SLACK", or: 1)

  private static let settings = [
    // A report of a proxy with ordinary requests is within them.
    "KUMA_COLLECTOR_LIMITS_BODY_SIZE": "100KiB", "KUMA_COLLECTOR_LIMITS_TAGS_PER_SPAN": "16",
    "KUMA_COLLECTOR_RETENTION_MAX_AGE": "20s",
  ]

  private static let injections =
    Injection.decided + Injection.collectors + Injection.requests + Injection.unknown + [
      // One report in a hundred is lost.
      Injection(
        cause: "answers-other-than-202", name: "lossy", limit: .seconds(60),
        destination: .url { $0.collectorURL(host: "127.0.0.3") },
        load: { _, proxy in SteadyLoad.Target(port: proxy.inboundPort, rate: 50) })
    ]

  @Test(
    "each cause is named within its time, by its own name, and nothing is said of those with which nothing is wrong")
  func causes() async throws {
    try await NoTraceRig.run(settings: Self.settings) { rig in
      try await ClockSkew.build(in: rig.controlPlane.home)
      try await rig.controlPlane.apply(try Self.resources(rig))
      try await rig.startHealthy()
      for injection in Self.injections where injection.hasProxy {
        try await rig.start(injection.name, shape: injection.shape)
      }
      try await rig.start("passer", shape: NoTraceRig.Shape(calls: ["passed"]))
      try await rig.waitUntilListening("passer")
      for injection in Self.injections where injection.hasProxy && injection.isListening {
        try await rig.waitUntilListening(injection.name)
      }
      for injection in Self.injections { try await injection.prepare?(rig) }

      let begin = ContinuousClock.now
      rig.load.send("shop", to: SteadyLoad.Target(port: try rig.proxy("shop").inboundPort))
      for injection in Self.injections where injection.hasProxy {
        rig.load.send(injection.name, to: injection.load(rig, try rig.proxy(injection.name)))
      }
      let results = try await Self.watch(rig)
      Self.print(results)
      for result in results { result.check(slack: Self.slack) }
      Self.checkHealthy(rig, since: begin)
    }
  }

  /// The mesh with all backends, and a policy for each proxy.
  private static func resources(_ rig: NoTraceRig) throws -> String {
    let own = rig.collectorURL()
    var backends = [
      "{name: auto, type: zipkin, sampling: 100, conf: {url: '\(own)', apiVersion: auto}}",
      "{name: nothing, type: zipkin, sampling: 100, conf: {url: '\(rig.collectorURL(host: "127.0.0.2"))'}}",
      "{name: foreign, type: zipkin, sampling: 100, conf: {url: '\(rig.collectorURL(host: "127.0.0.4"))'}}",
    ]
    var policies: [String] = []
    for injection in injections {
      var backend: String? = injection.name
      switch injection.destination {
      case .noPolicy: continue
      case .noBackend: backend = nil
      case .missing(let name): backend = name
      case .own(let sampling, let path, let conf):
        backends.append(
          "{name: \(injection.name), type: zipkin, sampling: \(sampling), conf: {url: '\(rig.collectorURL(path: path))'\(conf)}}"
        )
      case .url(let url, let conf):
        backends.append(
          "{name: \(injection.name), type: zipkin, sampling: 100, conf: {url: '\(try url(rig))'\(conf)}}")
      }
      policies.append(Injection.policy(injection.name, backend: backend) + injection.policies)
    }
    for service in NoTraceRig.healthy + ["passer"] { policies.append(Injection.policy(service, backend: "auto")) }
    let mesh = "type: Mesh\nname: default\ntracing:\n  backends:\n" + backends.map { "  - \($0)\n" }.joined()
    return ([mesh] + policies).joined(separator: "---\n")
  }

  // MARK: What is said

  /// What became of an injection.
  private struct Outcome: Sendable {
    var injection: Injection
    /// How long after its beginning it was named; `nil` if it was not.
    var delay: Duration?
    /// The last verdict.
    var last: VerdictWatch.Verdict?
    /// What was said before, in its order.
    var before: [String]

    func check(slack: Int) {
      let line = "\(injection.name) (\(injection.cause)): \(last?.line ?? "no verdict"); before: \(before)"
      guard let delay else {
        Issue.record("not named: \(line)")
        return
      }
      // It is asked for every 0.7 seconds.
      #expect(delay <= injection.limit * slack + .seconds(2), "named after \(delay): \(line)")
      #expect(last?.cause == injection.cause, "it does not stay: \(line)")
      guard injection.cause == "unknown" else { return }
      #expect(last?.evidence.isEmpty == false, "without evidence: \(line)")
      #expect(Set(before).isSubset(of: ["unknown", "none-expected", "fine"]), "a wrong name: \(line)")
    }
  }

  /// Begins all injections, and asks for the verdict on each until it is right or its time is over by far.
  private static func watch(_ rig: NoTraceRig) async throws -> [Outcome] {
    let outcomes = await withTaskGroup(of: Outcome.self) { group in
      for injection in injections { group.addTask { await watch(injection, rig) } }
      return await group.reduce(into: [Outcome]()) { $0.append($1) }
    }
    // Whether it stays.
    var final: [Outcome] = []
    for var outcome in outcomes.sorted(by: { $0.injection.name < $1.injection.name }) {
      outcome.last = try? await verdict(outcome.injection, rig)
      final.append(outcome)
    }
    return final
  }

  private static func verdict(_ injection: Injection, _ rig: NoTraceRig) async throws -> VerdictWatch.Verdict? {
    guard let ask = injection.verdict else { return try await rig.watch.verdict(of: injection.name) }
    return try await ask(rig.watch)
  }

  private static func watch(_ injection: Injection, _ rig: NoTraceRig) async -> Outcome {
    var outcome = Outcome(injection: injection, before: [])
    do { try await injection.begin?(rig) } catch {
      outcome.before.append("\(error)")
      return outcome
    }
    let clock = ContinuousClock()
    let begin = clock.now
    // What is not known yet is unknown too: what nobody can know is looked at when all could have been known.
    let start = injection.cause == "unknown" ? begin + injection.limit : begin
    while clock.now - begin < injection.limit * slack + .seconds(10) {
      let verdict = try? await verdict(injection, rig)
      if let verdict { outcome.last = verdict }
      if verdict?.cause == injection.cause, clock.now >= start {
        outcome.delay = clock.now - begin
        return outcome
      }
      if let cause = verdict?.cause, outcome.before.last != cause { outcome.before.append(cause) }
      try? await clock.sleep(for: .milliseconds(700))
    }
    return outcome
  }

  private static func print(_ outcomes: [Outcome]) {
    for outcome in outcomes {
      let seconds = outcome.delay.map {
        "\($0.formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 1))))"
      }
      Swift.print(
        "no-trace: \(outcome.injection.name): \(outcome.injection.cause) \(seconds.map { "after \($0)" } ?? "NOT NAMED"), "
          + "before: \(outcome.before), last: \(outcome.last?.line ?? "none")")
    }
  }

  /// Nothing was said of the three services but that they are fine.
  private static func checkHealthy(_ rig: NoTraceRig, since begin: ContinuousClock.Instant) {
    for service in NoTraceRig.healthy {
      let changes = rig.watch.changes(of: service)
      #expect(changes.last?.verdict.cause == "fine", "\(service): \(changes.last?.verdict.line ?? "no verdict")")
      let faults = changes.filter { $0.time > begin && !$0.verdict.isHarmless }.map(\.verdict.line)
      #expect(faults.isEmpty, "\(service): \(faults)")
      let outcome = rig.load.outcome("shop")
      #expect(outcome.failed == 0 && Set(outcome.answered.keys) == [200], "\(outcome)")
    }
  }
}
