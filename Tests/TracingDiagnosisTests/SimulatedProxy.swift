import Documents
import MeshModel
import MeshPolicy
import ProxyEvidence
import TestSupport
import TracingDiagnosis

/// A proxy under load, its Envoy, its `kuma-dp`, a collector and a control plane, on a clock of their own, in steps of a quarter of a
/// second. A seed decides everything that is left to chance.
struct SimulatedProxy {
  /// How spans are reported.
  struct Form: Sendable {
    var batch: Int
    var interval: Double
    /// Whether Envoy sends a report again that fails.
    var repeats: Bool

    static let json = Form(batch: 5, interval: 5, repeats: false)
    static let auto = Form(batch: 50, interval: 1, repeats: true)
  }

  /// What goes on beside the load.
  struct World: Sendable {
    var requestsPerSecond = 5.0
    var sampling = 100.0
    var form = Form.json
    /// Whether proxy, collector and control plane restart, and listeners change, every few minutes.
    var restarts = true
    /// The share of reports that the collector answers with 503 and does not store, from a time on.
    var losses: (share: Double, after: Double)?
    /// From when on reports are answered with 202 and not stored.
    var silentAfter: Double?
    /// How far the clock of the proxy's host is ahead, in seconds.
    var clock = 0.2
  }

  static let step = 0.25
  private static let inbound = Scene.inbound
  private let world: World
  private var random: SeededGenerator
  private(set) var now = 0.0

  // Envoy
  private var counters: [String: Int] = [:]
  private var active: [Double] = []
  private var buffer = 0
  private var lastFlush = 0.0
  private var lastRestart = 0.0
  private var epoch = 0
  private var envoyDownUntil = 0.0
  // Reports on their way: when they arrive, and how many spans they hold.
  private var reports: [(time: Double, spans: Int, sent: Double)] = []
  // kuma-dp
  private var lastTold: [String: Int] = [:]
  private var nextReading = 0.0
  private var reading: (reports: Int, time: Double)?
  private var answered: Double?
  /// When the messages began that come without a pause, and when the last one was sent.
  private var firstMessage = -60.0
  private var lastMessage = -60.0
  private var isAwaited = false
  private var messages: [(time: Double, text: String, epoch: Int, answered: Double?)] = []
  // Collector and control plane
  private var collectorDownUntil = 0.0
  private(set) var scene = Scene()
  private(set) var memory = DiagnosisMemory()
  private var stored = 0
  private var controlPlaneDownUntil = 0.0
  private var nextDiagnosis = 0.0
  private(set) var requests = 0
  /// When the first report was answered and not stored.
  private(set) var firstVanished: Double?

  init(_ world: World, seed: UInt64) {
    (self.world, random) = (world, SeededGenerator(seed: seed))
    scene.sampling = world.sampling
    scene.received?.since = Scene.time(-60)
    let (form, isAuto) = (world.form, world.form.repeats)
    scene.change = { input in
      input.explanation.reports = .init(
        format: isAuto ? .protobuf : .json, spans: form.batch, interval: .milliseconds(Int64(form.interval * 1_000)),
        reason: "simulated")
    }
  }

  private mutating func chance() -> Double { Double(random.next() >> 11) / Double(1 << 53) }
  private mutating func between(_ low: Double, _ high: Double) -> Double { low + chance() * (high - low) }

  private mutating func count(_ name: String, _ number: Int = 1) { counters[name, default: 0] += number }

  /// Lets a quarter of a second pass; returns what is said then, if anybody asks.
  mutating func advance() throws -> Diagnosis? {
    now += Self.step
    if world.restarts { restart() }
    load()
    flush()
    deliver()
    tell()
    return try ask()
  }

  private mutating func restart() {
    // Each of the four about every four minutes.
    guard now - lastRestart > 30, chance() < Self.step / 30 else { return }
    lastRestart = now
    switch random.next() % 4 {
    case 0:
      // The Envoy ends; what it holds is lost.
      (epoch, counters, active, buffer, lastTold) = (epoch + 1, [:], [], 0, [:])
      (reading, answered, isAwaited) = (nil, nil, false)
      envoyDownUntil = now + between(0.5, 4)
      (nextReading, firstMessage, lastMessage) = (envoyDownUntil, envoyDownUntil, -60)
    case 1:
      collectorDownUntil = now + between(0.3, 2)
      stored = 0
      scene.received = ReceivedSpans(since: Scene.time(collectorDownUntil))
    case 2:
      controlPlaneDownUntil = now + between(0.5, 3)
      (memory, messages, lastTold) = (DiagnosisMemory(), [], [:])
      scene.history = nil
      (nextReading, lastMessage) = (controlPlaneDownUntil + between(0, 2), -60)
    default: buffer = 0  // A deployment: the listeners have new tracers.
    }
  }

