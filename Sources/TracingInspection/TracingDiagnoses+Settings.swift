package import MeshModel
import ProxyEvidence

extension TracingDiagnoses {
  /// What is known of this control plane.
  package struct Settings: Sendable {
    /// Identifies this run of the control plane, as insights name it.
    package var instance: String
    /// Since when proxies can connect to this run; `nil` for a time long ago.
    package var start: Timestamp?
    /// Whether several control planes may share the store.
    package var isShared: Bool
    /// What makes an Envoy of a `kuma-dp` that is not of this product tell what it counts: a clause.
    package var advice: String

    /// Makes settings.
    package init(
      instance: String, start: Timestamp? = nil, isShared: Bool = false, advice: String = "see docs/evidence.md"
    ) {
      self.instance = instance
      self.start = start
      self.isShared = isShared
      self.advice = advice
    }
  }
}

extension TracingDiagnoses.Settings {
  /// How long after it has connected a `kuma-dp` may not have sent anything yet, in seconds.
  private static let firstEvidence = 60.0

  /// Why what an Envoy counts is not known, or not any more.
  func evidenceObstacle(
    _ insight: DataplaneInsight?, _ history: EvidenceHistory?, now: Timestamp
  ) -> String? {
    if let other = insight?.servedBy(other: instance) {
      return "the proxy is connected to the control plane \(other), to which its Envoy's counters go"
    }
    if let history {
      guard !history.isFresh(at: now) else { return nil }
      return "nothing has come for \(history.age(at: now).components.seconds) seconds, although a sign of life is due"
    }
    guard let current = insight?.current else { return "the proxy has not connected yet" }
    guard current.disconnectTime == nil else { return "the proxy is not connected" }
    let version = current.version?.kumaDp ?? ""
    guard version.isEmpty || version == ProductVersion.current else {
      return "its kuma-dp (version \(version.printable(atMost: 40))) does not send them; \(advice)"
    }
    guard now.secondsSince(current.connectTime) >= Self.firstEvidence else { return "its kuma-dp has not sent any yet" }
    return "its kuma-dp sends none; start it with --evidence=true and an administration port, or read its log"
  }
}
