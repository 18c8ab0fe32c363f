/// How long requests may take to arrive, and answers to be received.
///
/// A sender must make progress: a large body over a slow link may take long, but a byte from time to time is not enough. These limits do
/// not apply to the time in which an answer is computed.
public struct ReceiptLimits: Sendable, Hashable {
  /// From the start of a connection, or the first byte of a later request, to the end of the request's head.
  public var head = Duration.seconds(10)
  /// Between the answer to a request and the first byte of the next one.
  public var idle = Duration.seconds(120)
  /// A body has to make progress in each interval of this length.
  public var interval = Duration.seconds(20)
  /// How many bytes of a body have to arrive in each interval, unless it ends: 512 bytes a second.
  public var bytesPerInterval = 10 * 1024
  /// From the end of the head to the end of the body, whatever its rate.
  public var body = Duration.seconds(600)
  /// How long sending an answer may take, plus one interval for each ``bytesPerInterval``.
  public var answer = Duration.seconds(60)

  /// How long a connection without a request stays open when the server ends, for a request that is on its way.
  public var lastRequest = Duration.seconds(1)
  /// How long a request may go on arriving when the server ends.
  public var lastArrival = Duration.seconds(5)

  /// The default limits, which suit fast and slow connections.
  public init() {}
}
