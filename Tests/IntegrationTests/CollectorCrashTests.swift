import Foundation
import MeshTestSupport
import Testing

/// The collector of the real program, killed while spans come in.
@Suite("A killed collector", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct CollectorCrashTests {
  /// `make soak` kills more often.
  private static let kills = SoakSettings.value("SOAK_KILLS", or: 10)
  private static let tracesPerKill = 80
  private static let senders = 4

  /// Kills the collector again and again while spans come in; gives it back running, with what was accepted in order.
  ///
  /// - Parameter kept: how many spans retention keeps.
  private static func withKilled(
    kept: Int, _ body: (_ collector: Int, _ load: AcknowledgedSpans) async throws -> Void
  ) async throws {
    let settings = ["KUMA_COLLECTOR_RETENTION_MAX_SPANS": "\(kept)"]
    try await ControlPlaneProcess.run(isStarted: false, settings: settings) { controlPlane in
      let load = AcknowledgedSpans()
      let port = controlPlane.ports.collector
      for _ in 0..<kills {
        try await controlPlane.start()
        let before = load.count
        load.setOver(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<senders { group.addTask { await load.send(port: port) } }
          try await eventually("spans being accepted") {
            load.count >= before + tracesPerKill
          }
          await controlPlane.kill()
          load.setOver(true)
          try await group.waitForAll()
        }
      }
      try await controlPlane.start()
      #expect(load.count >= tracesPerKill * kills)
      try await body(port, load)
    }
  }

  @Test("Killed again and again under load, it has every span that was answered with 202 exactly once")
  func kills() async throws {
    // A fiftieth of what is kept, 1024 spans, makes a segment: several are made under way, and all that is sent is kept.
    try await Self.withKilled(kept: 50_000) { port, load in try await load.expectAll(port: port) }
  }

  @Test("Killed again and again while retention removes spans as they come, it keeps the newest, and none twice")
  func retention() async throws {
    // Each start removes what is too much, segments of 1024 spans as a whole.
    let kept = 1_500
    try await Self.withKilled(kept: kept) { port, load in
      let accepted = load.acceptedTraces
      let oldest = try #require(accepted.first)
      try await eventually("the oldest to be removed") {
        try await AcknowledgedSpans.spans(of: oldest, port: port).isEmpty
      }
      // The order in which answers arrived is that of the commits but for the few that were on their way together.
      let certain = (kept - 1_024) / 5 - 4 * Self.senders
      for trace in accepted.suffix(certain) {
        let spans = try await AcknowledgedSpans.spans(of: trace, port: port)
        #expect(spans == AcknowledgedSpans.all, "trace \(trace)")
      }
      var held = 0
      for trace in Set(accepted) {
        let spans = try await AcknowledgedSpans.spans(of: trace, port: port)
        #expect(Set(spans).count == spans.count, "trace \(trace) has a span twice: \(spans)")
        held += spans.count
      }
      #expect(held <= kept)
    }
  }
}
