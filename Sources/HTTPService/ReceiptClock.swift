import NIOCore

/// Follows how the requests of one connection arrive and their answers leave, and says when it has taken too long. A value
/// that is told what happens and when; it knows no timer.
struct ReceiptClock {
  /// What has taken too long.
  enum Lateness: Sendable, Hashable {
    /// The head of a request did not come to its end.
    case head
    /// A body made no progress, or was not complete in time.
    case body
    /// No further request came.
    case idle
    /// An answer was not taken.
    case answer
  }

  /// Where a connection is.
  enum Phase: Hashable {
    /// No byte of the next request has come.
    case waiting
    case head
    case body
    /// The request is complete, its answer is not.
    case answering
  }

  private let head: TimeAmount
  private let idle: TimeAmount
  private let interval: TimeAmount
  private let bytesPerInterval: Int
  private let body: TimeAmount
  private let answer: TimeAmount

  private(set) var phase = Phase.waiting
  /// When the phase began.
  private(set) var since: NIODeadline
  /// How many requests have been answered.
  private(set) var answered = 0
  private var intervalBegin: NIODeadline
  private var intervalBytes = 0
  /// Whether bytes of the next request came while this one is answered.
  private var isNextBegun = false
  /// By when the last answer has to have left; nil when it has.
  private var leaveBy: NIODeadline?

  init(_ limits: ReceiptLimits, at now: NIODeadline) {
    head = TimeAmount(limits.head)
    idle = TimeAmount(limits.idle)
    interval = TimeAmount(limits.interval)
    bytesPerInterval = max(1, limits.bytesPerInterval)
    body = TimeAmount(limits.body)
    answer = TimeAmount(limits.answer)
    since = now
    intervalBegin = now
  }

  // MARK: Events

  /// Bytes came.
  mutating func received(_ count: Int, at now: NIODeadline) {
    switch phase {
    case .waiting:
      phase = .head
      // The first request has the time since the connection began.
      if answered > 0 { since = now }
    case .head: break
    case .body:
      intervalBytes += count
      if intervalBytes >= bytesPerInterval, now - intervalBegin >= interval { beginInterval(at: now) }
    case .answering: isNextBegun = true
    }
  }

  /// A head is complete.
  mutating func headCame(at now: NIODeadline) {
    phase = .body
    since = now
    beginInterval(at: now)
  }

  /// A request is complete.
  mutating func requestCame(at now: NIODeadline) {
    phase = .answering
    since = now
  }

  /// An answer of so many bytes is complete, and begins to leave.
  mutating func answerMade(bytes: Int, at now: NIODeadline) {
    answered += 1
    let intervals = Int64(min(bytes / bytesPerInterval, 10_000))
    leaveBy = now + answer + .nanoseconds(interval.nanoseconds.multipliedReportingOverflow(by: intervals).partialValue)
    phase = isNextBegun ? .head : .waiting
    isNextBegun = false
    since = now
  }

  /// The answer has left.
  mutating func answerLeft(at now: NIODeadline) {
    leaveBy = nil
    if phase == .waiting { since = now }
  }

  /// Nobody looked at what came for a while: that time is not counted.
  mutating func postpone(by time: TimeAmount) {
    since = since + time
    intervalBegin = intervalBegin + time
    leaveBy = leaveBy.map { $0 + time }
  }

  private mutating func beginInterval(at now: NIODeadline) {
    intervalBegin = now
    intervalBytes = 0
  }

  // MARK: Deadlines

  /// When to look again; nil if nothing is waited for.
  var deadline: NIODeadline? {
    let next: NIODeadline? =
      switch phase {
      case .waiting: leaveBy == nil ? since + (answered == 0 ? head : idle) : nil
      case .head: since + head
      case .body: min(since + body, intervalBegin + interval)
      case .answering: nil
      }
    guard let leaveBy else { return next }
    return next.map { min($0, leaveBy) } ?? leaveBy
  }

  /// What has taken too long, if anything. To be asked when a deadline is over; begins a body's next interval.
  mutating func lateness(at now: NIODeadline) -> Lateness? {
    if let leaveBy, leaveBy <= now { return .answer }
    switch phase {
    case .waiting:
      guard leaveBy == nil else { return nil }
      if answered == 0 { return since + head <= now ? .head : nil }
      return since + idle <= now ? .idle : nil
    case .head: return since + head <= now ? .head : nil
    case .body:
      if since + body <= now { return .body }
      guard intervalBegin + interval <= now else { return nil }
      if intervalBytes < bytesPerInterval { return .body }
      beginInterval(at: now)
      return nil
    case .answering: return nil
    }
  }
}
