import Backoff
import Logging
import MeshClient
import MeshModel
import ProxyEvidence
import SystemErrors

/// Asks an Envoy what it has counted of tracing, and tells it to the control plane, until the task is cancelled.
///
/// Nothing waits for it, and nothing fails with it: what the control plane does not get is unknown to it.
struct EvidenceReporter: Sendable {
  private let proxy: (mesh: String, name: String)
  private let envoyVersion: String
  private let token: DataplaneToken?
  private let admin: ControlPlaneClient
  private let controlPlane: ControlPlaneClient
  private let pace: EvidencePace
  private let logger: Logger
  /// How many messages in a row fail before the log says so.
  private static let unloggedFailures = 3
  /// Another text for each Envoy.
  private let epoch = String(UInt64.random(in: .min ... .max), radix: 16)

  /// - Parameters:
  ///   - adminPort: the port of Envoy's administration interface.
  ///   - envoyVersion: Envoy's version; empty if it is not known.
  init?(
    _ configuration: LaunchConfiguration, adminPort: UInt16, envoyVersion: String, pace: EvidencePace = EvidencePace(),
    logger: Logger
  ) {
    guard let address = try? ControlPlaneAddress("http://127.0.0.1:\(adminPort)") else { return nil }
    proxy = (configuration.mesh, configuration.name)
    self.envoyVersion = envoyVersion
    token = configuration.token
    self.pace = pace
    self.logger = logger
    admin = ControlPlaneClient(address: address, settings: ControlPlaneClient.Settings(timeout: .seconds(2)))
    controlPlane = ControlPlaneClient(
      address: configuration.controlPlane,
      settings: ControlPlaneClient.Settings(
        timeout: .seconds(10), caCertificates: configuration.caCertificate,
        skipVerify: configuration.caCertificate == nil))
  }

  /// Reports until the task is cancelled.
  func callAsFunction() async {
    let clock = ContinuousClock()
    let begin = clock.now
    var sequence = EvidenceSequence(pace)
    var backoff = BackoffSchedule(minimum: pace.question, maximum: pace.longestWait)
    var next = Duration.zero
    var reported: String?
    var failures = 0
    var connections: Int?
    while (try? await clock.sleep(for: pace.question)) != nil {
      let asked = clock.now - begin
      guard asked >= next, let text = try? await admin.text(EvidenceStatistics.path) else { continue }
      let values = EvidenceStatistics.values(in: text)
      let made = EvidenceStatistics.discoveryConnections(in: text)
      if let connections, made != connections { sequence.noteConnection() }
      connections = made
      // Of two answers the first may ask for all.
      for _ in 0..<2 {
        guard let message = sequence.message(values, at: asked) else { break }
        let (answer, obstacle) = await send(message, answerAge: message.answered.map { clock.now - begin - $0 })
        guard !Task.isCancelled else { return }
        sequence.take(answer)
        if let obstacle {
          next = clock.now - begin + backoff.failed(Double.random(in: 0...1))
          failures += 1
          // A control plane that starts, and a stream that is about to be opened, are not worth a line.
          if failures >= Self.unloggedFailures, reported != obstacle {
            logger.info("the control plane does not get what Envoy counts: \(obstacle)")
            reported = obstacle
          }
          break
        }
        guard answer != .wholeWanted else { continue }
        backoff.succeeded()
        failures = 0
        if reported != nil { logger.info("the control plane gets what Envoy counts again") }
        reported = nil
        break
      }
    }
  }

  /// Sends a message.
  ///
  /// - Parameter answerAge: how long ago, at most, Envoy counted the newest report that was answered.
  /// - Returns: what becomes of it, and why it failed.
  private func send(
    _ message: EvidenceSequence.Message, answerAge: Duration?
  ) async -> (EvidenceSequence.Answer, obstacle: String?) {
    var report = EvidenceReport(
      mesh: proxy.mesh, name: proxy.name, epoch: epoch, sequence: message.sequence, isWhole: message.isWhole,
      time: .now)
    report.values = message.values
    report.envoyVersion = message.isWhole ? envoyVersion : ""
    report.answerAge = answerAge
    do {
      let answer = try await controlPlane.exchange(
        .post, EvidenceReport.path, json: report.json(),
        headers: tokenText.map { [(name: "authorization", value: "Bearer \($0)")] } ?? [])
      switch answer.status {
      case 202: return (.awaited, nil)
      case 200..<300: return (.kept, nil)
      case 409: return (.wholeWanted, nil)
      default:
        let text = String(decoding: answer.body.prefix(1_000), as: UTF8.self).printableLines
        return (.failed, "it answers \(answer.status) \(text)")
      }
    } catch {
      return (.failed, error.reason.isEmpty ? error.title : error.reason)
    }
  }

  /// The token, of which the file may have a newer one: tokens of pods are renewed every hour.
  private var tokenText: String? {
    guard let token, let file = token.file, case .success(let bytes) = FileAccess.read(file) else {
      return token?.text
    }
    let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
    return text.isEmpty ? token.text : text
  }
}
