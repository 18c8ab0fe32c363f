package import MeshModel
package import MeshPolicy
package import MeshStore
package import ProxyEvidence
package import TracingDiagnosis

/// Knows whether the spans of proxies arrive, and if not, why.
package protocol TracingDiagnosing: Sendable {
  /// What is said of the proxies of a mesh; a mesh that does not exist has none.
  ///
  /// - Parameter proxies: the names of those that are asked for; `nil` for all.
  /// - Throws: ``StoreError`` `unavailable` when the state is unknown.
  func tracing(of mesh: String, proxies: Set<String>?) async throws(StoreError) -> MeshTracing

  /// Those who send spans to the collector of this control plane.
  func senders() async -> SenderList
}

/// What is said of the proxies of a mesh.
package struct MeshTracing: Sendable {
  /// The proxies by name; those of which nothing is known are not there.
  package var proxies: [ProxyTracing]
  /// The policies of the mesh by name, and to how many of its proxies each applies.
  package var policies: [(name: String, proxies: Int)]
  /// The time of the verdicts.
  package var time: Timestamp
  /// The state of the mesh of which they are, see ``MeshIndex/revision``.
  package var revision: Int

  /// Joins what is said.
  package init(
    proxies: [ProxyTracing], policies: [(name: String, proxies: Int)], time: Timestamp, revision: Int
  ) {
    self.proxies = proxies
    self.policies = policies
    self.time = time
    self.revision = revision
  }
}

/// What is said of one proxy: what was decided, whether it follows, and whether its spans arrive.
package struct ProxyTracing: Sendable {
  /// What was decided, with the proxy's connection.
  package var explanation: ProxyExplanation
  /// The services that the proxy offers, or in whose name it calls.
  package var services: [String]
  /// The verdict and the receipts.
  package var diagnosis: Diagnosis
  /// What its Envoy has counted; `nil` where it did not tell.
  package var evidence: EvidenceHistory?
  /// Why there is no evidence: a clause.
  package var evidenceObstacle: String?
  /// The control plane of the same store to which the proxy is connected, if it is another one: that one can tell more.
  package var servedBy: String?
  /// Requests that the proxy has counted in the last minute, by side and service: those to a service without the newest five seconds,
  /// whose counts may be under way at its proxies. `nil` where it tells nothing.
  package var recentRequests: [(direction: ProxyExplanation.Listener.Direction, service: String, count: Int)]?

  /// Joins what is said.
  package init(
    explanation: ProxyExplanation, services: [String], diagnosis: Diagnosis, evidence: EvidenceHistory?,
    evidenceObstacle: String?, servedBy: String? = nil,
    recentRequests: [(direction: ProxyExplanation.Listener.Direction, service: String, count: Int)]? = nil
  ) {
    self.servedBy = servedBy
    self.recentRequests = recentRequests
    self.explanation = explanation
    self.services = services
    self.diagnosis = diagnosis
    self.evidence = evidence
    self.evidenceObstacle = evidenceObstacle
  }
}

/// Those who send spans to a collector.
package struct SenderList: Sendable {
  /// The senders as the collector describes them, those of the newest requests first.
  package var items: [DocumentValue]
  /// Why there can be none; `nil` where there is a collector.
  package var obstacle: String?

  /// Makes a list.
  package init(items: [DocumentValue], obstacle: String? = nil) {
    self.items = items
    self.obstacle = obstacle
  }
}
