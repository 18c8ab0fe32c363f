package import MeshHTTP
package import MeshModel
import MeshPolicy
package import MeshStore
import MeshXDS
import ProxyEvidence
import ServiceLifecycle
import TracingDiagnosis

/// Joins what is known of proxies and their spans: what was decided, what the connections say, what Envoys have counted, and what
/// the collector has received. It remembers of each proxy what its counts are compared with.
package actor TracingDiagnoses: TracingDiagnosing, Service {
  /// What is known of this control plane.
  package struct Settings: Sendable {
    /// Identifies this run of the control plane, as insights name it.
    package var instance: String
    /// Whether several control planes may share the store.
    package var isShared: Bool
    /// What makes an Envoy of a `kuma-dp` that is not of this product tell what it counts: a clause.
    package var advice: String

    /// Makes settings.
    package init(instance: String, isShared: Bool = false, advice: String = "") {
      self.instance = instance
      self.isShared = isShared
      self.advice = advice
    }
  }

  /// What is remembered of a proxy.
  private struct Remembered {
    var memory = DiagnosisMemory()
    /// The reports that its Envoy had lost at the last look, and since when that Envoy counts.
    var lost: (epoch: Timestamp, reports: Int)?
    /// The configuration that was outstanding at the last look: how many had been sent then, and since when.
    var outstanding: (sent: UInt64, value: DiagnosisInput.Outstanding)?

    /// Notes what is outstanding. What is sent and answered beside does not make it younger.
    mutating func note(outstanding: (sent: UInt64, value: DiagnosisInput.Outstanding)?) -> DiagnosisInput.Outstanding? {
      var new = outstanding
      if let known = self.outstanding, let outstanding, known.sent == outstanding.sent,
        known.value.discovery == outstanding.value.discovery, known.value.since < outstanding.value.since
      {
        new?.value.since = known.value.since
      }
      self.outstanding = new
      return new?.value
    }
    /// The last diagnosis, when and of what.
    var last: (diagnosis: Diagnosis, time: Timestamp, basis: Basis)?
  }

  /// What decides whether a diagnosis still holds, beside the time.
  private struct Basis: Equatable {
    var revision: Int
    var connection: ProxyConnection
    var evidence: Timestamp?
    var stored: Timestamp?
    var isWithCalls: Bool
  }

  private struct MeshState {
    var decided = DecidedMesh()
    var remembered: [String: Remembered] = [:]
    /// The last answer about all proxies.
    var whole: MeshTracing?
    /// Reports that Envoys have lost since this control plane heard of them.
    var lostReports = 0

    /// Counts the reports that a proxy's Envoy has lost since the last look.
    mutating func countLost(_ history: EvidenceHistory?, _ remembered: inout Remembered) {
      guard let history else { return }
      let lost = history.newest.tracer.lostReports
      if let before = remembered.lost, before.epoch == history.epochBegin {
        lostReports += max(0, lost - before.reports)
      }
      remembered.lost = (history.epochBegin, lost)
    }
  }

  private let store: any ResourceStore
  private let inspection: any ProxyInspecting
  private let evidence: (any EnvoyCounters)?
  private let collector: (any SpanReceipts)?
  private let receivers: any SpanReceivers
  private let settings: Settings
  private let clock: @Sendable () -> Timestamp
  private var meshes: [String: MeshState] = [:]

  /// The distance of two looks at the proxies that have counted something.
  private static let interval = Duration.seconds(5)
  /// How long an answer about a whole mesh is used again, in seconds.
  private static let wholeAge = 1.0
  /// How long it is used again for metrics, in seconds.
  private static let figuresAge = 14.0
  /// The age up to which a diagnosis of a proxy holds of which nothing has changed and whose evidence is as old, in seconds.
  private static let quietAge = 60.0

  /// - Parameters:
  ///   - store: has the resources, and insights with the newest counts.
  ///   - evidence: what Envoys count; `nil` where nothing collects it.
  ///   - collector: the collector of this control plane; `nil` if it runs none.
  package init(
    store: any ResourceStore, inspection: any ProxyInspecting, evidence: (any EnvoyCounters)?,
    collector: (any SpanReceipts)?, receivers: any SpanReceivers, settings: Settings,
    now: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    self.store = store
    self.inspection = inspection
    self.evidence = evidence
    self.collector = collector
    self.receivers = receivers
    self.settings = settings
    clock = now
  }

  /// Looks at proxies that count something every few seconds, so that what is asked later can be compared with something.
  package func run() async throws {
    guard let evidence else { return try await gracefulShutdown() }
    await cancelWhenGracefulShutdown {
      var last = Timestamp(seconds: 0)
      for await _ in evidence.changes() {
        let begin = self.clock()
        await self.note(evidence.all(mesh: nil).filter { $1.time > last }.keys)
        last = begin
        guard (try? await Task.sleep(for: Self.interval)) != nil else { break }
      }
    }
  }

  private func note(_ proxies: some Sequence<ProxyID>) async {
    for (mesh, proxies) in Dictionary(grouping: proxies, by: \.mesh) {
      // A store that cannot be read is a matter of others.
      _ = try? await examine(mesh, Set(proxies.map(\.name)), isAsked: false)
    }
  }

  // MARK: Answers

  package func tracing(of mesh: String, proxies: Set<String>?) async throws(StoreError) -> MeshTracing {
    if proxies == nil, let whole = meshes[mesh]?.whole, abs(clock().secondsSince(whole.time)) < Self.wholeAge,
      try await inspection.inspect(mesh, { $0.revision }) == whole.revision
    {
      return whole
    }
    return try await examine(mesh, proxies, isAsked: true)
  }

  package func senders() async -> SenderList {
    await collector?.senders()
      ?? SenderList(
        items: [], obstacle: "this control plane runs no trace collector, so it does not know who sends spans")
  }

  /// Figures of the proxies of all meshes, for metrics. They are at most ``figuresAge`` seconds old.
  ///
  /// - Throws: ``StoreError`` `unavailable` when the state is unknown.
  package func figures() async throws(StoreError) -> [TracingFigures] {
    var figures: [TracingFigures] = []
    for mesh in try await store.list(.mesh, mesh: nil).map(\.name).sorted() {
      var tracing = meshes[mesh]?.whole
      if tracing.map({ abs(clock().secondsSince($0.time)) >= Self.figuresAge }) ?? true {
        tracing = try await examine(mesh, nil, isAsked: true)
      }
      figures.append(TracingFigures(mesh, tracing?.proxies ?? [], lostReports: meshes[mesh]?.lostReports ?? 0))
    }
    return figures
  }

  // MARK: Examination

  /// - Parameter isAsked: whether somebody waits for the answer, so that it has to have everything.
  private func examine(
    _ mesh: String, _ names: Set<String>?, isAsked: Bool
  ) async throws(StoreError) -> MeshTracing {
    let index = try await inspection.inspect(mesh) { $0 }
    var insights: [String: DataplaneInsight] = [:]
    if let names, names.count == 1, let name = names.first {
      let key = ResourceKey(type: .dataplaneInsight, mesh: mesh, name: name)
      insights[name] = try await store.get(key)?.content(DataplaneInsight.self)
    } else {
      for resource in try await store.list(.dataplaneInsight, mesh: mesh) {
        insights[resource.name] = resource.content(DataplaneInsight.self)
      }
    }
    let retention = await collector?.retention()
    let programs = Dictionary(grouping: collector?.programs() ?? [], by: \.service)
    let broken = await collector?.brokenTraces() ?? [:]
    let histories = evidence?.all(mesh: mesh) ?? [:]
    // From here on nothing waits, so that the state is consistent.
    let now = clock()
    var state = meshes[mesh] ?? MeshState()
    state.decided.update(index)
    let asked = names.map { names in state.decided.proxies.filter(names.contains) } ?? state.decided.proxies
    let received = collector?.received(of: asked.map { ProxyID(mesh: mesh, name: $0) }) ?? [:]
    let others = settings.isShared && insights.values.contains { $0.openInstances(but: settings.instance) }
    var calls = isAsked ? counts(of: &state.decided, index, histories, now: now) : nil
    var results: [ProxyTracing] = []
    for name in asked {
      guard let decided = state.decided.tracing(of: name, index) else { continue }
      let proxy = ProxyID(mesh: mesh, name: name)
      let insight = insights[name]
      var remembered = state.remembered[name] ?? Remembered()
      let isWithCalls = isAsked || remembered.last?.diagnosis.verdict.isFine == false
      let basis = Basis(
        revision: index.revision, connection: ProxyConnection(insight), evidence: histories[proxy]?.time,
        stored: received[proxy]?.lastStored, isWithCalls: isWithCalls)
      var explanation = decided.explanation
      explanation.connection = basis.connection
      explanation.envoy = insight?.envoyAdvice
      explanation.reports = decided.tracing.flatMap { receivers.reports(of: proxy, to: $0) }
      let obstacle = evidenceObstacle(insight, histories[proxy], now: now)
      if !isQuiet(remembered, basis, now: now) {
        var input = DiagnosisInput(
          explanation: explanation,
          listeners: decided.names.map { .init(statistics: $0.statistics, clusters: [$0.cluster]) },
          receiver: receiver(decided.tracing, isAlone: !others), now: now)
        input.backends = state.decided.backends
        input.alternatives = decided.alternatives.map { alternative in
          .init(
            policy: alternative.policy, resolution: alternative.resolution,
            leadsToOwnCollector: isOwn(alternative.resolution.backend, isAlone: !others))
        }
        input.outstanding = remembered.note(outstanding: insight?.outstanding)
        input.servedBy = insight?.servedBy(other: settings.instance)
        input.evidence = histories[proxy]
        input.evidenceObstacle = obstacle
        input.collectorStatistics = decided.tracing.map(ListenerNames.collectorStatistics)
        if let collector {
          input.received = received[proxy] ?? ReceivedSpans(since: collector.begin)
          input.retention = retention
          input.programs = decided.services.flatMap { programs[$0] ?? [] }
        }
        if isWithCalls {
          if calls == nil { calls = counts(of: &state.decided, index, histories, now: now) }
          input.calls = calls?.calls(to: decided.services, now: now) ?? []
        }
        if insight?.isOnline == true, let backend = explanation.resolution?.backend {
          input.envoyRequirement = EnvoyFeature.shortfall(of: insight?.current?.version?.envoy ?? "", for: backend)
        }
        input.brokenTraces = decided.services.lazy.compactMap { broken[$0] }.first
        let diagnosis = diagnose(input, memory: &remembered.memory)
        state.countLost(histories[proxy], &remembered)
        remembered.last = (diagnosis, now, basis)
        state.remembered[name] = remembered
      }
      guard let diagnosis = remembered.last?.diagnosis, isAsked else { continue }
      results.append(
        ProxyTracing(
          explanation: explanation, services: decided.services, diagnosis: diagnosis, evidence: histories[proxy],
          evidenceObstacle: obstacle, recentRequests: calls?.ofProxies[name]))
    }
    let tracing = MeshTracing(
      proxies: results, policies: state.decided.policies, time: now, revision: index.revision)
    if names == nil {
      state.whole = tracing
      let present = Set(state.decided.proxies)
      state.remembered = state.remembered.filter { present.contains($0.key) }
    }
    meshes[mesh] = state.decided.proxies.isEmpty ? nil : state
    return tracing
  }

  /// Whether the last diagnosis of a proxy holds: nothing has changed, and nothing was counted for so long that time alone changes
  /// nothing, either.
  private func isQuiet(_ remembered: Remembered, _ basis: Basis, now: Timestamp) -> Bool {
    guard let last = remembered.last, last.basis == basis, abs(now.secondsSince(last.time)) < Self.quietAge else {
      return false
    }
    return basis.evidence.map { now.secondsSince($0) > Self.quietAge } ?? false
  }

  private func counts(
    of decided: inout DecidedMesh, _ index: MeshIndex, _ histories: [ProxyID: EvidenceHistory], now: Timestamp
  ) -> CallCounts {
    var counts = CallCounts()
    for name in decided.proxies {
      guard let proxy = decided.tracing(of: name, index) else { continue }
      counts.add(proxy, histories[ProxyID(mesh: index.name, name: name)], now: now)
    }
    return counts
  }

  private func receiver(_ tracing: TracingDestination?, isAlone: Bool) -> DiagnosisInput.Receiver {
    switch tracing?.receiver {
    case .zipkin(let url, _)?: receivers.receiver(at: url, isAlone: isAlone)
    case .datadog(let address, let port, _)?: .other("the Datadog agent at \(address):\(port)")
    case nil: .other("")
    }
  }

  private func isOwn(_ backend: TracingBackend?, isAlone: Bool) -> Bool {
    guard let tracing = backend.flatMap(TracingDestination.init) else { return false }
    return receiver(tracing, isAlone: isAlone) == .own
  }

  /// Why what an Envoy counts is not known, or not any more.
  private func evidenceObstacle(
    _ insight: DataplaneInsight?, _ history: EvidenceHistory?, now: Timestamp
  ) -> String? {
    if let other = insight?.servedBy(other: settings.instance) {
      return "the proxy is connected to the control plane \(other), to which its Envoy's counters go"
    }
    if let history {
      guard !history.isFresh(at: now) else { return nil }
      return "nothing has come for \(history.age(at: now).components.seconds) seconds, although a sign of life is due"
    }
    guard let current = insight?.current else { return "the proxy has never connected" }
    guard current.disconnectTime == nil else { return "the proxy is not connected" }
    let version = current.version?.kumaDp ?? ""
    guard version.isEmpty || version == ProductVersion.current else {
      let advice = settings.advice.isEmpty ? "" : "; \(settings.advice)"
      return "its kuma-dp (version \(version.printable(atMost: 40))) does not send them\(advice)"
    }
    return "its kuma-dp has not sent any yet"
  }
}
