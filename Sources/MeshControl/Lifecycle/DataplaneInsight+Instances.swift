import MeshModel

extension DataplaneInsight {
  /// The control planes to which the proxy seems to be connected.
  var openInstances: Set<String> {
    Set(subscriptions.lazy.filter { $0.disconnectTime == nil }.map(\.controlPlaneInstanceId))
  }

  /// With every subscription ended that seems to last to a control plane that is gone.
  func ending(at time: Timestamp, ifGone isGone: (_ instance: String) -> Bool) -> DataplaneInsight {
    var result = self
    for index in subscriptions.indices
    where subscriptions[index].disconnectTime == nil && isGone(subscriptions[index].controlPlaneInstanceId) {
      result.subscriptions[index].disconnectTime = time
    }
    return result
  }

  /// With the newest form of some subscriptions, beside those that are known already.
  func updated(with newest: [Subscription]) -> DataplaneInsight {
    if newest.isEmpty { return self }
    var result = self
    let ids = Set(newest.map(\.id))
    result.subscriptions.removeAll { ids.contains($0.id) }
    result.subscriptions += newest
    result.subscriptions.sort { $0.connectTime < $1.connectTime }
    // What lasts is of more interest than what is over.
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
