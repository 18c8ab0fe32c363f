import AsyncHTTPClient
import Documents
package import Logging
import NIOCore
import NIOHTTP1
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
    /// How many seconds a watch asks the API server for; a random number from this range.
    package var watchSeconds: ClosedRange<Int> = 300...600

    package init() {}
  }

  /// Where the API server is.
  package let access: KubernetesAccess
  let settings: Settings
  let logger: Logger
  private let userAgent: String
  private let credentials: CredentialSource
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

  /// An answer with a status of success.
  struct Reply: Sendable {
    var status: Int
    var body: [UInt8]
  }

  /// Sends a request and reads its answer, all within the request's time.
  func send(_ request: APIRequest) async throws(KubernetesError) -> Reply {
    _ = try request.path(on: access.server)
    let wait = state.withLock { $0.budget.take(now: .now) }
    do {
      return try await within(wait + request.time) {
        if wait > .zero { try await Task.sleep(for: wait) }
        return try await self.exchange(request)
      }
    } catch {
      throw failure(error, of: request)
    }
  }

  private func exchange(_ request: APIRequest) async throws -> Reply {
    var attempts = 0
    while true {
      attempts += 1
      let (response, sender) = try await head(of: request, pool: .requests)
      let status = Int(response.status.code)
      if (200..<300).contains(status) {
        let body = try await response.body.collect(upTo: request.limit)
        return Reply(status: status, body: Array(body.readableBytesView))
      }
      let reply = await StatusReply(response, limit: Self.errorLimit)
      if status == 401, attempts == 1 {
        await credentials.refuse(sender)
        if let newer = try? await credentials.credentials(), newer != sender { continue }
      }
      throw reply.error(for: request, on: access.server)
    }
  }

  /// Sends a request and returns the head of the answer, whatever its status, with the credentials that were sent.
  ///
  /// A request that reads is sent a second time when the server has closed the connection meanwhile.
  func head(
    of request: APIRequest, pool: Transport.Pool
  ) async throws -> (HTTPClientResponse, Credentials) {
    var attempts = 0
    while true {
      attempts += 1
      let sender = try await credentials.credentials()
      let transport = try transport(for: sender)
      do {
        let response = try await transport[pool].execute(
          try message(request, sender: sender), deadline: .distantFuture)
        return (response, sender)
      } catch let error as HTTPClientError where error == .remoteConnectionClosed {
        guard request.isReading, attempts == 1 else { throw error }
      }
    }
  }

  private func message(_ request: APIRequest, sender: Credentials) throws(KubernetesError) -> HTTPClientRequest {
    var message = HTTPClientRequest(url: access.requestURL + (try request.path(on: access.server)))
    message.method = request.method
    message.headers.add(name: "accept", value: "application/json")
    message.headers.add(name: "user-agent", value: userAgent)
    if access.serverName != nil, let authority = access.authority {
      message.headers.add(name: "host", value: authority)
    }
    if let token = sender.token { message.headers.add(name: "authorization", value: "Bearer \(token)") }
    if let user = access.identity.impersonatedUser {
      message.headers.add(name: "impersonate-user", value: user)
      for group in access.identity.impersonatedGroups { message.headers.add(name: "impersonate-group", value: group) }
    }
    if let body = request.body {
      message.headers.add(name: "content-type", value: request.contentType)
      message.body = .bytes(ByteBuffer(string: body.json()))
    }
    return message
  }

  /// The connections for these credentials.
  private func transport(for sender: Credentials) throws(KubernetesAccess.Failure) -> Transport {
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

  /// The connections in use; a check uses them without making new ones.
  var currentTransport: Transport? { state.withLock { $0.transport } }

  /// Throws connections away, so that the next request makes new ones and reads the files of certificates again.
  ///
  /// - Parameter isClosing: whether what runs on them is ended.
  func discard(_ transport: Transport?, isClosing: Bool) {
    guard let transport else { return }
    state.withLock { if $0.transport === transport { $0.transport = nil } }
    if isClosing { transport.close() }
  }
}

extension StatusReply {
  /// Reads the body of an answer, as far as it goes.
  init(_ response: HTTPClientResponse, limit: Int) async {
    var bytes: [UInt8] = []
    do {
      for try await part in response.body {
        bytes += part.readableBytesView.prefix(limit - bytes.count)
        if bytes.count >= limit { break }
      }
    } catch {
      // The status says enough.
    }
    self.init(
      status: Int(response.status.code), body: bytes, retryAfter: response.headers.first(name: "retry-after"))
  }
}
