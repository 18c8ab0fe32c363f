/// How long requests may take to arrive, and answers to be taken.
///
/// What counts is that a sender makes progress: a large body over a slow link takes long and may, a connection that is kept
/// alive with a byte now and then may not. Nothing here concerns the time that an answer takes to be found.
public struct ReceiptLimits: Sendable, Hashable {
  /// From a connection's begin, or the first byte of a further request, to the end of the request's head.
  public var head = Duration.seconds(10)
  /// Between the answer to a request and the first byte of the next one.
  public var idle = Duration.seconds(120)
  /// In each of these intervals a body has to make progress.
  public var interval = Duration.seconds(20)
  /// How many bytes of a body have to come in each interval; fewer only if it ends: 512 bytes a second.
  public var bytesPerInterval = 10 * 1024
  /// From the end of the head to the end of the body, whatever its rate.
  public var body = Duration.seconds(600)
  /// How long an answer may take to leave, besides one interval for each ``bytesPerInterval``.
  public var answer = Duration.seconds(60)

  /// The limits that suit connections within a data centre and over slow links alike.
  public init() {}
}
