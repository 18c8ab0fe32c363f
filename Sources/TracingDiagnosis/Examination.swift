import MeshModel
import MeshPolicy
import ProxyEvidence

/// One look at a proxy: what the parts of the diagnosis share.
struct Examination: Sendable {
  let input: DiagnosisInput
  /// The listeners, by their statistics.
  let groups: [ListenerGroup]
  /// The same, of those whose requests can leave spans.
  let traced: [ListenerGroup]
  /// What Envoy has counted, if it is known and of now.
  let history: EvidenceHistory?
  /// What Envoy has counted since it started.
  let newest: EnvoyEvidence
  /// What became of reports; `nil` without evidence.
  let delivery: Delivery?
  /// The parts of the past with traffic that counts for the verdict: of the last minute, or else of the last minute that had any.
  let samples: [EvidenceHistory.Sample]
  /// The traffic of these parts at traced listeners; gauges are the newest.
  let traffic: TrafficCounts
  let receipts: [Receipt]
  /// What the collector refused and stored of the proxy within the last minute or two; `nil` where it is not known.
  let lately: (refused: Int, stored: Int)?
  /// Since when requests are traced as they are now.
  let configuration: ConfigurationAge
  /// The reports that arrived since, or since Envoy started.
  let accepted: Int
  /// What traced listeners have counted since, or since Envoy started.
  let counted: TrafficCounts

  /// The time that is looked at, in seconds.
  static let window = 60.0
  /// How long a proxy may have been connected without evidence before that is remarkable, in seconds.
  static let firstEvidence = 15.0

  init(_ input: DiagnosisInput, _ memory: DiagnosisMemory, _ groups: [ListenerGroup]) {
    self.input = input
    self.groups = groups
    configuration = memory.configuration
    let base = memory.bases.last { input.now.secondsSince($0.time) >= Self.window } ?? memory.bases.first
    lately = base.flatMap { base in
      input.received.map {
        (refused: max(0, $0.refusedInAll - base.refusedInAll), stored: max(0, $0.total - base.storedInAll))
      }
    }
    traced = groups.filter(\.isTraced)
    history = input.evidence.flatMap { $0.isFresh(at: input.now) ? $0 : nil }
    newest = history?.newest ?? EnvoyEvidence()
    (accepted, counted) = configuration.counted(newest, traced)
    let change = configuration.isChanged ? configuration.since : nil
    delivery = history.map { Delivery($0, collector: input.collectorStatistics, since: change, now: input.now) }
    samples = Self.samples(of: history, traced, configured: memory.configured, now: input.now)
    var traffic = TrafficCounts()
    for sample in samples { for group in traced { traffic.add(sample.change.listeners[group.statistics]) } }
    traffic.active = TrafficCounts(newest, traced).active
    self.traffic = traffic
    receipts = ReceiptBook(input, memory, groups, history, newest: newest).receipts
  }

  /// The parts of the past with requests at traced listeners, since the configuration is what it is.
  private static func samples(
    of history: EvidenceHistory?, _ traced: [ListenerGroup], configured: Timestamp?, now: Timestamp
  ) -> [EvidenceHistory.Sample] {
    guard let history else { return [] }
    let all = history.ownSamples(after: configured).filter { sample in
      let counts = TrafficCounts(sample.change, traced)
      guard counts.requests > 0 || counts.judged > 0 || sample.change.tracer.spansSent > 0 else { return false }
      return configured.map { sample.begin >= $0 } ?? true
    }
    guard let last = all.last else { return [] }
    let end = min(now, last.time)
    let begin = now.secondsSince(last.time) <= window ? now : end
    return all.filter { begin.secondsSince($0.time) <= window }
  }

  // MARK: What the parts need

  var backend: TracingBackend? { input.explanation.resolution?.backend }

  /// The share of requests that is traced.
  var sampling: SamplingShare { SamplingShare(input) }

  /// How long spans wait in Envoy until they are reported, at most, in seconds.
  var interval: Double { Self.interval(of: input) }

  static func interval(of input: DiagnosisInput) -> Double {
    guard let interval = input.explanation.reports?.interval else { return 5 }
    let (seconds, attoseconds) = interval.components
    return Double(seconds) + Double(attoseconds) / 1e18
  }

  /// The host, the port and the path of the collector, as far as the backend says them.
  var collector: (host: String, port: UInt16, path: String?)? {
    switch backend.flatMap(TracingDestination.init)?.receiver {
    case .zipkin(let url, _)?: (url.host, url.port, url.path)
    case .datadog(let address, let port, _)?: (address, port, nil)
    case nil: nil
    }
  }

  /// The collector's address for sentences: `collector.example:9411`.
  var collectorText: String { collector.map { "\($0.host.abridged()):\($0.port)" } ?? "the collector" }

  /// Whether spans of requests after a time arrive, as far as anybody can tell, and no report is lost.
  func isFlowing(since time: Timestamp? = nil) -> Bool {
    if let delivery, delivery.outcome == .failing || delivery.outcome == .intermittent { return false }
    if receipts.contains(where: { $0.state == .silent || $0.state == .short }) { return false }
    let last: Timestamp? = if case .own = input.receiver { input.received?.lastStored } else { delivery?.lastSent }
    guard let last, input.now.secondsSince(last) <= 30 else { return false }
    return time.map { last.secondsSince($0) > interval + 0.5 } ?? true
  }

  /// What Envoy says of the newest traffic.
  var trafficFact: Verdict.Fact? {
    guard history != nil, traffic.requests > 0 || traffic.judged > 0, let first = samples.first, let last = samples.last
    else { return nil }
    let time = max(1, last.time.secondsSince(first.begin))
    return .init(
      .envoy,
      "Envoy counted \(traffic.requests.of("request")) at traced listeners within \(Timestamp.words(seconds: time)) until "
        + "\(last.time.wholeSecond) and chose \(traffic.decided.grouped) of them to be traced.")
  }
}
