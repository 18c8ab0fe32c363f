import Logging
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import MeshXDS
import Synchronization
import Testing

@testable import MeshControl

@Suite("Configurations of proxies with automatic reports", .timeLimit(.minutes(15)))
struct AutomaticFormTests {
  /// Answers as a test says, and holds answers back.
  private final class Answers: ReceiverQuestions {
    private struct State {
      var identities: [String: ReceiverAnswer] = [:]
      var arrived: Set<ProxyID> = []
      var asked: [String: Int] = [:]
      var reads = 0
    }

    private let state = Mutex(State())
    let gate = Gate()

    func set(_ answer: ReceiverAnswer, at host: String) { state.withLock { $0.identities[host] = answer } }
    func arrive(_ proxies: Set<ProxyID>) { state.withLock { $0.arrived = proxies } }
    var reads: Int { state.withLock { $0.reads } }

    func identity(at url: CollectorURL) async -> ReceiverAnswer {
      await gate.wait()
      return state.withLock { state in
        state.asked[url.host, default: 0] += 1
        return state.identities[url.host] ?? .silent(why: "nobody answers")
      }
    }

    func asked(_ host: String) -> Int { state.withLock { $0.asked[host] ?? 0 } }

    func reportAges(of proxies: [ProxyID], at url: CollectorURL) async -> [ProxyID: Duration]? {
      state.withLock { state in
        state.reads += 1
        return Dictionary(uniqueKeysWithValues: state.arrived.intersection(proxies).map { ($0, .zero) })
      }
    }

    func answeredReports(of proxy: ProxyID, toBackend backend: String) async -> UInt64? { nil }
  }

  private static let proxies = ["web", "old", "chosen"].map { ProxyID(mesh: "default", name: $0) }

  private static func mesh(url: String = "http://auto.example:9411/api/v2/spans") -> Resource {
    let backends = [
      TracingBackend(name: "auto", zipkin: ZipkinConf(url: url, apiVersion: "auto")),
      TracingBackend(
        name: "json", zipkin: ZipkinConf(url: "http://json.example:9411/api/v2/spans", apiVersion: "httpJson")),
    ]
    return Resource(name: "default", spec: Mesh(tracing: Mesh.Tracing(defaultBackend: "auto", backends: backends)).spec)
  }

  /// A control plane without servers: a proxy that can send protobuf, one with an old Envoy, and one whose backend says `httpJson`.
  private struct Plane {
    let store = MemoryStore()
    let answers = Answers()
    let cache = SnapshotCache()
    let forms: ReportFormSelector
    let reconciler: Reconciler
    let watch: ReceiverWatch

    init(patience: Duration = .seconds(600)) throws {
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      var limits = ReportForms.Limits()
      limits.patience = patience
      limits.firstInterval = .milliseconds(10)
      limits.interval = .milliseconds(10)
      limits.closeInterval = .milliseconds(10)
      limits.readInterval = .milliseconds(10)
      limits.probation = .seconds(600)
      forms = ReportFormSelector(limits: limits, logger: logger) { _ in false }
      reconciler = Reconciler(
        store: store, translator: EnvoyTranslator(), cache: cache,
        resolver: AddressResolver(logger: logger) { $1(nil) },
        forms: forms, logger: logger)
      watch = ReceiverWatch(forms, questions: answers)
      _ = try store.put(AutomaticFormTests.mesh(), if: .always)
      _ = try store.put(.trafficTrace("all", backend: "auto"), if: .always)
      _ = try store.put(.trafficTrace("chosen", match: [TagName.service: "chosen"], backend: "json"), if: .always)
      for proxy in AutomaticFormTests.proxies {
        _ = try store.put(.dataplane(proxy.name, service: proxy.name), if: .always)
      }
    }

    func run(_ body: () async throws -> Void) async throws {
      let running = Task {
        async let choices: Void = watch.run()
        async let changes: Void = reconciler.run()
        _ = try await (choices, changes)
      }
      defer {
        // Whoever still waits would keep the service from ending.
        answers.gate.open()
        running.cancel()
      }
      for proxy in AutomaticFormTests.proxies {
        await reconciler.connect(
          proxy, ProxyTraits(envoyVersion: proxy.name == "old" ? "1.36.2" : "1.40.0", hasReportRuntime: true))
      }
      try await body()
    }

    /// How the newest configuration of a proxy reports; `nil` while it has none.
    func spans(_ name: String) -> Int? { cache.snapshot(for: "default.\(name)")?.reporting.minimumSpans }
    func interval(_ name: String) -> Duration? { cache.snapshot(for: "default.\(name)")?.reporting.flushInterval }
    func reason(_ name: String) async -> String? {
      let tracing = await reconciler.inspect("default") { $0.configuration(for: name)?.tracing }
      return tracing.flatMap { forms.reports(of: ProxyID(mesh: "default", name: name), to: $0) }?.reason
    }
  }

