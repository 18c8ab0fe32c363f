import HTTPService
import JSONText
import StableHash
import TraceModel
import TraceStore

/// Summaries of traces, at once or as soon as there are new ones.
///
/// An answer has a cursor. A request that names it in `after` is answered when the answer has become another one, and
/// after `wait` seconds in any case. The cursor is a fingerprint of the answer, so that nothing has to be kept for those
/// who ask, and a cursor of an earlier run of the program is as good as any.
extension CollectorAPI {
  /// The longest time that a request may wait, in seconds.
  static let longestWait: Int64 = 30
  /// How many requests may wait at the same time. Others are answered at once.
  static let waitersAtMost = 64
  /// How long spans are gathered that come one soon after the other, before the search is done again.
  private static let gathering = Duration.milliseconds(300)
  /// How many times as long as a search took there is a pause before the next, and how long it is at most.
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
      // What matches is not known before it is searched for; senders come in crowds, the search should not, and least of
      // all one that looks at everything for its order.
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
    // Whoever makes two answers collide hides a trace only from their own search.
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

  /// Answers all who wait, now and from now on. To be called before the server stops, which waits for open requests.
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
