package import MeshHTTP
package import MeshModel
package import MeshPolicy
package import MeshStore
package import ProxyEvidence
import Synchronization
package import TracingDiagnosis
import TracingInspection

/// What Envoys have counted and a collector has received, as a test says it.
package final class KnownSpans: EnvoyCounters, SpanReceipts, SpanReceivers {
  private struct State {
    var histories: [ProxyID: EvidenceHistory] = [:]
    var received: [ProxyID: ReceivedSpans] = [:]
    var brokenTraces: [String: String] = [:]
    var senders: [DocumentValue] = []
    var receiver = DiagnosisInput.Receiver.own
  }

  private let state = Mutex(State())
  /// Since when the collector counts.
  package let begin: Timestamp

  /// Nothing counted and nothing received.
  package init(begin: Timestamp = Timestamp(seconds: 0)) { self.begin = begin }

  /// Changes what a proxy's Envoy has counted.
  ///
  /// - Parameter now: when it is heard of for the first time.
  package func count(_ proxy: ProxyID, now: Timestamp, _ change: (inout EvidenceHistory) -> Void) {
    state.withLock { state in
      change(&state.histories[proxy, default: EvidenceHistory(source: .kumaDp, at: now)])
    }
  }

  /// Changes what the collector has received of a proxy.
  package func receive(_ proxy: ProxyID, _ change: (inout ReceivedSpans) -> Void) {
    state.withLock { change(&$0.received[proxy, default: ReceivedSpans(since: begin)]) }
  }

  /// Says how the traces of a service are broken.
  package func breakTraces(of service: String, _ sentence: String) {
    state.withLock { $0.brokenTraces[service] = sentence }
  }

  /// Says who sends spans.
  package func set(senders: [DocumentValue]) { state.withLock { $0.senders = senders } }

  /// Says who receives spans.
  package func set(receiver: DiagnosisInput.Receiver) { state.withLock { $0.receiver = receiver } }

  // MARK: What is known

  package func all(mesh: String?) -> [ProxyID: EvidenceHistory] {
    state.withLock { $0.histories.filter { mesh == nil || $0.key.mesh == mesh } }
  }

  package func changed(since time: Timestamp) -> [ProxyID: EvidenceHistory] {
    all(mesh: nil).filter { $0.value.time > time }
  }

  package func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  package func received(of proxies: [ProxyID]) -> [ProxyID: ReceivedSpans] {
    state.withLock { state in state.received.filter { proxies.contains($0.key) } }
  }

  package func programs() -> [DiagnosisInput.Program] { [] }

  package func retention() -> DiagnosisInput.Retention { DiagnosisInput.Retention(age: nil, oldest: begin) }

  package func brokenTraces() -> [String: String] { state.withLock { $0.brokenTraces } }

  package func senders() -> SenderList { SenderList(items: state.withLock { $0.senders }) }

  package func reports(of proxy: ProxyID, to tracing: TracingDestination) -> ReportForm? { nil }

  package func receiver(at url: CollectorURL, isAlone: Bool) -> DiagnosisInput.Receiver {
    state.withLock { $0.receiver }
  }
}

extension KnownSpans {
  /// Diagnoses of the proxies of a store.
  package func diagnoses(of store: any ResourceStore, now: @escaping @Sendable () -> Timestamp) -> any TracingDiagnosing
  {
    TracingDiagnoses(
      store: store, inspection: IndexInspection(store: store), evidence: self, collector: self, receivers: self,
      settings: TracingDiagnoses.Settings(instance: "cp", advice: "do what makes it tell"), now: now)
  }
}
