import MeshHTTP
import MeshHTTPTestSupport
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import ProxyEvidence
import Synchronization
import Testing
import TracingDiagnosis

@testable import TracingInspection

/// A store that counts how often the insights of a mesh are read.
private final class CountingStore: ResourceStore {
  private let base: MemoryStore
  private let reads = Mutex((all: 0, single: 0))

  init(_ base: MemoryStore) { self.base = base }

  /// How often those of all proxies were read, and how often that of one.
  var insightReads: [Int] { reads.withLock { [$0.all, $0.single] } }

  func get(_ key: ResourceKey) -> Resource? {
    if key.type == .dataplaneInsight { reads.withLock { $0.single += 1 } }
    return base.get(key)
  }

  func list(_ type: ResourceType, mesh: String?) -> [Resource] {
    if type == .dataplaneInsight { reads.withLock { $0.all += 1 } }
    return base.list(type, mesh: mesh)
  }

  func put(
    _ resource: Resource, if condition: WriteCondition
  ) throws(StoreError) -> (stored: Resource, created: Bool) {
    try base.put(resource, if: condition)
  }

  func delete(_ key: ResourceKey, if condition: WriteCondition) throws(StoreError) {
    try base.delete(key, if: condition)
  }

  func changes() -> ResourceChanges { base.changes() }
  var sequence: UInt64 { base.sequence }
}

/// The look every few seconds at proxies that have counted something.
@Suite struct BackgroundLookTests {
  private static let proxy = ProxyID(mesh: "shop", name: "web-1")

  private static func requests(_ count: Int, of api: TestAPI) {
    api.spans.count(proxy, now: api.clock.now) { history in
      history.record(
        [Statistic("localhost_80", .requests): count, Statistic("localhost_80", .random): count], isWhole: true,
        epoch: "e", at: api.clock.now)
    }
  }

