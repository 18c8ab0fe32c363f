import AsyncHTTPClient
import Foundation
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// The collector of the real program, killed while spans come in.
@Suite("A killed collector", .heavy, .serialized, .timeLimit(.minutes(60)))
struct CollectorCrashTests {
  private static let kills = 50
  private static let senders = 4

  /// What the senders share.
  private final class Load: Sendable {
    private let next = Mutex(0)
    private let accepted = Mutex<[Int]>([])
    private let isOver = Mutex(false)
    /// When the first trace began, in microseconds since 1970.
    private let start = Int64(Date().timeIntervalSince1970 * 1_000_000)

    var acceptedTraces: [Int] { accepted.withLock { $0 } }

    func setOver(_ value: Bool) { isOver.withLock { $0 = value } }

    /// Sends traces until it is over. What was not answered may be there or not: it is sent again, as it was.
    func send(port: Int) async {
      while !isOver.withLock({ $0 }) {
        let trace = next.withLock { next in
          defer { next += 1 }
          return next
        }
        if await CollectorCrashTests.post(CollectorCrashTests.body(trace, start: start), port: port) {
          accepted.withLock { $0.append(trace) }
        } else {
          next.withLock { $0 = min($0, trace) }
        }
      }
    }
  }

  /// A request of five spans of one trace, the same each time.
  private static func body(_ trace: Int, start: Int64) -> String {
    let now = start + Int64(trace) * 1_000
    let spans = (1...5).map { id in
      #"{"traceId":"\#(String(trace + 1, radix: 16))","id":"\#(id)","name":"get /","timestamp":\#(now),"duration":5,"#
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

  /// Kills the collector again and again while spans come in; gives it back running, with what was accepted in order.
  ///
  /// - Parameter kept: how many spans retention keeps.
  private static func withKilled(
    kept: Int, _ body: (_ collector: Int, _ accepted: [Int]) async throws -> Void
  ) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "crash-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let controlPlane = try ControlPlaneProcess(
      home: home, settings: ["KUMA_COLLECTOR_RETENTION_MAX_SPANS": "\(kept)"])
    let load = Load()
    let port = controlPlane.ports.collector
    for _ in 0..<kills {
      try await controlPlane.start()
      let before = load.acceptedTraces.count
      load.setOver(false)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<senders { group.addTask { await load.send(port: port) } }
        try await eventually("spans being accepted") {
          load.acceptedTraces.count >= before + 20
        }
        await controlPlane.kill()
        load.setOver(true)
        try await group.waitForAll()
      }
    }
    try await controlPlane.start()
    #expect(load.acceptedTraces.count >= 20 * kills)
    try await body(port, load.acceptedTraces)
    await controlPlane.stop()
  }

  /// The ids of a trace's spans, in order; empty when there is no such trace.
  private static func spans(of trace: Int, port: Int) async throws -> [String] {
    let id = String(trace + 1, radix: 16)
    let answer = try #require(try await HTTPProbe.get(port: port, "/api/v2/trace/\(id)"), "no answer for \(id)")
    guard answer.status == 200 else {
      #expect(answer.status == 404)
      return []
    }
    let spans = try DocumentValue(json: answer.body).array ?? []
    return spans.compactMap { $0["id"]?.string.map { String($0.suffix(1)) } }.sorted()
  }
  private static let all = ["1", "2", "3", "4", "5"]

  @Test("Killed 50 times under load, it has every span that was answered with 202 exactly once")
  func kills() async throws {
    // A fiftieth of what is kept, 1024 spans, makes a segment: several are made under way, and all that is sent is kept.
    try await Self.withKilled(kept: 50_000) { port, accepted in
      for trace in Set(accepted).sorted() {
        let spans = try await Self.spans(of: trace, port: port)
        #expect(spans == Self.all, "trace \(trace)")
      }
    }
  }

  @Test("Killed 50 times while retention removes spans as they come, it keeps the newest, and none twice")
  func retention() async throws {
    // Each start removes what is too much, segments of 1024 spans as a whole.
    let kept = 1_500
    try await Self.withKilled(kept: kept) { port, accepted in
      let oldest = try #require(accepted.first)
      try await eventually("the oldest to be removed") { try await Self.spans(of: oldest, port: port).isEmpty }
      // The order in which answers arrived is that of the commits but for the few that were on their way together.
      let certain = (kept - 1_024) / 5 - 4 * Self.senders
      for trace in accepted.suffix(certain) {
        let spans = try await Self.spans(of: trace, port: port)
        #expect(spans == Self.all, "trace \(trace)")
      }
      var held = 0
      for trace in Set(accepted) {
        let spans = try await Self.spans(of: trace, port: port)
        #expect(Set(spans).count == spans.count, "trace \(trace) has a span twice: \(spans)")
        held += spans.count
      }
      #expect(held <= kept)
    }
  }
}
