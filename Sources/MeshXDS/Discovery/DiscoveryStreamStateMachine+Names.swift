/// The limit on the names that a stream keeps for its proxy.
extension DiscoveryStreamStateMachine {
  /// The approximate memory, in bytes, of requested names without a resource. The number of resources bounds the other names.
  public var costOfUnknownNames: Int {
    // Few names need no exact count.
    guard subscriptions.reduce(0, { $0 + $1.cost }) > Self.freeNameCost else { return 0 }
    return subscriptions.reduce(0) { $0 + $1.cost(ofNamesOutside: snapshot?[$1.typeURL] ?? .empty) }
  }

  /// The memory, in bytes, below which the names of a stream are not counted exactly.
  public static let freeNameCost = 64 << 10

  /// The types for which a proxy requested more names than are kept.
  public var overflowingTypes: [String] { subscriptions.filter(\.isOverflowing).map(\.typeURL) }
}