  @Test("reads the insight of a proxy once, and of no other, and receipts compare with what it noted")
  func reads() async throws {
    let api = try await TestAPI.withMesh()
    for name in ["web-1", "web-2", "web-3"] {
      await api.putProxy(name, service: "web", tags: #","kuma.io/protocol":"http""#)
    }
    await api.putTrace("all")
    let store = CountingStore(api.store)
    let diagnoses = TracingDiagnoses(
      store: store, inspection: IndexInspection(store: store), evidence: api.spans, collector: api.spans,
      receivers: api.spans, settings: TracingDiagnoses.Settings(instance: "cp", advice: "")
    ) { [clock = api.clock] in clock.now }
    var last = Timestamp(seconds: 0)
    for look in 1...12 {
      Self.requests(look * 10, of: api)
      api.spans.receive(Self.proxy) { $0.stored = [.init(.inbound, "localhost:80"): look * 10] }
      await diagnoses.note(api.spans.changed(since: last))
      last = api.clock.now
      api.clock.set(Timestamp(seconds: 1_700_000_000 + Int64(look) * 5))
    }
    #expect(store.insightReads == [0, 1])
    let tracing = try await diagnoses.tracing(of: "shop", proxies: ["web-1"])
    let receipt = try #require(tracing.proxies.first?.diagnosis.receipts.first)
    #expect(receipt.state == .matches, "\(receipt)")
    #expect((receipt.requests ?? 0) >= 60, "what is asked for the first time is compared with the looks before")
    #expect(store.insightReads == [0, 2])
  }

  @Test("lost reports are counted once, by looks and by questions, and go on with the next Envoy")
  func lostReports() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("web-1", service: "web", tags: #","kuma.io/protocol":"http""#)
    let diagnoses = TracingDiagnoses(
      store: api.store, inspection: IndexInspection(store: api.store), evidence: api.spans, collector: api.spans,
      receivers: api.spans, settings: TracingDiagnoses.Settings(instance: "cp")
    ) { [clock = api.clock] in clock.now }
    // What an Envoy has lost before it was heard of does not count.
    for (look, (epoch, lost)) in [("a", 2), ("a", 5), ("b", 1), ("b", 4), ("b", 4)].enumerated() {
      api.clock.set(Timestamp(seconds: 1_700_000_000 + Int64(look) * 5))
      api.spans.count(Self.proxy, now: api.clock.now) { history in
        history.record(
          EvidenceStatistics.values(in: "tracing.zipkin.reports_dropped: \(lost)\n"), isWhole: true, epoch: epoch,
          at: api.clock.now)
      }
      await diagnoses.note(api.spans.all(mesh: nil))
      _ = try await diagnoses.tracing(of: "shop", proxies: ["web-1"])
    }
    let figures = try await diagnoses.figures()
    #expect(figures.map(\.lostReports) == [6])
  }

  @Test("metrics count proxies of another control plane of the same store there alone") func figures() async throws {
    let api = try await TestAPI.withMesh()
    for (name, instance) in [("web-1", "cp"), ("web-2", "cp-2"), ("web-3", nil)] {
      await api.putProxy(name, service: "web", tags: #","kuma.io/protocol":"http""#)
      guard let instance else { continue }
      try await api.store.put(
        Resource(
          mesh: "shop", name: name,
          spec: .dataplaneInsight(
            DataplaneInsight(subscriptions: [
              .init(id: name, controlPlaneInstanceId: instance, connectTime: api.clock.now)
            ]))))
    }
    await api.putTrace("all")
    api.clock.set(Timestamp(seconds: 1_700_000_060))
    let diagnoses = TracingDiagnoses(
      store: api.store, inspection: IndexInspection(store: api.store), evidence: api.spans, collector: api.spans,
      receivers: api.spans, settings: TracingDiagnoses.Settings(instance: "cp", isShared: true)
    ) { [clock = api.clock] in clock.now }
    let figures = try #require(try await diagnoses.figures().first)
    #expect(figures.causes.values.reduce(0, +) == 2, "\(figures.causes)")
    #expect(figures.causes[.connectedElsewhere] == nil && figures.causes[.neverConnected] == 1)
    #expect(figures.sources == [nil: 2])
  }

  @Test("a control plane that has started waits for proxies that were connected to an earlier one, or to none")
  func newControlPlane() async throws {
    let api = try await TestAPI.withMesh()
    let begin = api.clock.now
    func time(_ seconds: Int64) -> Timestamp { Timestamp(seconds: begin.seconds + seconds) }
    for (name, instance) in [("left", "cp-1"), ("back", "cp-2"), ("absent", nil), ("gone", "cp-2")] {
      await api.putProxy(name, service: "web", tags: #","kuma.io/protocol":"http""#)
      guard let instance else { continue }
      let end = name == "back" ? nil : time(name == "left" ? 60 : 101)
      let subscription = DataplaneInsight.Subscription(
        id: name, controlPlaneInstanceId: instance, connectTime: begin, disconnectTime: end)
      try await api.store.put(
        Resource(mesh: "shop", name: name, spec: .dataplaneInsight(DataplaneInsight(subscriptions: [subscription]))))
    }
    await api.putTrace("all")
    let diagnoses = TracingDiagnoses(
      store: api.store, inspection: IndexInspection(store: api.store), evidence: api.spans, collector: api.spans,
      receivers: api.spans, settings: TracingDiagnoses.Settings(instance: "cp-2", start: time(100), isShared: true)
    ) { [clock = api.clock] in clock.now }
    func causes(at seconds: Int64) async throws -> [String: Cause] {
      api.clock.set(time(seconds))
      let proxies = try await diagnoses.tracing(of: "shop", proxies: nil).proxies
      return Dictionary(
        uniqueKeysWithValues: proxies.map { ($0.explanation.proxy.name, $0.diagnosis.verdict.cause) })
    }
    let early = try await causes(at: 105)
    #expect(early["left"] == .noneExpected && early["absent"] == .noneExpected && early["gone"] == .noneExpected)
    // That proxy was connected to this control plane, which knows that it left.
    let later = try await causes(at: 110)
    #expect(later["left"] == .noneExpected && later["absent"] == .noneExpected && later["gone"] == .proxyOffline)
    let late = try await causes(at: 140)
    #expect(late["left"] == .proxyOffline && late["absent"] == .neverConnected && late["gone"] == .proxyOffline)
    for causes in [early, later, late] { #expect(causes["back"] == .unknown) }
  }
}
