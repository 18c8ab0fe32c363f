import Logging
import MeshClient
import MeshModel

/// Lets an Envoy finish what it does before it is ended, and send the spans of it, through its administration interface.
struct EnvoyDrain: Sendable {
  private let admin: ControlPlaneClient?
  private let time: DrainTime
  private let logger: Logger

  /// - Parameters:
  ///   - adminPort: the port of the administration interface; without one there is nothing to wait for.
  ///   - time: how long it may take.
  init(adminPort: UInt16?, time: DrainTime, logger: Logger) {
    let address = adminPort.flatMap { try? ControlPlaneAddress("http://127.0.0.1:\($0)") }
    admin = address.map { ControlPlaneClient(address: $0, settings: ControlPlaneClient.Settings(timeout: .seconds(2))) }
    self.time = time
    self.logger = logger
  }

  /// Has Envoy tell its clients to go elsewhere, and waits until callers know that and no request is in flight, or for the limit;
  /// then until the spans of what was answered are sent, or for as long as they can wait.
  ///
  /// An Envoy that does not answer is not waited for; nor is anything once the calling task is cancelled.
  func callAsFunction() async {
    guard let admin, time.requests > .zero else { return }
    let clock = ContinuousClock()
    let begin = clock.now
    do {
      // At once: the interval of before holds for the timers that run.
      let (timing, isShortened) = try await shortenInterval(admin)
      let spanTime = LastSpans(timing, isShortened: isShortened, requestsEnd: .zero).longestTime
      try await finishRequests(admin, within: time.forRequests(beforeSpansOf: spanTime))
      guard SpanStatistics(try await admin.text(SpanStatistics.path)).hasSpans else { return }
      // From here on there are no new connections, so that the spans are the last ones.
      _ = try await admin.exchange(.post, "/drain_listeners")
      let spans = LastSpans(timing, isShortened: isShortened, requestsEnd: clock.now - begin)
      try await send(spans, since: begin, admin)
    } catch {
      logger.debug("Envoy is ended without waiting: \(error)")
    }
  }

  /// Has Envoy tell its clients to go elsewhere, and goes on serving them.
  func announce() async {
    guard let admin else { return }
    do {
      try await announce(admin)
      logger.info("the clients of Envoy are told to go elsewhere; it serves until this program is told to end")
    } catch {
      logger.warning("the clients of Envoy cannot be told to go elsewhere: \(error)")
    }
  }

  private func announce(_ admin: ControlPlaneClient) async throws {
    // Answers then carry "connection: close", or GOAWAY in HTTP/2. Source: Envoy 1.40, "Draining".
    for path in ["/healthcheck/fail", "/drain_listeners?graceful"] { _ = try await admin.exchange(.post, path) }
  }

  /// Has Envoy send spans soon after they are made, if its bootstrap allows that.
  ///
  /// - Returns: how long spans and reports could wait before, and whether that has changed.
  private func shortenInterval(_ admin: ControlPlaneClient) async throws -> (ReportTiming, isShortened: Bool) {
    let answer = try await admin.exchange(.get, ReportTiming.path)
    let timing = ReportTiming(answer.status == 200 ? try? DocumentValue(json: answer.body) : nil)
    guard timing.canBeChanged else { return (timing, false) }
    return (timing, try await admin.exchange(.post, ReportTiming.shortenPath).status == 200)
  }

  /// How often Envoy is asked.
  private static let pause = Duration.milliseconds(50)

  private func finishRequests(_ admin: ControlPlaneClient, within limit: Duration) async throws {
    let clock = ContinuousClock()
    let begin = clock.now
    let end = begin + limit
    try await announce(admin)
    var isAnnounced = false
    var quiet = QuietTime(time.callers)
    while true {
      let statistics = try await admin.text("/stats?usedonly&filter=downstream_.._(active%7Ctotal)$")
      let busy = Self.busy(statistics)
      guard clock.now < end, !quiet.isQuiet(busy: busy, count: Self.count(statistics), at: clock.now - begin) else {
        return
      }
      if busy > 0, !isAnnounced {
        logger.info(
          "waiting for \(busy) requests or connections in flight, \(limit.words) at most; send the signal again to stop now"
        )
        isAnnounced = true
      }
      try await clock.sleep(for: Self.pause)
    }
  }

  /// Waits until spans are sent: an Envoy that ends loses those that it has not sent.
  private func send(_ spans: LastSpans, since begin: ContinuousClock.Instant, _ admin: ControlPlaneClient) async throws
  {
    let clock = ContinuousClock()
    let retryLimits = RetryLimits(try await admin.text(RetryLimits.path))
    var spans = spans
    var isAnnounced = false
    while true {
      let statistics = SpanStatistics(try await admin.text(SpanStatistics.path), retryLimits: retryLimits)
      let now = clock.now - begin
      if spans.areSent(statistics, at: now) || time.isOver(at: now) { break }
      if !isAnnounced, !statistics.areFlushed || statistics.reportsInFlight > 0 {
        let most = (min(spans.end(statistics), time.all ?? .seconds(86_400)) - now).components.seconds + 1
        logger.info("waiting for the last spans to be sent, \(most) s at most; send the signal again to stop now")
        isAnnounced = true
      }
      try await clock.sleep(for: Self.pause)
    }
  }

  /// Names and values of statistics, those that are whole numbers.
  static func values(_ statistics: String) -> [(name: Substring, value: Int64)] {
    statistics.split(whereSeparator: \.isNewline).compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard let name = parts.first, let value = parts.last.flatMap({ Int64($0.drop(while: \.isWhitespace)) }),
        (0...1_000_000_000_000_000).contains(value)
      else { return nil }
      return (name, value)
    }
  }

  /// How many requests and connections of other protocols there have been, without questions about the health of the application
  /// and of the proxy, by Envoy's statistics.
  static func count(_ statistics: String) -> Int64 {
    var count: Int64 = 0
    for (name, value) in values(statistics) {
      // The names of the two listeners, as statistics have them.
      let isQuestion = ["http.admin.", "http.kuma_envoy_admin.", "http.probe_listener."].contains { name.hasPrefix($0) }
      let isRequest = name.hasPrefix("http.") && name.hasSuffix(".downstream_rq_total")
      let isConnection = name.hasPrefix("tcp.") && name.hasSuffix(".downstream_cx_total")
      if isRequest && !isQuestion || isConnection { count += value }
    }
    return count
  }

  /// How many requests and connections of other protocols are in flight, by Envoy's statistics.
  ///
  /// A connection of HTTP without a request is idle: it can be closed at any time.
  static func busy(_ statistics: String) -> Int64 {
    var connections: Int64 = 0
    var requests: Int64 = 0
    for (name, value) in values(statistics) {
      let isListener = name.hasPrefix("listener.")
      let isHTTP = name.hasPrefix("http.")
      // The administration interface counts the question itself; threads count again what their listener counts.
      if name.hasPrefix("http.admin.") || name.hasPrefix("listener.admin.") { continue }
      if isListener, name.contains(".worker_") || name.contains(".main_thread.") { continue }
      if isListener, name.hasSuffix(".downstream_cx_active") { connections += value }
      if isHTTP, name.hasSuffix(".downstream_cx_active") { connections -= value }
      if isHTTP, name.hasSuffix(".downstream_rq_active") { requests += value }
    }
    return max(connections, 0) + requests
  }
}
