package import MeshHTTP
package import MeshModel
package import MeshPolicy
package import ProxyEvidence
package import TracingDiagnosis

/// What the Envoys of proxies have counted, as far as it came to this control plane.
package protocol EnvoyCounters: Sendable {
  /// The evidence of all proxies of a mesh, or of all meshes.
  func all(mesh: String?) -> [ProxyID: EvidenceHistory]

  /// The evidence of all proxies of which some has come after a time.
  func changed(since time: Timestamp) -> [ProxyID: EvidenceHistory]

  /// Yields after evidence of any proxy has come. A slow reader gets one element for several.
  func changes() -> AsyncStream<Void>
}

/// What the collector of this control plane says of spans.
package protocol SpanReceipts: Sendable {
  /// What it has received of proxies; those of which no report came are not there.
  func received(of proxies: [ProxyID]) -> [ProxyID: ReceivedSpans]

  /// The programs with tracers of their own that send spans, once for each of their services.
  func programs() -> [DiagnosisInput.Program]

  /// Since when it counts what it receives.
  var begin: Timestamp { get }

  /// How long it keeps spans.
  func retention() async -> DiagnosisInput.Retention

  /// How the traces of services are broken: a sentence by service.
  func brokenTraces() async -> [String: String]

  /// Those who send spans, as it describes them.
  func senders() async -> SenderList
}

/// Who receives the spans that are sent to a URL.
package protocol SpanReceivers: Sendable {
  /// Who receives them, as far as it is known.
  ///
  /// - Parameter isAlone: whether no other control plane runs whose collector could have the same address.
  func receiver(at url: CollectorURL, isAlone: Bool) -> DiagnosisInput.Receiver

  /// The form in which a connected proxy reports to a destination; `nil` where it is not known.
  func reports(of proxy: ProxyID, to tracing: TracingDestination) -> ReportForm?
}
