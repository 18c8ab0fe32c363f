import AsyncHTTPClient
import ConnectionFaults
import Documents
import NIOCore
import NIOHTTP1
import NIOSSL

extension KubernetesClient {
  /// An answer with a status of success.
  struct Reply: Sendable {
    var status: Int
    var body: [UInt8]
  }

  /// The head of an answer, whatever its status.
  struct Answer: Sendable {
    var response: HTTPClientResponse
    /// What the request was sent with.
    var sender: Credentials
    /// The connections, which have to be kept while the body is read.
    var transport: Transport
  }

  /// Sends a request and reads its answer, all within the request's time.
  func send(_ request: APIRequest) async throws(KubernetesError) -> Reply {
    _ = try request.path(on: access.server)
    let wait = takeTurn()
    do {
      return try await within(wait + request.time) {
        if wait > .zero { try await Task.sleep(for: wait) }
        return try await self.exchange(request)
      }
    } catch {
      throw await failure(error, of: request)
    }
  }

  private func exchange(_ request: APIRequest) async throws -> Reply {
    var answer = try await head(of: request)
    if answer.response.status == .unauthorized, await hasNewer(than: answer.sender) {
      answer = try await head(of: request)
    }
    let status = Int(answer.response.status.code)
    guard (200..<300).contains(status) else {
      throw refusal(await StatusReply(answer, limit: Self.errorLimit), of: request, sender: answer.sender)
    }
    do {
      let body = try await answer.response.body.collect(upTo: request.limit)
      // A cancelled task ends the body as the server does.
      try Task.checkCancellation()
      return Reply(status: status, body: Array(body.readableBytesView))
    } catch {
      note(error, on: answer.transport)
      throw error
    }
  }

  /// Sends a request and returns the head of the answer.
  ///
  /// A request that reads is sent a second time when the server has closed the connection meanwhile.
  func head(of request: APIRequest, isWatch: Bool = false) async throws -> Answer {
    var attempts = 0
    while true {
      attempts += 1
      let sender = try await credentials.credentials()
      let transport = try transport(for: sender)
      do {
        if isWatch, transport.watches == nil { try await check(transport, over: transport.requests) }
        let pool = isWatch ? transport.watches ?? transport.requests : transport.requests
        let response = try await pool.execute(try message(request, sender: sender), deadline: .distantFuture)
        if !transport.note(response.version) { discard(transport, isClosing: false) }
        return Answer(response: response, sender: sender, transport: transport)
      } catch {
        note(error, on: transport)
        guard request.isReading, attempts == 1, error as? HTTPClientError == .remoteConnectionClosed else {
          throw error
        }
      }
    }
  }

  /// Asks for something small. Any answer will do.
  func check(_ transport: Transport, over pool: HTTPClient) async throws {
    let response = try await pool.execute(message(to: "/version"), deadline: .distantFuture)
    _ = transport.note(response.version)
    _ = try? await response.body.collect(upTo: Self.errorLimit)
  }

  /// After an error of connections: whether they are thrown away.
  private func note(_ error: any Error, on transport: Transport) {
    switch error {
    // A connection that has been cut without a word keeps requests waiting until the system notices, with HTTP/2 all of
    // them. A request sees it when it is cancelled at the end of its time.
    case is CancellationError: discard(transport, isClosing: false)
    // The certificates of the other side, or the own ones, may have been replaced.
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: discard(transport, isClosing: false)
    default: break
    }
  }

  /// After a 401: whether there are newer credentials than those that were sent.
  func hasNewer(than sender: Credentials) async -> Bool {
    await credentials.refuse(sender)
    let newer = try? await credentials.credentials()
    return newer != nil && newer != sender
  }

  private func message(to path: String) -> HTTPClientRequest {
    var message = HTTPClientRequest(url: access.requestURL + path)
    message.headers.add(name: "accept", value: "application/json")
    message.headers.add(name: "user-agent", value: userAgent)
    // The URL has the name that is in the server's certificate.
    if access.serverName != nil, let authority = access.authority {
      message.headers.add(name: "host", value: authority)
    }
    return message
  }

  private func message(_ request: APIRequest, sender: Credentials) throws(KubernetesError) -> HTTPClientRequest {
    var message = message(to: try request.path(on: access.server))
    message.method = request.method
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
}

extension StatusReply {
  /// Reads the body of an answer, as far as it goes.
  init(_ answer: KubernetesClient.Answer, limit: Int) async {
    let response = answer.response
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
