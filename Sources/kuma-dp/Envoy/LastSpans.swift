/// Decides when the last spans of an Envoy that ends have been sent. A value: the caller passes the time, since the drain began.
///
/// Spans wait in Envoy until there are enough of them for a report or a timer fires. A new interval of this timer holds when
/// the timer has fired the next time.
///
/// A client may send one more request over a connection that is open, and have it answered when Envoy is about to end. Envoy closes
/// each connection with its next answer. So it is ended when no connection is left, or when those that are left are not used.
struct LastSpans: Sendable {
  /// How long spans and reports could wait when the drain began.
  let timing: ReportTiming
  /// Whether the interval was shortened at the beginning of the drain.
  let isShortened: Bool
  /// When the last request had ended.
  let requestsEnd: Duration

  /// The number of requests that was seen last, and when it was first seen.
  private var requests: (count: Int64, seen: Duration)
  /// Whether nothing waited when it was asked for the last time.
  private var wasDone = false

  init(_ timing: ReportTiming, isShortened: Bool, requestsEnd: Duration) {
    self.timing = timing
    self.isShortened = isShortened
    self.requestsEnd = requestsEnd
    requests = (0, requestsEnd)
  }

  /// For how long a connection has to be unused.
  private static let idleTime = Duration.seconds(1)
  /// How long unused connections are waited for.
  private static let longestIdleWait = Duration.seconds(3)
  /// How late a timer may be.
  private static let lateness = Duration.milliseconds(300)
  /// How long spans wait in Datadog's tracer. Source: Envoy 1.40.
  private static let datadogInterval = Duration.seconds(2)

  /// How long spans of Zipkin's tracer may take to be sent after the last request.
  var longestTime: Duration {
    (isShortened ? ReportTiming.shortestInterval : timing.interval) + Self.lateness + timing.answerTime
  }

  /// When every span has left its buffer at the latest.
  func flushEnd(_ spans: SpanStatistics) -> Duration {
    var end = requestsEnd
    if spans.usesZipkin {
      let shortened = max(timing.interval, requestsEnd + ReportTiming.shortestInterval)
      end = (isShortened ? shortened : requestsEnd + timing.interval) + Self.lateness
    }
    if spans.usesDatadog { end = max(end, requestsEnd + Self.datadogInterval + Self.lateness) }
    return end
  }

  /// When nothing is waited for any more.
  func end(_ spans: SpanStatistics) -> Duration { flushEnd(spans) + timing.answerTime }

  /// Whether Envoy can be ended. Ask every now and then, with what Envoy says at the time.
  mutating func areSent(_ spans: SpanStatistics, at now: Duration) -> Bool {
    if spans.requests != requests.count { requests = (spans.requests, now) }
    let isQuiet =
      spans.connections == 0 || now - requests.seen >= Self.idleTime || now - requestsEnd >= Self.longestIdleWait
    let isDone = isQuiet && spans.reportsInFlight == 0 && (spans.areFlushed || now >= flushEnd(spans))
    // Envoy counts spans as sent while it still writes the report that is to be sent.
    defer { wasDone = isDone }
    return isDone && wasDone || now >= end(spans)
  }
}
