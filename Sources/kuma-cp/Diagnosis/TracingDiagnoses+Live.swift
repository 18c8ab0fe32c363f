import MeshControl
import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore
import ProgramSettings
import PrometheusMetrics
import ProxyEvidence
import TracingDiagnosis
import TracingInspection

extension EvidenceTable: EnvoyCounters {}

extension TracingDiagnoses {
  /// Diagnoses of the proxies of a running control plane.
  ///
  /// - Parameters:
  ///   - collector: what its collector says; `nil` if it runs none.
  ///   - receivers: where its collector is, and what is known of others.
  ///   - isShared: whether other control planes may share its store.
  static func live(
    _ configuration: ControlPlaneConfiguration, store: any ResourceStore, inspection: any ProxyInspecting,
    evidence: (any EnvoyCounters)?, collector: LiveSpanReceipts?,
    receivers: (own: CollectorAddresses?, forms: ReportFormSelector), instance: String, isShared: Bool
  ) -> TracingDiagnoses {
    let names = configuration.allowedHosts + configuration.serviceNames
    return TracingDiagnoses(
      store: store, inspection: inspection, evidence: evidence, collector: collector,
      receivers: LiveSpanReceivers(
        addresses: receivers.own, sharedNames: Set(names.map { $0.lowercased() }), forms: receivers.forms),
      settings: Settings(
        instance: instance, start: .now, isShared: isShared,
        advice: evidenceAdvice(isEnabled: configuration.envoyMetricsEnabled)))
  }

  /// What makes an Envoy of Kuma's own `kuma-dp` tell what it counts: a clause.
  ///
  /// - Parameter isEnabled: whether bootstraps say so already.
  static func evidenceAdvice(isEnabled: Bool) -> String {
    let restart = "start its kuma-dp again, which then gets a bootstrap with Envoy's metrics service"
    return isEnabled ? restart : "set \(ControlPlaneSettings.key(\.envoyMetricsEnabled)) to true, and \(restart)"
  }
}

extension PrometheusRegistry {
  /// Registers the metrics of who is traced and why not.
  func read(_ diagnoses: TracingDiagnoses) {
    // While the store cannot be read nothing is known of proxies.
    @Sendable func figures() async -> [TracingFigures] { (try? await diagnoses.figures()) ?? [] }
    read(
      "kuma_trace_proxies", .gauge,
      "Proxies by the cause for which their requests leave traces or not: fine, no-policy, …"
    ) {
      await figures().flatMap { mesh in
        mesh.causes.sorted { $0.key.number < $1.key.number }.map { cause, count in
          .init(count, [("mesh", mesh.mesh), ("cause", cause.name)])
        }
      }
    }
    read(
      "kuma_trace_proxies_silent", .gauge,
      "Proxies with a listener whose requests should leave spans, none of which has arrived at the trace collector."
    ) { await figures().map { .init($0.silent, [("mesh", $0.mesh)]) } }
    read(
      "kuma_trace_reports_lost_total", .counter,
      "Reports of spans that proxies have lost, as their Envoys counted them since this control plane heard of them."
    ) { await figures().map { .init($0.lostReports, [("mesh", $0.mesh)]) } }
    read("kuma_trace_evidence_proxies", .gauge, "Proxies by how the counters of their Envoy come to the control plane.")
    {
      let all = await figures()
      return [("kuma-dp", .kumaDp), ("metrics-service", .metricsService), ("none", nil)].map { name, source in
        .init(all.reduce(0) { $0 + ($1.sources[source] ?? 0) }, [("source", name)])
      }
    }
  }
}
