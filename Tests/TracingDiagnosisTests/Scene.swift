import Documents
import MeshModel
import MeshPolicy
import ProxyEvidence
import Testing
import TracingDiagnosis

/// A proxy of the service `web` with one inbound and an outbound for `api`, and what is known of it. All times are seconds after
/// ``begin``, when the proxy connected.
struct Scene {
  static let begin = Timestamp(seconds: 1_800_000_000)
  /// What Envoy's inbound and outbound are called in statistics.
  static let (inbound, outbound) = ("localhost_8080", "api")

  var url = "http://collector.example:9411/api/v2/spans"
  var sampling: Double? = 100
  var selector: [String: String]? = [TagName.service: "*"]
  var policyBackend = "jaeger"
  var hasDefault = true
  var serviceProtocol: String? = "http"
  var hasListeners = true
  var status = ProxyConnection.Status.online
  var disconnected: Double?
  var rejection: (time: Double, message: String)?
  var claims: [String] = []
  var history: EvidenceHistory?
  var received: ReceivedSpans?
  var change: (inout DiagnosisInput) -> Void = { _ in }

  static func time(_ seconds: Double) -> Timestamp {
    Timestamp(nanosecondsSince1970: begin.nanosecondsSince1970 + Int64(seconds * 1e9))
  }

  /// A proxy whose Envoy has counted nothing, and a collector that has received nothing of it.
  init() {
    var history = EvidenceHistory(source: .kumaDp, at: Self.time(0.5))
    history.record([:], isWhole: true, epoch: "a", at: Self.time(0.5))
    self.history = history
    received = ReceivedSpans(since: Self.time(-3_600))
  }

  /// Has the proxy's Envoy say its statistics, in the form of its administration interface; those that are left out stay.
  ///
  /// - Parameter answerAge: how long ago, at most, it counted the newest report that was answered, in seconds.
  mutating func counts(
    _ text: String, at seconds: Double, whole: Bool = false, epoch: String = "a", answerAge: Double? = nil
  ) {
    history?.record(
      EvidenceStatistics.values(in: text), isWhole: whole, epoch: epoch,
      answerAge: answerAge.map { .milliseconds(Int64($0 * 1_000)) }, at: Self.time(seconds))
  }

  /// Has the collector store spans of the proxy; numbers of all that it has stored.
  mutating func stores(inbound: Int = 0, outbound: Int = 0, at seconds: Double) {
    received?.stored = [.init(.inbound, "localhost:8080"): inbound, .init(.outbound, "api"): outbound]
    received?.lastStored = Self.time(seconds)
    received?.services = ["web"]
    received?.newestTrace = "463ac35c9f6413ad"
    received?.clockOffset = 0.5
  }

  /// Has a healthy Envoy and its collector count some requests that were all traced.
  mutating func works(_ requests: Int, at seconds: Double) {
    counts(
      Self.statistics(requests: requests) + Self.reports(sent: requests / 5 + 1, spans: requests, collector: 202),
      at: seconds)
    stores(inbound: requests, at: seconds - 0.2)
  }

  /// Statistics of the inbound.
  static func statistics(requests: Int, decided: Int? = nil, notTraceable: Int = 0, active: Int = 0) -> String {
    """
    http.localhost_8080.downstream_rq_total: \(requests)
    http.localhost_8080.downstream_rq_active: \(active)
    http.localhost_8080.tracing.random_sampling: \(decided ?? requests)
    http.localhost_8080.tracing.not_traceable: \(notTraceable)

    """
  }

  /// Statistics of reports that the collector answered with one status.
  static func reports(sent: Int = 0, dropped: Int = 0, spans: Int, collector status: Int) -> String {
    """
    tracing.zipkin.spans_sent: \(spans)
    tracing.zipkin.reports_sent: \(sent)
    tracing.zipkin.reports_dropped: \(dropped)
    cluster.tracing_jaeger.membership_total: 1
    cluster.tracing_jaeger.upstream_cx_total: 1
    cluster.tracing_jaeger.upstream_rq_total: \(sent + dropped)
    cluster.tracing_jaeger.upstream_rq_\(status): \(sent + dropped)

    """
  }

  func input(at seconds: Double) throws -> DiagnosisInput {
    var index = MeshIndex(name: "default")
    var update = MeshIndex.Change()
    let backend = TracingBackend(name: "jaeger", sampling: sampling, zipkin: ZipkinConf(url: url))
    update.mesh = Mesh(
      tracing: Mesh.Tracing(defaultBackend: hasDefault ? "jaeger" : "", backends: [backend]))
    var tags = [TagName.service: "web"]
    tags[TagName.protocol] = serviceProtocol
    var networking = Dataplane.Networking(
      address: "10.0.0.1",
      inbound: hasListeners ? [Dataplane.Inbound(port: 80, servicePort: 8080, tags: tags)] : [],
      outbound: hasListeners ? [Dataplane.Outbound(port: 10_001, tags: [TagName.service: "api"])] : [])
    if !hasListeners { networking.gateway = Dataplane.Gateway(tags: tags) }
    update.dataplanes["web-1"] = Dataplane(networking: networking)
    let api = Dataplane.Inbound(port: 80, tags: [TagName.service: "api", TagName.protocol: serviceProtocol ?? "tcp"])
    update.dataplanes["api-1"] = Dataplane(networking: Dataplane.Networking(address: "10.0.0.2", inbound: [api]))
    if let selector {
      let policy = TrafficTrace(selectors: [TrafficTrace.Selector(match: selector)], backend: policyBackend)
      update.policies["all"] = (policy, Timestamp(seconds: 1))
    }
    _ = index.apply(update)
    var explanation = try #require(index.explanation(for: "web-1"))
    explanation.connection = connection
    let names = explanation.listeners.map { listener in
      listener.direction == .inbound
        ? DiagnosisInput.Listener(statistics: Self.inbound, clusters: ["localhost:8080"])
        : DiagnosisInput.Listener(statistics: Self.outbound, clusters: ["api"])
    }
    var input = DiagnosisInput(explanation: explanation, listeners: names, receiver: .own, now: Self.time(seconds))
    input.backends = ["jaeger"]
    input.evidence = history
    input.collectorStatistics = "tracing_jaeger"
    input.received = received
    change(&input)
    return input
  }

  private var connection: ProxyConnection {
    guard status != .neverConnected else { return ProxyConnection(nil) }
    var subscription = DataplaneInsight.Subscription(
      id: "1", controlPlaneInstanceId: "cp-1", connectTime: Self.time(0), disconnectTime: disconnected.map(Self.time))
    subscription.status.lastAcknowledgementTime = Self.time(0.1)
    if let rejection {
      subscription.status.lastRejection = DataplaneInsight.Rejection(
        discovery: .lds, time: Self.time(rejection.time), message: rejection.message)
    }
    let others = claims.map { address in
      var other = subscription
      (other.id, other.peer) = (address, DataplaneInsight.Peer(address: address, process: address))
      return other
    }
    return ProxyConnection(DataplaneInsight(subscriptions: claims.isEmpty ? [subscription] : others))
  }

  /// What is said at a time, without a memory.
  func diagnosis(at seconds: Double) throws -> Diagnosis { diagnose(try input(at: seconds)) }
}
