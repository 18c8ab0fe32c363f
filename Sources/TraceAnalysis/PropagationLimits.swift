/// What a ``PropagationAnalyzer`` keeps. With the defaults about 50 MB at most.
///
/// Where services, proxies, pairs or callees reach their limit, a quarter of them is forgotten to let new ones in.
public struct PropagationLimits: Sendable, Hashable {
  /// Services that are told apart.
  public var services = 2_000
  /// Proxies that are told apart.
  public var proxies = 2_000
  /// Pairs of a service and a service that it calls.
  public var pairs = 4_000
  /// Services that one calls.
  public var calleesPerService = 100
  /// Requests and calls that are kept until they have been compared, of all proxies together.
  public var events = 400_000
  /// And of each proxy, however many there are.
  public var leastEventsPerProxy = 128
  /// And of each proxy at most: it bounds what a report has to go through.
  public var mostEventsPerProxy = 16_384
  /// Examples that are kept for a service and a service that it calls.
  public var examplesPerCallee = 3

  /// The limits that suit a mesh of a thousand proxies.
  public init() {}
}
