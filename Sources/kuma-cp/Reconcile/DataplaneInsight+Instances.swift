import MeshModel

extension DataplaneInsight {
  /// The control planes to which the proxy seems to be connected.
  var openInstances: Set<String> {
    Set(subscriptions.lazy.filter { $0.disconnectTime == nil }.map(\.controlPlaneInstanceId))
  }

  /// What a control plane knows of its own connections, beside what others have stored of theirs.
  func merged(into stored: DataplaneInsight, by instance: String) -> DataplaneInsight {
    var result = stored
    result.subscriptions.removeAll { $0.controlPlaneInstanceId == instance }
    result.subscriptions += subscriptions.filter { $0.controlPlaneInstanceId == instance }
    result.subscriptions.sort { $0.connectTime < $1.connectTime }
    result.subscriptions.removeFirst(max(0, result.subscriptions.count - DataplaneInsight.subscriptionLimit))
    return result
  }
}
