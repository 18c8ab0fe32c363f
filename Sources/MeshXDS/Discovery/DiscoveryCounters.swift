/// The counts of sent, acknowledged and rejected responses of a type.
public struct DiscoveryCounters: Sendable, Hashable {
  /// Responses sent.
  public var sent: UInt64 = 0
  /// Responses that the proxy accepted.
  public var acknowledged: UInt64 = 0
  /// Responses that the proxy rejected.
  public var rejected: UInt64 = 0

  /// Makes counters at zero.
  public init() {}
}
