import Logging
import MeshClient
import MeshModel

/// Asks the control plane for a bootstrap until it gives one or refuses.
struct BootstrapFetcher: Sendable {
  private let client: ControlPlaneClient
  private let retry: BootstrapRetry
  private let proxy: (mesh: String, name: String)
  private let logger: Logger

  /// - Parameter timeout: how long one attempt may take.
  init(_ configuration: LaunchConfiguration, timeout: Duration = .seconds(10), logger: Logger) {
    client = ControlPlaneClient(
      address: configuration.controlPlane,
      settings: ControlPlaneClient.Settings(
        headers: [(name: "accept", value: "application/json")], timeout: timeout,
        caCertificates: configuration.caCertificate, skipVerify: configuration.caCertificate == nil))
    retry = configuration.retry
    proxy = (configuration.mesh, configuration.name)
    self.logger = logger
  }

  /// Asks again and again, and logs a line whenever the reason for that is another.
  ///
  /// - Throws: ``LaunchFailure``; `interrupted` when the calling task is cancelled.
  func fetch(_ request: DocumentValue) async throws(LaunchFailure) -> Bootstrap {
    let clock = ContinuousClock()
    let end = clock.now + retry.limit
    var reported: String?
    var shortWait = Self.shortestWait
    while true {
      let reason: String
      var wait = retry.backoff
      switch await attempt(request) {
      case .bootstrap(let bootstrap): return bootstrap
      case .never(let message): throw LaunchFailure(.refused, message)
      case .later(let text): reason = text
      case .noDataplane(let text):
        reason = text
        wait = min(shortWait, wait)
        shortWait = min(shortWait * 2, retry.backoff)
      }
      guard !Task.isCancelled else { throw Self.interrupted }
      guard clock.now + wait < end else {
        throw LaunchFailure(
          .noControlPlane,
          "no bootstrap from the control plane at \(client.address) within \(retry.limit.words): \(reason)")
      }
      if reported != reason {
        let rhythm = reported == nil ? "; trying every \(retry.backoff.words), for \(retry.limit.words) at most" : ""
        logger.warning("no bootstrap from the control plane at \(client.address): \(reason)\(rhythm)")
        reported = reason
      }
      do {
        try await clock.sleep(for: wait)
      } catch {
        throw Self.interrupted
      }
    }
  }

  /// The first wait for a Dataplane. That of a pod comes a moment after the pod's address.
  private static let shortestWait = Duration.milliseconds(200)

  private static let interrupted = LaunchFailure(.interrupted, "stopped before Envoy was started")

  private func attempt(_ request: DocumentValue) async -> BootstrapVerdict {
    do {
      let answer = try await client.exchange(.post, "/bootstrap", document: request)
      return BootstrapVerdict(status: answer.status, body: answer.body, from: client.address, proxy: proxy)
    } catch {
      let untrusted = "the control plane at \(client.address) is not trusted: \(error.reason)"
      switch error.code {
      case .invalidCredentials: return .never(error.title)
      case .outOfDate: return .never("\(untrusted); renew it, or correct the clock of this machine")
      case .untrusted, .misnamed:
        return .never("\(untrusted); correct --ca-cert-file or the host in --cp-address")
      case .plaintext: return .withoutTLS(client.address)
      default: return .later(error.reason.isEmpty ? error.title : error.reason)
      }
    }
  }
}
