package import MeshHTTP
package import ProxyEvidence
package import TracingDiagnosis

/// How many proxies of a mesh are traced, and why the others are not.
package struct TracingFigures: Sendable {
  /// The mesh.
  package var mesh: String
  /// The proxies by the causes of their verdicts.
  package var causes: [Cause: Int] = [:]
  /// Proxies with a listener whose requests should leave spans of which none has arrived.
  package var silent = 0
  /// Reports of spans that Envoys have lost since this control plane heard of them.
  package var lostReports: Int
  /// Proxies whose Envoy's counters are known, by how they come; `nil` stands for those that are not known.
  package var sources: [EvidenceHistory.Source?: Int] = [:]

  /// Counts the proxies of a mesh, without those of other control planes of the same store, which count them themselves.
  package init(_ mesh: String, _ proxies: [ProxyTracing], lostReports: Int) {
    self.mesh = mesh
    self.lostReports = lostReports
    for proxy in proxies where proxy.servedBy == nil {
      causes[proxy.diagnosis.verdict.cause, default: 0] += 1
      if proxy.diagnosis.receipts.contains(where: { $0.state == .silent }) { silent += 1 }
      sources[proxy.evidence?.source, default: 0] += 1
    }
  }
}
