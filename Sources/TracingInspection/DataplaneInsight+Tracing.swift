import MeshModel
import TracingDiagnosis

extension DataplaneInsight {
  /// A configuration of tracing that was sent on the current connection and not answered yet, and how many of its kind were sent;
  /// `nil` where there is none. The time is that of the last change of any kind.
  ///
  /// Endpoints and routes decide nothing about tracing.
  var outstanding: (sent: UInt64, value: DiagnosisInput.Outstanding)? {
    guard let current, current.disconnectTime == nil else { return nil }
    for discovery in [Discovery.lds, .cds] {
      guard let counts = current.status.counts[discovery] else { continue }
      let answered = counts.responsesAcknowledged &+ counts.responsesRejected
      guard counts.responsesSent > answered else { continue }
      let since = current.status.lastUpdateTime ?? current.connectTime
      return (counts.responsesSent, .init(since: since, discovery: discovery))
    }
    return nil
  }

  /// The control plane to which the proxy is connected, if it is another one.
  func servedBy(other instance: String) -> String? {
    guard let current, current.disconnectTime == nil, current.controlPlaneInstanceId != instance else { return nil }
    return current.controlPlaneInstanceId
  }

  /// Whether the proxy is or was connected to a control plane.
  func hasConnected(to instance: String) -> Bool {
    subscriptions.contains { $0.controlPlaneInstanceId == instance }
  }

  /// Whether the proxy is connected to another control plane.
  func openInstances(but instance: String) -> Bool {
    subscriptions.contains { $0.disconnectTime == nil && $0.controlPlaneInstanceId != instance }
  }
}
