/// Decides when the last spans of an Envoy that ends have been sent. A value: the caller passes the time, since the drain began.
///
/// Spans wait in Envoy until there are enough of them for a report or a timer fires. A new interval of this timer holds when
/// the timer has fired the next time. A report whose sending failed may wait to be sent again, where the cluster of the
/// collector says so.
struct LastSpans: Sendable {
  /// How long spans could wait when the drain began.
  let interval: Duration
  /// Whether the interval was shortened at the beginning of the drain.
  let isShortened: Bool
  /// When the last request had ended.
  let requestsEnd: Duration

  /// The number of repeated reports that was seen last, and when it was first seen.
  private var retries: (count: Int64, seen: Duration) = (0, .zero)
  /// Whether nothing waited when it was asked for the last time.
  private var wasDone = false

  init(interval: Duration, isShortened: Bool, requestsEnd: Duration) {
    self.interval = interval
    self.isShortened = isShortened
    self.requestsEnd = requestsEnd
  }

  /// How late a timer may be.
  private static let lateness = Duration.milliseconds(300)
  /// How long a report may wait before it is sent again: the cluster of a collector lets it wait for up to 250 ms.
  private static let retryPause = Duration.milliseconds(500)
  /// How long the collector may take to answer a report, with all retries. Source: Envoy 1.40, `tracing.zipkin.request_timeout`.
  private static let answerTime = Duration.seconds(5)
  /// How long spans wait in Datadog's tracer. Source: Envoy 1.40.
  private static let datadogInterval = Duration.seconds(2)

  /// When every span has left its buffer at the latest.
  func flushEnd(_ spans: SpanStatistics) -> Duration {
    var end = requestsEnd
    if spans.usesZipkin {
      end =
        isShortened
        ? max(interval, requestsEnd + FlushInterval.shortest) + Self.lateness : requestsEnd + interval + Self.lateness
    }
    if spans.usesDatadog { end = max(end, requestsEnd + Self.datadogInterval + Self.lateness) }
    return end
  }

  /// When nothing is waited for any more.
  func end(_ spans: SpanStatistics) -> Duration { flushEnd(spans) + Self.answerTime }

  /// Whether Envoy can be ended. Ask every now and then, with what Envoy says at the time.
  mutating func areSent(_ spans: SpanStatistics, at now: Duration) -> Bool {
    if spans.retries != retries.count { retries = (spans.retries, now) }
    let isAnswered = spans.reportsInFlight == 0 && (retries.count == 0 || now - retries.seen > Self.retryPause)
    let isDone = isAnswered && (spans.areFlushed || now >= flushEnd(spans))
    // Envoy counts spans as sent while it still writes the report that is to be sent.
    defer { wasDone = isDone }
    return isDone && wasDone || now >= end(spans)
  }
}
