import HTTPService
import JSONText
import StableHash
import TraceModel
import TraceStore

/// Summaries of traces, immediately or as soon as they change (long polling).
///
/// An answer has a cursor. A request that sends it as `after` is answered when the result has changed, or after `wait` seconds. The
/// cursor is a hash of the answer. The server therefore keeps no state for clients, and cursors survive a restart.
extension CollectorAPI {
  /// The operation that may wait before it answers.
  package static let waitingOperation = "GET /api/summaries"
  /// The longest time that a request may wait, in seconds.
  static let longestWait: Int64 = 30
  /// How many requests may wait at the same time. Others are answered immediately.
  static let waitersAtMost = 64
  /// How long the collector waits for more spans before it searches again.
  private static let gathering = Duration.milliseconds(300)
  /// The pause before the next search is this multiple of the time that the last search took, up to a maximum.
  private static let rest = 4
  private static let longestPause = Duration.seconds(10)

  func summaries(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let parameters = request.query
    let wait = try parameters.number("wait", from: 0, unit: "seconds") ?? 0
    guard wait <= Self.longestWait else {
      throw CollectorError(
        code: .invalid, message: "the parameter wait must be at most \(Self.longestWait) seconds, not \(wait)")
    }
    var stored = changes.count
    var began = ContinuousClock.now
    var found = try await foundSummaries(parameters)
    var took = ContinuousClock.now - began
    guard wait > 0, parameters["after"] == found.cursor, changes.enter() else { return found.answer }
    defer { changes.leave() }
    let deadline = ContinuousClock.now.advanced(by: .seconds(wait))
    while parameters["after"] == found.cursor, ContinuousClock.now < deadline {
      await changes.wait(after: stored, until: deadline)
      guard !changes.isEnded, !Task.isCancelled, changes.count != stored else { break }
      // Only a search finds out whether new spans match. The pause limits how often bursts of spans cause searches.
      await changes.pause(for: min(max(Self.gathering, took * Self.rest), Self.longestPause))
      stored = changes.count
      began = ContinuousClock.now
      found = try await foundSummaries(parameters)
      took = ContinuousClock.now - began
    }
    return found.answer
  }

  private func foundSummaries(_ parameters: QueryParameters) async throws(CollectorError) -> (
    cursor: String, answer: Answer
  ) {
    let query = try TraceQuery(parameters, now: clock.milliseconds(), limits: limits)
    let result = try await store.summaries(query, by: try parameters.order())
    var traces = JSONWriter()
    traces.beginArray()
    for summary in result.traces {
      traces.beginObject()
      traces.summary(summary)
      traces.endObject()
    }
    traces.endArray()
    // A collision is harmless: it hides a change from the searching client only.
    let state: UInt8 = (result.hasMore ? 1 : 0) | (result.isComplete ? 2 : 0)
    let cursor = Hexadecimal.text(FNV1a.hash(traces.bytes + [state]))
    return (
      cursor,
      .json { json in
        json.beginObject()
        json.key("isComplete")
        json.bool(result.isComplete)
        json.key("traces")
        json.raw(traces.bytes)
        json.key("hasMore")
        json.bool(result.hasMore)
        json.key("cursor")
        json.string(cursor)
        json.endObject()
      }
    )
  }

  /// Answers all waiting requests; from now on no request waits. Call it before the server stops, because the server waits for open
  /// requests.
  public func stopWaiting() { changes.end() }
}

extension QueryParameters {
  /// The order of a list of traces.
  fileprivate func order() throws(CollectorError) -> TraceOrder {
    guard let text = self["order"] else { return .newest }
    guard let order = TraceOrder(rawValue: text) else {
      let known = TraceOrder.allCases.map(\.rawValue).joined(separator: ", ")
      throw CollectorError(
        code: .invalid, message: "the parameter order must be one of \(known), not '\(text.prefix(64))'")
    }
    return order
  }
}
