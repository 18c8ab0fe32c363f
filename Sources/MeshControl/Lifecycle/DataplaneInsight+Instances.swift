import MeshModel

extension DataplaneInsight {
  /// The control planes of all subscriptions without an end.
  var openInstances: Set<String> {
    Set(subscriptions.lazy.filter { $0.disconnectTime == nil }.map(\.controlPlaneInstanceId))
  }

  /// Ends every open subscription to a control plane that is gone.
  func ending(at time: Timestamp, ifGone isGone: (_ instance: String) -> Bool) -> DataplaneInsight {
    var result = self
    for index in subscriptions.indices
    where subscriptions[index].disconnectTime == nil && isGone(subscriptions[index].controlPlaneInstanceId) {
      result.subscriptions[index].disconnectTime = time
    }
    return result
  }

  /// Adds subscriptions, or replaces those with the same id.
  func updated(with newest: [Subscription]) -> DataplaneInsight {
    if newest.isEmpty { return self }
    var result = self
    let ids = Set(newest.map(\.id))
    result.subscriptions.removeAll { ids.contains($0.id) }
    result.subscriptions += newest
    result.subscriptions.sort { $0.connectTime < $1.connectTime }
    // Open subscriptions matter more than ended ones.
    var excess = result.subscriptions.count - DataplaneInsight.subscriptionLimit
    result.subscriptions.removeAll { subscription in
      guard excess > 0, subscription.disconnectTime != nil else { return false }
      excess -= 1
      return true
    }
    result.subscriptions.removeFirst(max(0, excess))
    return result
  }
}
