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
  private let store: any ResourceStore
  private let inspection: any ProxyInspecting
  private let evidence: (any EnvoyCounters)?
  private let collector: (any SpanReceipts)?
  private let receivers: any SpanReceivers
  private let settings: Settings
  private let clock: @Sendable () -> Timestamp
  private var meshes: [String: MeshState] = [:]
  private var collected: CollectorState?

  /// The distance of two looks at the proxies that have counted something.
  private static let interval = Duration.seconds(5)
  /// How long an answer about a whole mesh is used again, in seconds.
  private static let wholeAge = 1.0
  /// How long it is used again for metrics, in seconds.
  private static let figuresAge = 14.0
  /// The age up to which a diagnosis of a proxy holds of which nothing has changed and whose evidence is as old, in seconds.
  private static let quietAge = 60.0
  /// How long what the collector says of services is used again, in seconds: where each proxy is asked about by itself, it is as much
  /// work for one as for all.
  private static let collectedAge = 1.0
  /// How long it is taken as known whether proxies are connected to other control planes, in seconds.
  private static let othersAge = 30.0
  /// Up to which part of a mesh its insights are read one by one.
  private static let readOneByOne = 8

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
        await self.note(evidence.changed(since: last))
        last = begin
        guard (try? await Task.sleep(for: Self.interval)) != nil else { break }
      }
    }
  }

  /// Notes what the Envoys of some proxies have counted.
  func note(_ histories: [ProxyID: EvidenceHistory]) async {
    for (mesh, histories) in Dictionary(grouping: histories, by: \.key.mesh) {
      // A store that cannot be read is a matter of others.
      try? await note(mesh, histories)
    }
  }

  /// The same of proxies of one mesh. A verdict is given when somebody asks.
  private func note(
    _ mesh: String, _ histories: [(key: ProxyID, value: EvidenceHistory)]
  ) async throws(StoreError) {
    let index = try await inspection.inspect(mesh) { $0 }
    let others = try await hasOthers(mesh)
    var acknowledged: [String: Timestamp] = [:]
    for (proxy, _) in histories where meshes[mesh]?.remembered[proxy.name]?.memory.isBegun != true {
      acknowledged[proxy.name] = ProxyConnection(try await insight(proxy)).lastAcknowledgementTime
    }
    // From here on nothing waits, so that the state is consistent.
    let now = clock()
    var state = meshes[mesh] ?? MeshState()
    state.decided.update(index)
    let received = collector?.received(of: histories.map(\.key)) ?? [:]
    for (proxy, history) in histories {
      guard let decided = state.decided.tracing(of: proxy.name, index) else { continue }
      var remembered = state.remembered[proxy.name] ?? Remembered()
      let input = input(decided, of: proxy, history, received[proxy], hasOthers: others, now: now)
      let before = remembered.memory.lostReports
      TracingDiagnosis.note(input, acknowledged: acknowledged[proxy.name], memory: &remembered.memory)
      state.countLost(remembered.memory.lostReports - before)
      state.remembered[proxy.name] = remembered
    }
    meshes[mesh] = state.decided.proxies.isEmpty ? nil : state
  }

  // MARK: Answers

  package func tracing(of mesh: String, proxies: Set<String>?) async throws(StoreError) -> MeshTracing {
    if proxies == nil, let whole = meshes[mesh]?.whole, abs(clock().secondsSince(whole.time)) < Self.wholeAge,
      try await inspection.inspect(mesh, { $0.revision }) == whole.revision
    {
      return whole
    }
    return try await examine(mesh, proxies)
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
        tracing = try await examine(mesh, nil)
      }
      figures.append(TracingFigures(mesh, tracing?.proxies ?? [], lostReports: meshes[mesh]?.lostReports ?? 0))
    }
    return figures
  }

  // MARK: Examination

  private func examine(_ mesh: String, _ names: Set<String>?) async throws(StoreError) -> MeshTracing {
    let index = try await inspection.inspect(mesh) { $0 }
    let insights = try await insights(mesh, names, of: index)
    let others = try await hasOthers(mesh, names == nil ? insights : nil)
    let collected = await collectorState()
    let histories = evidence?.all(mesh: mesh) ?? [:]
    // From here on nothing waits, so that the state is consistent.
    let now = clock()
    var state = meshes[mesh] ?? MeshState()
    state.decided.update(index)
    let asked = names.map { names in state.decided.proxies.filter(names.contains) } ?? state.decided.proxies
    let received = collector?.received(of: asked.map { ProxyID(mesh: mesh, name: $0) }) ?? [:]
    let calls = counts(of: &state.decided, index, histories, now: now)
    var results: [ProxyTracing] = []
    for name in asked {
      guard let decided = state.decided.tracing(of: name, index) else { continue }
      let proxy = ProxyID(mesh: mesh, name: name)
      let insight = insights[name]
      var remembered = state.remembered[name] ?? Remembered()
      let basis = Basis(
        revision: index.revision, connection: ProxyConnection(insight), evidence: histories[proxy]?.time,
        stored: received[proxy]?.lastStored)
      var input = input(decided, of: proxy, histories[proxy], received[proxy], hasOthers: others, now: now)
      input.explanation.connection = basis.connection
      input.explanation.envoy = insight?.envoyAdvice
      input.servedBy = insight?.servedBy(other: settings.instance)
      input.awaited = insight?.hasConnected(to: settings.instance) == true ? nil : settings.start
      input.evidenceObstacle = settings.evidenceObstacle(insight, histories[proxy], now: now)
      if !isQuiet(remembered, basis, now: now) {
        input.backends = state.decided.backends
        input.alternatives = decided.alternatives.map { alternative in
          .init(
            policy: alternative.policy, resolution: alternative.resolution,
            leadsToOwnCollector: isOwn(alternative.resolution.backend, isAlone: !others))
        }
        input.outstanding = remembered.note(outstanding: insight?.outstanding)
        if collector != nil {
          input.retention = collected.retention
          input.programs = decided.services.flatMap { collected.programs[$0] ?? [] }
        }
        input.calls = calls.calls(to: decided.services, now: now)
        if insight?.isOnline == true, let backend = input.explanation.resolution?.backend {
          input.envoyRequirement = EnvoyFeature.shortfall(of: insight?.current?.version?.envoy ?? "", for: backend)
        }
        input.brokenTraces = decided.services.lazy.compactMap { collected.broken[$0] }.first
        let before = remembered.memory.lostReports
        let diagnosis = diagnose(input, memory: &remembered.memory)
        state.countLost(remembered.memory.lostReports - before)
        remembered.last = (diagnosis, now, basis)
        state.remembered[name] = remembered
      }
      guard let diagnosis = remembered.last?.diagnosis else { continue }
      results.append(
        ProxyTracing(
          explanation: input.explanation, services: decided.services, diagnosis: diagnosis,
          evidence: histories[proxy], evidenceObstacle: input.evidenceObstacle, servedBy: input.servedBy,
          recentRequests: calls.ofProxies[name]))
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

  /// What is known of a proxy without its connection and without what others say.
  private func input(
    _ decided: DecidedTracing, of proxy: ProxyID, _ history: EvidenceHistory?, _ received: ReceivedSpans?,
    hasOthers: Bool, now: Timestamp
  ) -> DiagnosisInput {
    var explanation = decided.explanation
    explanation.reports = decided.tracing.flatMap { receivers.reports(of: proxy, to: $0) }
    var input = DiagnosisInput(
      explanation: explanation,
      listeners: decided.names.map { .init(statistics: $0.statistics, clusters: [$0.cluster]) },
      receiver: receiver(decided.tracing, isAlone: !hasOthers), now: now)
    input.created = decided.created
    input.evidence = history
    input.collectorStatistics = decided.tracing.map(ListenerNames.collectorStatistics)
    if let collector { input.received = received ?? ReceivedSpans(since: collector.begin) }
    return input
  }

  private func insight(_ proxy: ProxyID) async throws(StoreError) -> DataplaneInsight? {
    let key = ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name)
    return try await store.get(key)?.content(DataplaneInsight.self)
  }

  /// The insights of some proxies, or of all, and perhaps of others.
  private func insights(
    _ mesh: String, _ names: Set<String>?, of index: MeshIndex
  ) async throws(StoreError) -> [String: DataplaneInsight] {
    var insights: [String: DataplaneInsight] = [:]
    if let names, names.count == 1 || names.count <= index.dataplaneNames.count / Self.readOneByOne {
      for name in names { insights[name] = try await insight(ProxyID(mesh: mesh, name: name)) }
    } else {
      for resource in try await store.list(.dataplaneInsight, mesh: mesh) {
        insights[resource.name] = resource.content(DataplaneInsight.self)
      }
    }
    return insights
  }

  /// Whether a proxy of the mesh is connected to another control plane, whose collector can have the same address.
  ///
  /// - Parameter insights: those of all proxies, if they were just read.
  private func hasOthers(
    _ mesh: String, _ insights: [String: DataplaneInsight]? = nil
  ) async throws(StoreError) -> Bool {
    guard settings.isShared else { return false }
    let isOther = { (insight: DataplaneInsight?) in insight?.openInstances(but: self.settings.instance) == true }
    let value: Bool
    if let insights {
      value = insights.values.contains(where: isOther)
    } else if let known = meshes[mesh]?.others, abs(clock().secondsSince(known.time)) < Self.othersAge {
      return known.value
    } else {
      value = try await store.list(.dataplaneInsight, mesh: mesh).contains {
        isOther($0.content(DataplaneInsight.self))
      }
    }
    meshes[mesh, default: MeshState()].others = (value, clock())
    return value
  }

  private func collectorState() async -> CollectorState {
    if let collected, abs(clock().secondsSince(collected.time)) < Self.collectedAge { return collected }
    var state = CollectorState(time: clock())
    if let collector {
      state.retention = await collector.retention()
      state.programs = Dictionary(grouping: collector.programs(), by: \.service)
      state.broken = await collector.brokenTraces()
    }
    collected = state
    return state
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
}
