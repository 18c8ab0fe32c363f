package import Logging
import NIOCore
import Synchronization

/// A client of the API server. Several tasks may share it. It opens connections with the first request, and closes them when
/// it is released.
package final class KubernetesClient: Sendable {
  /// The bounds of a client.
  package struct Settings: Sendable {
    /// Requests per second, after a burst.
    package var requestsPerSecond: Double = 100
    /// Requests that may go at once.
    package var burst = 100
    /// How long a request may take with its answer.
    package var requestTime: Duration = .seconds(30)
    /// How long a page of a list may take.
    package var listTime: Duration = .seconds(60)
    /// How long a connection may take to be made.
    package var connectTime: Duration = .seconds(10)
    /// How long a watch may be silent before its connection is checked.
    package var silence: Duration = .seconds(30)
    /// How long that check may take.
    package var checkTime: Duration = .seconds(10)
    /// How long a watch may be silent, whatever the checks say, before it begins anew. Longer than the minute between two
    /// bookmarks; an API server sends none of a kind in which nothing has happened since its start.
    package var longestSilence: Duration = .seconds(150)
    /// How many seconds a watch asks the API server for; a random number from this range.
    package var watchSeconds: ClosedRange<Int> = 300...600

    package init() {}
  }

  /// Where the API server is.
  package let access: KubernetesAccess
  let settings: Settings
  let logger: Logger
  let userAgent: String
  let credentials: CredentialSource
  private let state: Mutex<State>

  private struct State {
    var transport: Transport?
    var budget: RequestBudget
  }

  /// The largest page of a list, in bytes.
  static let pageLimit = 64 << 20
  /// The largest object and the longest event of a watch, in bytes.
  static let objectLimit = 4 << 20
  /// The largest body of an error, in bytes.
  static let errorLimit = 64 << 10

  /// - Parameter userAgent: the name of this program with its version, such as `kuma-cp/1.2.0`.
  package init(access: KubernetesAccess, userAgent: String, settings: Settings = Settings(), logger: Logger) {
    self.access = access
    self.settings = settings
    self.logger = logger
    self.userAgent = userAgent
    credentials = CredentialSource(access.identity)
    state = Mutex(
      State(
        budget: RequestBudget(perSecond: settings.requestsPerSecond, burst: settings.burst, now: .now)))
  }

  /// A client of the same API server with a budget of its own. What others make it ask cannot hold this one up.
  package func sibling() -> KubernetesClient {
    KubernetesClient(access: access, userAgent: userAgent, settings: settings, logger: logger)
  }

  /// Takes a request from the budget.
  ///
  /// - Returns: how long it has to wait.
  func takeTurn() -> Duration { state.withLock { $0.budget.take(now: .now) } }

  /// The connections for these credentials.
  func transport(for sender: Credentials) throws(KubernetesAccess.Failure) -> Transport {
    if let transport = state.withLock({ $0.transport }), transport.certificate == sender.certificate {
      return transport
    }
    let made = try Transport(
      access, certificate: sender.certificate, connectTime: TimeAmount(settings.connectTime))
    return state.withLock { state in
      if let transport = state.transport, transport.certificate == sender.certificate { return transport }
      // What runs on the old connections goes on there.
      state.transport = made
      return made
    }
  }

  /// Throws connections away, so that the next request makes new ones and reads the files of certificates again.
  ///
  /// - Parameter isClosing: whether what runs on them is ended.
  func discard(_ transport: Transport, isClosing: Bool) {
    let isCurrent = state.withLock { state in
      guard state.transport === transport else { return false }
      state.transport = nil
      return true
    }
    if isCurrent {
      logger.debug("new connections to the API server are made", metadata: ["server": "\(access.server)"])
    }
    if isClosing { transport.close() }
  }
}