  @Test("Only proxies that need the answer wait for it, and only those are computed again whose form changes")
  func concerned() async throws {
    let plane = try Plane()
    plane.answers.set(.collector(instance: "1"), at: "auto.example")
    try await plane.run {
      #expect(plane.spans("web") == nil, "it waits for the answer")
      #expect(plane.spans("old") == 5 && plane.interval("old") == .seconds(1))
      #expect(plane.spans("chosen") == 5 && plane.interval("chosen") == .seconds(5))
      #expect(await plane.reason("web") == nil)
      var computed = await plane.reconciler.counters.computed
      #expect(computed == 2)

      plane.answers.gate.open()
      try await eventually("protobuf") { plane.spans("web") == 50 && plane.interval("web") == .seconds(1) }
      #expect(await plane.reason("web") == "a kuma-trace collector answers at http://auto.example:9411")
      #expect(await plane.reason("old") == "Envoy 1.36.2 is not one of the known versions, 1.37 to 1.40")
      #expect(
        await plane.reason("chosen") == "the backend fixes the form; apiVersion auto lets the control plane choose")
      #expect(await plane.reconciler.counters.computed == computed + 1)

      plane.answers.set(.other(what: "GET /receiver with status 404"), at: "auto.example")
      try await eventually("JSON") { plane.spans("web") == 5 }
      #expect(plane.interval("web") == .seconds(1))
      #expect(await plane.reconciler.counters.computed == computed + 2)
      computed = await plane.reconciler.counters.computed
      let (published, asked) = (await plane.reconciler.counters.published, plane.answers.asked("auto.example"))
      try await eventually("more of the same answers") { plane.answers.asked("auto.example") > asked + 5 }
      #expect(await plane.reconciler.counters.computed == computed)
      #expect(await plane.reconciler.counters.published == published)
      #expect(plane.answers.asked("json.example") == 0)
      #expect(plane.forms.count(.json, isAutomatic: true) == 2 && plane.forms.count(.json, isAutomatic: false) == 1)
    }
  }

  @Test("A proxy keeps its configuration until a new receiver has answered, and goes when its backend does")
  func moved() async throws {
    let plane = try Plane()
    plane.answers.gate.open()
    plane.answers.set(.own, at: "auto.example")
    try await plane.run {
      try await eventually("protobuf") { plane.spans("web") == 50 }
      let before = plane.cache.snapshot(for: "default.web")
      _ = try plane.store.put(Self.mesh(url: "http://new.example:9411/api/v2/spans"), if: .always)
      try await eventually("questions to the new receiver") { plane.answers.asked("new.example") > 3 }
      #expect(plane.cache.snapshot(for: "default.web") == before)
      plane.answers.set(.collector(instance: "2"), at: "new.example")
      try await eventually("the move") { plane.cache.snapshot(for: "default.web") != before }
      #expect(plane.spans("web") == 50)
      #expect(await plane.reason("web") == "a kuma-trace collector answers at http://new.example:9411")

      try plane.store.delete(ResourceKey(type: .trafficTrace, mesh: "default", name: "all"), if: .always)
      try await eventually("no tracing") { plane.cache.snapshot(for: "default.web")?.reporting == .untraced }
      #expect(plane.forms.count(.protobuf, isAutomatic: true) == 0)
    }
  }

  @Test("A receiver that never answers gets JSON") func silent() async throws {
    let plane = try Plane(patience: .milliseconds(50))
    plane.answers.gate.open()
    try await plane.run {
      try await eventually("JSON") { plane.spans("web") == 5 }
      #expect(
        await plane.reason("web")
          == "http://auto.example:9411 does not say whether it is a kuma-trace collector: nobody answers")
    }
  }

  @Test("Arrivals are asked for until a report has arrived") func arrival() async throws {
    let plane = try Plane()
    plane.answers.gate.open()
    plane.answers.set(.own, at: "auto.example")
    try await plane.run {
      try await eventually("questions about arrivals") { plane.answers.reads > 3 }
      plane.answers.arrive([Self.proxies[0]])
      // A question can be under way.
      try await eventually("the end of the questions") {
        let reads = plane.answers.reads
        let asked = plane.answers.asked("auto.example")
        try await eventually("other questions") { plane.answers.asked("auto.example") > asked + 5 }
        return plane.answers.reads == reads
      }
      #expect(plane.spans("web") == 50)
    }
  }
}