  private mutating func load() {
    active.removeAll { $0 <= now }
    guard now >= envoyDownUntil else { return }
    let mean = world.requestsPerSecond * Self.step * between(0.4, 1.6)
    let number = Int(mean + chance())
    for _ in 0..<number {
      requests += 1
      count("http.localhost_8080.downstream_rq_total")
      if chance() * 100 < world.sampling {
        count("http.localhost_8080.tracing.random_sampling")
        buffer += 1
        if buffer >= world.form.batch { send() }
      } else {
        count("http.localhost_8080.tracing.not_traceable")
      }
    }
  }

  private mutating func flush() {
    guard now - lastFlush >= world.form.interval else { return }
    lastFlush = now
    count("tracing.zipkin.timer_flushed")
    if buffer > 0 { send() }
  }

  private mutating func send() {
    count("tracing.zipkin.spans_sent", buffer)
    count("cluster.tracing_jaeger.upstream_rq_total")
    reports.append((now + between(0.01, 0.8), buffer, now))
    buffer = 0
  }

  private mutating func deliver() {
    let due = reports.filter { $0.time <= now }
    reports.removeAll { $0.time <= now }
    for report in due {
      if now < collectorDownUntil {
        count("cluster.tracing_jaeger.upstream_cx_connect_fail")
        if world.form.repeats, now - report.sent < 15 {
          count("cluster.tracing_jaeger.upstream_rq_retry")
          reports.append((now + between(0.1, 0.5), report.spans, report.sent))
        } else {
          count("tracing.zipkin.reports_dropped")
        }
      } else if let losses = world.losses, now > losses.after, chance() < losses.share {
        count("cluster.tracing_jaeger.upstream_rq_503")
        count("tracing.zipkin.reports_dropped")
      } else {
        count("cluster.tracing_jaeger.upstream_rq_202")
        count("tracing.zipkin.reports_sent")
        if now <= world.silentAfter ?? .infinity {
          store(report.spans)
        } else if firstVanished == nil {
          firstVanished = now
        }
      }
    }
  }

  private mutating func store(_ spans: Int) {
    stored += spans
    scene.stores(inbound: stored, at: now)
    // Reports wait for at most an interval; a clock that is ahead makes spans end later.
    scene.received?.clockOffset = 0.2 - world.clock
  }

  /// `kuma-dp` reads every two seconds, and sends what changed: at once after quiet, then every five seconds for half a minute, then
  /// every eight; failures, and what the control plane waits for, after two.
  private mutating func tell() {
    guard now >= envoyDownUntil, now >= nextReading else { return }
    nextReading = now + 2
    var all = counters
    all["cluster.tracing_jaeger.membership_total"] = 1
    let reports = all["tracing.zipkin.reports_sent"] ?? 0
    if let reading, reports > reading.reports { answered = reading.time }
    reading = (reports, now)
    let name = "tracing.zipkin.reports_dropped"
    let wait = isAwaited || all[name] != lastTold[name] ? 2.0 : now - firstMessage < 30 ? 5 : 8
    guard all != lastTold, now - lastMessage >= wait else { return }
    if now - lastMessage > 30 { firstMessage = now }
    let text = all.map { "\($0.key): \($0.value)\n" }.joined()
    messages.append((now + between(0.02, 0.4), text, epoch, answered.map { now - $0 }))
    (lastTold, lastMessage, isAwaited) = (all, now, false)
  }

  private mutating func ask() throws -> Diagnosis? {
    guard now >= controlPlaneDownUntil else { return nil }
    let due = messages.filter { $0.time <= now }
    messages.removeAll { $0.time <= now }
    if scene.history == nil, !due.isEmpty { scene.history = EvidenceHistory(source: .kumaDp, at: Scene.time(now)) }
    for message in due {
      scene.counts(
        message.text, at: now, whole: true, epoch: String(message.epoch), answerAge: message.answered)
    }
    if !due.isEmpty, let answered = scene.history?.answered, let last = scene.received?.lastStored {
      // As `EvidenceTable` does.
      isAwaited = (0...2).contains(answered.secondsSince(last)) && answered > last
    }
    if !due.isEmpty { nextDiagnosis = min(nextDiagnosis, now) }
    guard now >= nextDiagnosis else { return nil }
    nextDiagnosis = now + 5
    var input = try scene.input(at: now)
    if controlPlaneDownUntil > 0 { input.explanation.connection?.connectTime = Scene.time(controlPlaneDownUntil) }
    if now < envoyDownUntil + 0.5, envoyDownUntil > 0 {
      input.explanation.connection?.status = .offline
      input.explanation.connection?.disconnectTime = Scene.time(envoyDownUntil - 4)
    }
    return diagnose(input, memory: &memory)
  }
}
