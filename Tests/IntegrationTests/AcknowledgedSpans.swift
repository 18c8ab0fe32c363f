import AsyncHTTPClient
import Foundation
import MeshModel
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// Sends traces to a collector that is killed meanwhile, and knows which of them it has acknowledged.
final class AcknowledgedSpans: Sendable {
  private let next = Mutex(0)
  private let accepted = Mutex<[Int]>([])
  private let isOver = Mutex(false)
  /// When the first trace began, in microseconds since 1970.
  private let start = Int64(Date().timeIntervalSince1970 * 1_000_000)

  /// The traces that were answered with 202, in the order of the answers; one that was sent again may be there twice.
  var acceptedTraces: [Int] { accepted.withLock { $0 } }

  /// How many traces were answered with 202.
  var count: Int { accepted.withLock { $0.count } }

  /// Ends sending, or allows it again.
  func setOver(_ value: Bool) { isOver.withLock { $0 = value } }

  /// Sends traces until it is over. What was not answered may be there or not: it is sent again, as it was.
  ///
  /// - Parameter pause: how long to do nothing after each.
  func send(port: Int, pause: Duration = .zero) async {
    while !isOver.withLock({ $0 }) {
      if pause > .zero { try? await Task.sleep(for: pause) }
      let trace = next.withLock { next in
        defer { next += 1 }
        return next
      }
      if await Self.post(Self.body(trace, start: start), port: port) {
        accepted.withLock { $0.append(trace) }
      } else {
        next.withLock { $0 = min($0, trace) }
      }
    }
  }

  /// A trace's id, as the collector answers it.
  static func id(of trace: Int) -> String { String(format: "%016x", trace + 1) }

  /// A request of five spans of one trace, the same each time.
  private static func body(_ trace: Int, start: Int64) -> String {
    let now = start + Int64(trace) * 1_000
    let spans = (1...5).map { id in
      #"{"traceId":"\#(Self.id(of: trace))","id":"\#(id)","name":"get /","timestamp":\#(now),"duration":5,"#
        + #""localEndpoint":{"serviceName":"s\#(id)"},"tags":{"n":"\#(trace)"}}"#
    }
    return "[\(spans.joined(separator: ","))]"
  }

  /// Whether the answer was 202; false if there was none.
  private static func post(_ body: String, port: Int) async -> Bool {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/api/v2/spans")
    request.method = .POST
    request.body = .bytes(ByteBuffer(string: body))
    let answer = try? await HTTPClient.shared.execute(request, timeout: .seconds(1))
    return answer?.status == .accepted
  }

  /// The ids of a whole trace's spans.
  static let all = ["1", "2", "3", "4", "5"]

  /// The ids of a trace's spans that a collector has, in order; empty when there is no such trace.
  static func spans(of trace: Int, port: Int) async throws -> [String] {
    let id = Self.id(of: trace)
    let answer = try #require(try await HTTPProbe.get(port: port, "/api/v2/trace/\(id)"), "no answer for \(id)")
    guard answer.status == 200 else {
      #expect(answer.status == 404)
      return []
    }
    let spans = try DocumentValue(json: answer.body).array ?? []
    return spans.compactMap { $0["id"]?.string.map { String($0.suffix(1)) } }.sorted()
  }

  /// Expects that a collector has every span of every acknowledged trace exactly once.
  func expectAll(port: Int) async throws {
    for trace in Set(acceptedTraces).sorted() {
      let spans = try await Self.spans(of: trace, port: port)
      #expect(spans == Self.all, "trace \(trace)")
    }
  }
}
