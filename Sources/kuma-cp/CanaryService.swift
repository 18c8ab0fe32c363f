import AsyncHTTPClient
import BoundedHTTPClient
import ConnectionFaults
import Documents
import HTTPService
import Logging
import MeshModel
import NIOCore
import NIOHTTP1
import NIOSSL
import ServiceLifecycle
import TraceHTTP
import TraceModel

/// Sends the collector a known trace at each interval, over HTTP and by the door of all senders, looks for it by a query, and notes
/// what became of it. ``CanaryPlan`` decides what is done when.
struct CanaryService: Service {
  private let canary: Canary
  private let interval: Duration
  private let ports: BoundPorts
  /// The collector's address without its port, such as `https://127.0.0.1`.
  private let origin: String
  private let token: CanaryToken
  private let clock: WallClock
  private let logger: Logger
  private let client: BoundedHTTPClient

  /// How long a request may take.
  private static let patience = CanaryPlan.patience
  /// The largest answer that is read: ten traces, or a sentence.
  private static let bytesAtMost = 64 << 10

  /// - Parameters:
  ///   - endpoint: where the collector listens.
  ///   - usesTLS: whether it takes TLS there.
  ///   - clock: the time of day.
  init(
    _ canary: Canary, interval: Duration, ports: BoundPorts, endpoint: ControlPlaneConfiguration.Endpoint,
    usesTLS: Bool, token: CanaryToken, clock: WallClock = .system, logger: Logger
  ) {
    self.canary = canary
    self.interval = interval
    self.ports = ports
    let host =
      switch endpoint.host {
      case "0.0.0.0": "127.0.0.1"
      case "::": "[::1]"
      case let host: host.contains(":") ? "[\(host)]" : host
      }
    origin = "\(usesTLS ? "https" : "http")://\(host)"
    self.token = token
    self.clock = clock
    self.logger = logger
    // Both ends are in this process, at a port that it holds, so there is nobody else who could answer. Names need not fit either:
    // the certificate is for the addresses that senders use.
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    client = BoundedHTTPClient(time: Self.patience, tls: tls)
  }

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await client.run() }
      await cancelWhenGracefulShutdown {
        for await port in ports.ports(of: ServerName.collector) { await follow("\(origin):\(port)") }
      }
      try await group.waitForAll()
    }
  }

  /// Sends traces until the task is cancelled.
  private func follow(_ address: String) async {
    let begin = ContinuousClock.now
    var now: Duration { ContinuousClock.now - begin }
    var random = SystemRandomNumberGenerator()
    var plan = CanaryPlan(interval: interval, at: now)
    var (trace, time) = (CanaryTrace(at: 0, using: &random), Int64(0))
    while !Task.isCancelled {
      var outcome: CanaryPlan.Outcome?
      switch plan.next(at: now) {
      case .wait(let time): try? await Task.sleep(for: time - now)
      case .send:
        time = clock.milliseconds()
        trace = CanaryTrace(at: time, using: &random)
        canary.expect(trace)
        outcome = plan.sent(await send(trace, to: address), at: now)
      case .ask: outcome = plan.asked(await ask(for: trace, sent: time, at: address), at: now)
      }
      // A request that the end of the program has cancelled says nothing about the collector.
      if let outcome, !Task.isCancelled { note(outcome, of: trace) }
    }
  }

  private func note(_ outcome: CanaryPlan.Outcome, of trace: CanaryTrace) {
    switch canary.note(outcome, of: trace, at: clock.milliseconds()) {
    case nil: break
    case .failing(.lost(let reason))?:
      logger.error(
        "the canary is lost: the trace that the collector sends to itself is not found again",
        metadata: ["error": "\(reason)"])
    case .failing(.refused(let reason))?:
      logger.error(
        "the canary is refused: the trace that the collector sends to itself is not stored",
        metadata: ["error": "\(reason)"])
    case .failing(.found)?: break
    case .recovered(let failures)?:
      logger.info("the canary is found again", metadata: ["failures": "\(failures)"])
    }
  }

  // MARK: Requests

  private func send(_ trace: CanaryTrace, to address: String) async -> CanaryPlan.Reception {
    var request = HTTPClientRequest(url: address + "/api/v2/spans")
    request.method = .POST
    request.headers.add(name: "content-type", value: MediaType.json)
    request.body = .bytes(ByteBuffer(bytes: trace.body))
    switch await answer(to: request) {
    case .success((202, _)): return .stored
    case .success(let answer): return .refused(Self.words(answer))
    case .failure(let silence): return .refused(silence.words)
    }
  }

  private func ask(for trace: CanaryTrace, sent time: Int64, at address: String) async -> CanaryPlan.Finding {
    switch await answer(to: HTTPClientRequest(url: address + CollectorAPI.canaryQuery(at: time))) {
    case .success((200, let body)): return trace.isFound(in: body) ? .found : .absent
    case .success(let answer): return .failed(Self.words(answer))
    case .failure(let silence): return .failed(silence.words)
    }
  }

  /// Why there was no answer.
  private struct Silence: Error {
    var words: String
  }

  private func answer(to request: HTTPClientRequest) async -> Result<(UInt, [UInt8]), Silence> {
    var request = request
    request.headers.add(name: "authorization", value: "Bearer \(token.text)")
    do {
      let answer = try await client.inTime(
        { [client, request] in try await client.exchange(request, bytes: Self.bytesAtMost) },
        late: Silence(words: "the collector has not answered within \(Self.patience.words)"))
      return .success((answer.status, answer.body ?? []))
    } catch let silence as Silence {
      return .failure(silence)
    } catch {
      return .failure(Silence(words: "the collector does not answer: \(BoundedHTTPClient.words(error))"))
    }
  }

  private static func words(_ answer: (status: UInt, body: [UInt8])) -> String {
    let sentence = String(decoding: answer.body.prefix(500), as: UTF8.self).printable(atMost: 300)
    return "the collector answers \(answer.status)\(sentence.isEmpty ? "" : ": \(sentence)")"
  }
}
