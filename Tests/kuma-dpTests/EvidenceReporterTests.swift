import HTTPTypes
import Logging
import LoopbackTestSupport
import ProxyEvidence
import Synchronization
import TestSupport
import Testing

@testable import kuma_dp

/// What a proxy tells of its Envoy, over real connections. The administration interface and the control plane are servers of the tests.
@Suite(.timeLimit(.minutes(5))) struct EvidenceReporterTests {
  private static let pace = EvidencePace(
    question: .milliseconds(5), message: .milliseconds(10), failure: .milliseconds(5), signOfLife: .seconds(60),
    longestWait: .milliseconds(20))

  /// An Envoy that counts, and a control plane that answers what a test wants.
  private final class World: Sendable {
    let statistics = Mutex("http.backend.downstream_rq_total: 1\n")
    let reports = Mutex<[EvidenceReport]>([])
    let tokens = Mutex<[String?]>([])
    let statuses = Mutex<[HTTPResponse.Status]>([])

    /// The administration interface.
    func answer(_ request: HTTPRequest, _: [UInt8]) async -> (HTTPResponse, [UInt8]) {
      guard request.path == EvidenceStatistics.path else { return (HTTPResponse(status: .notFound), []) }
      return (HTTPResponse(status: .ok), Array(statistics.withLock { $0 }.utf8))
    }

    /// The control plane.
    func take(_ request: HTTPRequest, _ body: [UInt8]) async -> (HTTPResponse, [UInt8]) {
      guard request.path == "/evidence", let report = try? EvidenceReport(json: body) else {
        return (HTTPResponse(status: .badRequest), [])
      }
      // Before the report, for which tests wait.
      tokens.withLock { $0.append(request.headerFields[.authorization]) }
      reports.withLock { $0.append(report) }
      return (HTTPResponse(status: statuses.withLock { $0.isEmpty ? .noContent : $0.removeFirst() }), [])
    }

    func reports(_ count: Int) async throws -> [EvidenceReport] {
      try await eventually("\(count) reports") {
        let reports = reports.withLock { $0 }
        return reports.count >= count ? reports : nil
      }
    }
  }

  private func run(
    _ world: World = World(), flags: [String: String] = [:], log: LogRecorder = LogRecorder(),
    _ body: @escaping @Sendable (World) async throws -> Void
  ) async throws {
    try await LoopbackServer.run(world.answer) { admin in
      try await LoopbackServer.run(world.take) { controlPlane in
        let port = try #require(admin.split(separator: ":").last.flatMap { UInt16($0) })
        var flags = flags
        flags["controlPlane.url"] = controlPlane
        flags["dataplane.name"] = "web-1"
        let reporter = try #require(
          EvidenceReporter(
            try BootstrapFixture.configuration(flags), adminPort: port, envoyVersion: "1.40.0", pace: Self.pace,
            logger: log.logger()))
        let running = Task { await reporter() }
        do { try await body(world) } catch {
          running.cancel()
          throw error
        }
        running.cancel()
        await running.value
      }
    }
  }

  @Test func allIsToldFirstAndThenWhatChanged() async throws {
    try await run { world in
      let first = try await world.reports(1)[0]
      #expect(first.isWhole && first.values == [Statistic("backend", .requests): 1])
      #expect(first.mesh == "default" && first.name == "web-1" && first.envoyVersion == "1.40.0" && first.sequence == 1)
      world.statistics.withLock { $0 += "tracing.zipkin.reports_dropped: 2\nserver.uptime: 5\n" }
      let second = try await world.reports(2)[1]
      #expect(!second.isWhole && second.values == [Statistic("zipkin", .reportsDropped): 2])
      #expect(second.epoch == first.epoch && second.sequence == 2)
    }
  }

  @Test func aConnectionToAControlPlaneIsFollowedByAMessage() async throws {
    try await run { world in
      _ = try await world.reports(1)
      world.statistics.withLock { $0 += "cluster.ads_cluster.upstream_cx_total: 2\n" }
      let report = try await world.reports(2)[1]
      #expect(report.values.isEmpty && !report.isWhole)
    }
  }

  @Test func aControlPlaneThatAsksForAllGetsAll() async throws {
    try await run { world in
      _ = try await world.reports(1)
      world.statuses.withLock { $0 = [.conflict] }
      world.statistics.withLock { $0 += "tracing.zipkin.reports_dropped: 2\n" }
      let reports = try await world.reports(3)
      #expect(reports.map(\.isWhole) == [true, false, true])
      #expect(reports[2].values.count == 2)
    }
  }

  @Test func aControlPlaneThatWaitsHasTheReportAndGetsTheNext() async throws {
    let world = World()
    world.statuses.withLock { $0 = [.accepted] }
    world.statistics.withLock { $0 += "tracing.zipkin.reports_sent: 1\n" }
    try await run(world) { world in
      #expect(try await world.reports(1)[0].answerAge == nil)
      world.statistics.withLock { $0 += "tracing.zipkin.reports_sent: 2\n" }
      let second = try await world.reports(2)[1]
      #expect(!second.isWhole && second.sequence == 2 && second.values == [Statistic("zipkin", .reportsSent): 2])
      #expect(try #require(second.answerAge) >= .milliseconds(5))
    }
  }

  @Test func whatIsNotTakenIsToldAgainAndLoggedOnce() async throws {
    let log = LogRecorder()
    let world = World()
    world.statuses.withLock { $0 = [.serviceUnavailable, .serviceUnavailable, .serviceUnavailable, .notFound] }
    try await run(world, log: log) { world in
      let reports = try await world.reports(5)
      #expect(reports.allSatisfy { $0.isWhole && $0.sequence == 1 })
      try await eventually("the last line") { log.messages.contains { $0.contains("again") } }
      #expect(log.messages.filter { $0.contains("503") }.count == 1)
    }
  }

  @Test func theTokenIsThatOfTheFileAtTheTime() async throws {
    let token = "eyJhbGciOiJub25lIn0.e30.c2ln"
    let folder = try TemporaryFolder()
    let file = try folder.write(token, to: "token")
    try await run(flags: ["dataplaneRuntime.tokenPath": file]) { world in
      _ = try await world.reports(1)
      _ = try folder.write("\(token)2\n", to: "token")
      world.statistics.withLock { $0 += "tracing.zipkin.reports_dropped: 2\n" }
      _ = try await world.reports(2)
      #expect(world.tokens.withLock { $0 } == ["Bearer \(token)", "Bearer \(token)2"])
    }
  }
}
