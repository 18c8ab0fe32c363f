/// What a stream keeps of the names for which its proxy asks.
extension DiscoveryStreamStateMachine {
  /// What the names cost in memory, in bytes and about, that the proxy asks for and that no resource has. Names of resources that
  /// are there are bounded by these.
  public var costOfUnknownNames: Int {
    // Few names need not be looked at.
    guard subscriptions.reduce(0, { $0 + $1.cost }) > Self.freeNameCost else { return 0 }
    return subscriptions.reduce(0) { $0 + $1.cost(ofNamesOutside: snapshot?[$1.typeURL] ?? .empty) }
  }

  /// What the names of a stream may cost without being looked at.
  public static let freeNameCost = 64 << 10

  /// The types of which names beyond what is kept were asked for.
  public var overflowingTypes: [String] { subscriptions.filter(\.isOverflowing).map(\.typeURL) }
}
