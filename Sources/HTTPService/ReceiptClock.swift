import NIOCore

/// The deadlines of one connection, for arriving requests and leaving answers. It is a value without a timer: each event comes with its
/// time.
struct ReceiptClock {
  /// A missed deadline.
  enum Lateness: Sendable, Hashable {
    /// The head of a request was not complete in time.
    case head
    /// A body was too slow, or was not complete in time.
    case body
    /// The next request did not begin in time.
    case idle
    /// The client did not receive an answer in time.
    case answer
  }

  enum Phase: Hashable {
    /// No byte of the next request has arrived.
    case waiting
    case head
    case body
    /// The request is complete, and its answer is not.
    case answering
  }

  private let head: TimeAmount
  private let idle: TimeAmount
  private let interval: TimeAmount
  private let bytesPerInterval: Int
  private let body: TimeAmount
  private let answer: TimeAmount
  private let lastRequest: TimeAmount
  private let lastArrival: TimeAmount

  private(set) var phase = Phase.waiting
  /// When the phase began.
  private(set) var since: NIODeadline
  /// The number of answered requests.
  private(set) var answered = 0
  private var intervalBegin: NIODeadline
  private var intervalBytes = 0
  /// The deadline of the last answer; nil when it has been sent.
  private var leaveBy: NIODeadline?
  /// When the server began to end; nil while it goes on.
  private var endingSince: NIODeadline?

  init(_ limits: ReceiptLimits, at now: NIODeadline) {
    head = TimeAmount(limits.head)
    idle = TimeAmount(limits.idle)
    interval = TimeAmount(limits.interval)
    bytesPerInterval = max(1, limits.bytesPerInterval)
    body = TimeAmount(limits.body)
    answer = TimeAmount(limits.answer)
    lastRequest = TimeAmount(limits.lastRequest)
    lastArrival = TimeAmount(limits.lastArrival)
    since = now
    intervalBegin = now
  }

  // MARK: Events

  /// Whether bytes may be received. Those of the next request wait until the answer has been sent.
  var takesBytes: Bool { phase != .answering && leaveBy == nil }

  /// Whether an answer is being sent.
  var isSending: Bool { leaveBy != nil }

  /// Bytes have been received.
  mutating func received(_ count: Int, at now: NIODeadline) {
    switch phase {
    case .waiting:
      phase = .head
      // The time of the first request begins with the connection.
      if answered > 0 { since = now }
    case .head, .answering: break
    case .body:
      intervalBytes += count
      if intervalBytes >= bytesPerInterval, now - intervalBegin >= interval { beginInterval(at: now) }
    }
  }

  /// A head is complete.
  mutating func headReceived(at now: NIODeadline) {
    phase = .body
    since = now
    beginInterval(at: now)
  }

  /// A request is complete.
  mutating func requestReceived(at now: NIODeadline) {
    phase = .answering
    since = now
  }

  /// An answer begins to be sent.
  mutating func answerStarted(bytes: Int, at now: NIODeadline) {
    answered += 1
    let intervals = Int64(min(bytes / bytesPerInterval, 10_000))
    leaveBy = now + answer + .nanoseconds(interval.nanoseconds.multipliedReportingOverflow(by: intervals).partialValue)
    phase = .waiting
    since = now
  }

  /// The answer has been sent.
  mutating func answerSent(at now: NIODeadline) {
    leaveBy = nil
    if phase == .waiting { since = now }
  }

  /// The server ends: a request that is on its way may still come, and then none.
  mutating func serverEnds(at now: NIODeadline) { endingSince = endingSince ?? now }

  /// Extends all deadlines by a time in which the event loop did not read.
  mutating func postpone(by time: TimeAmount) {
    since = since + time
    intervalBegin = intervalBegin + time
    leaveBy = leaveBy.map { $0 + time }
    endingSince = endingSince.map { $0 + time }
  }

  private mutating func beginInterval(at now: NIODeadline) {
    intervalBegin = now
    intervalBytes = 0
  }

  // MARK: Deadlines

  /// The next deadline; nil if there is none.
  var deadline: NIODeadline? {
    let next: NIODeadline? =
      switch phase {
      case .waiting: leaveBy == nil ? since + (answered == 0 ? head : idle) : nil
      case .head: since + head
      case .body: min(since + body, intervalBegin + interval)
      case .answering: nil
      }
    return [next, leaveBy, lastCall].compactMap(\.self).min()
  }

  /// The deadline that the end of the server sets to what has not arrived.
  private var lastCall: NIODeadline? {
    switch phase {
    case .waiting: leaveBy == nil ? endingSince.map { $0 + lastRequest } : nil
    case .head, .body: endingSince.map { $0 + lastArrival }
    case .answering: nil
    }
  }

  /// The missed deadline, if any. Call it when ``deadline`` has passed. It begins the next interval of a body.
  mutating func lateness(at now: NIODeadline) -> Lateness? {
    if let leaveBy, leaveBy <= now { return .answer }
    if let lastCall, lastCall <= now {
      switch phase {
      case .waiting: return .idle
      case .head: return .head
      case .body: return .body
      case .answering: break
      }
    }
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
