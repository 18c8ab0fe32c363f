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

  func summaries(_ parameters: QueryParameters) async throws(CollectorError) -> Answer {
    let wait = try parameters.number("wait", from: 0, unit: "seconds") ?? 0
    guard wait <= Self.longestWait else {
      throw CollectorError(
        code: .invalid, message: "the parameter wait must be at most \(Self.longestWait) seconds, not \(wait)")
    }
    var stored = store.changes.count
    var found = try await foundSummaries(parameters)
    guard wait > 0, parameters["after"] == found.cursor, store.changes.enter() else { return found.answer }
    defer { store.changes.leave() }
    let deadline = ContinuousClock.now.advanced(by: .seconds(wait))
    while parameters["after"] == found.cursor, ContinuousClock.now < deadline {
      await store.changes.wait(after: stored, until: deadline)
      guard !store.changes.isEnded, !Task.isCancelled, store.changes.count != stored else { break }
      // What matches is not known before it is searched for; senders come in crowds, the search should not.
      await store.changes.pause(for: Self.gathering)
      stored = store.changes.count
      found = try await foundSummaries(parameters)
    }
    return found.answer
  }

  private func foundSummaries(_ parameters: QueryParameters) async throws(CollectorError) -> (
    cursor: String, answer: Answer
  ) {
    let query = try TraceQuery(parameters, now: clock.milliseconds(), limits: limits)
    let result = try await store.summaries(query)
    var traces = JSONWriter()
    traces.beginArray()
    for summary in result.traces {
      traces.beginObject()
      traces.summary(summary)
      traces.endObject()
    }
    traces.endArray()
    // FNV-1a: who makes two answers look the same hides something from nobody but the one who searches for it.
    var hash: UInt64 = result.isComplete ? 0xcbf2_9ce4_8422_2325 : 0x8422_2325_cbf2_9ce4
    for byte in traces.bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    let cursor = Hexadecimal.text(hash)
    return (
      cursor,
      Answer { json in
        json.beginObject()
        json.key("isComplete")
        json.bool(result.isComplete)
        json.key("traces")
        json.raw(traces.bytes)
        json.key("cursor")
        json.string(cursor)
        json.endObject()
      }
    )
  }

  /// Answers all who wait, now and from now on. To be called before the server stops, which waits for open requests.
  public func stopWaiting() { store.changes.end() }
}
