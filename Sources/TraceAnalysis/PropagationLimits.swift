/// The limits of a ``PropagationAnalyzer``. With the defaults it takes at most about 50 MB.
///
/// When services, proxies, pairs or callees reach their limit, a quarter of them is evicted.
public struct PropagationLimits: Sendable, Hashable {
  /// Services.
  public var services = 2_000
  /// Proxies.
  public var proxies = 2_000
  /// Pairs of a service and a callee.
  public var pairs = 4_000
  /// Callees of one service.
  public var calleesPerService = 100
  /// Pending requests and calls of all proxies together.
  public var events = 400_000
  /// The guaranteed number of events of each proxy, however many proxies there are.
  public var leastEventsPerProxy = 128
  /// The largest number of events of each proxy. It bounds the time of a report.
  public var mostEventsPerProxy = 16_384
  /// Examples kept for each pair.
  public var examplesPerCallee = 3

  /// Limits for a mesh of a thousand proxies.
  public init() {}
}
