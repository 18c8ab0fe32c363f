import HTTPService
import JSONText
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Paths about the canary.
  static let canaryRoutes: [CollectorRoute] = [
    .get(
      "/api/canary",
      "Says what became of the last trace that the collector sent to itself; interval and delay are in seconds, lastSuccess in "
        + "milliseconds since 1970.", canFail: false, CollectorAPI.canaryState)
  ]

  /// The path and query that find the traces of the canary around a time, in milliseconds since 1970.
  package static func canaryQuery(at time: Int64) -> String {
    "/api/v2/traces?canary=true&serviceName=\(CanaryTrace.service)&endTs=\(time &+ 60_000)&lookback=120000&limit=10"
  }

  private func canaryState(_ request: RoutedRequest) -> Answer {
    let record = canary.record
    return .json { json in
      json.beginObject()
      json.key("state")
      json.string(record.state.rawValue)
      if let reason = record.reason {
        json.key("reason")
        json.string(reason)
      }
      if let interval = record.interval {
        json.key("interval")
        json.decimal(interval / .seconds(1))
        for state in [CanaryRecord.State.found, .lost, .refused] {
          json.key(state.rawValue)
          json.number(record.counts[state] ?? 0)
        }
      }
      if let trace = record.lastTrace, let time = record.lastSuccess, let delay = record.lastDelay {
        json.key("traceId")
        json.string(trace)
        json.key("delay")
        json.decimal(delay)
        json.key("lastSuccess")
        json.number(time)
      }
      json.endObject()
    }
  }

  /// Stores the expected trace of the canary as the spans of others are stored, but counts nothing.
  func storeCanary(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    guard store.waitingSpanCount < limits.waitingSpans else { throw .overloaded }
    let held = try reserve(request.body.count)
    defer { release(held) }
    return Answer(try await store.add(canary: request.body))
  }
}

extension SpanWriting {
  fileprivate func add(canary bytes: [UInt8]) async throws(CollectorError) -> CollectorAPI.Outcome {
    var batch = makeBatch()
    let (rejections, _, _) = try SpanParser.parse(bytes, limits: limits, into: &batch)
    let count = batch.count
    try await add(canary: batch, bytes: bytes.count)
    return CollectorAPI.Outcome(stored: count, rejections: rejections, namesEvicted: 0)
  }
}
