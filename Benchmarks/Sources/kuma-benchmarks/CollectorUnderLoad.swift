import Foundation
import GRDB
import HTTPService
import HTTPTypes
import TraceHTTP
import TraceModel
import TraceStore

/// A collector with a store of its own, asked without HTTP in between.
final class CollectorUnderLoad: Sendable {
  let path: String
  private let store: SegmentStore
  private let api: CollectorAPI

  /// - Parameter hasRequestMetrics: whether it counts requests, as it does by default.
  init(_ context: BenchmarkContext, hasRequestMetrics: Bool = true) throws {
    path = context.newPath("spans.db")
    var settings = SegmentStore.Settings()
    if !hasRequestMetrics { settings.limits.metricSeries = 0 }
    store = try SegmentStore(path: path, settings: settings)
    api = CollectorAPI(store: store)
  }

  /// How many spans are stored.
  var spanCount: Int { store.spanCount }

  /// Posts bodies, so many at a time; each must be accepted. Gives the seconds that each answer took.
  @discardableResult
  func post(_ bodies: [[UInt8]], concurrently senders: Int) async throws -> [Double] {
    try await withThrowingTaskGroup(of: [Double].self) { group in
      for sender in 0..<senders {
        group.addTask {
          var request = HTTPRequest(method: .post, scheme: "http", authority: "127.0.0.1", path: "/api/v2/spans")
          request.headerFields[.contentType] = "application/json"
          let clock = ContinuousClock()
          var times: [Double] = []
          for number in stride(from: sender, to: bodies.count, by: senders) {
            let start = clock.now
            let answer = await self.api.respond(to: request, body: bodies[number])
            try BenchmarkFailure.unless(
              answer.status == .accepted && answer.body.isEmpty,
              "the collector answered \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
            times.append((clock.now - start) / .seconds(1))
          }
          return times
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  /// Asks a question; the body of the answer.
  func get(_ path: String) async throws -> [UInt8] {
    let answer = await api.respond(
      to: HTTPRequest(method: .get, scheme: "http", authority: "127.0.0.1", path: path))
    try BenchmarkFailure.unless(answer.status == .ok, "the collector answered \(answer.status) to \(path)")
    return answer.body
  }

  /// Closes the store and moves what is left in the write-ahead log, 16 MB at most, into the database.
  ///
  /// - Returns: the bytes of the database.
  func close() throws -> Int {
    try store.close()
    let database = try DatabaseQueue(path: path)
    try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try database.close()
    return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
  }
}
