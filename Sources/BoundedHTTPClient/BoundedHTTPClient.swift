package import AsyncHTTPClient
import ConnectionFaults
import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import ServiceLifecycle
import Synchronization
import SystemErrors

/// Asks HTTP servers that are not trusted: every answer is bounded in time and size, and redirects are not followed.
///
/// Each question has a connection of its own, because the next one may reach another server.
package final class BoundedHTTPClient: Service {
  /// What a server has answered.
  package enum Answer: Sendable {
    /// The body of an answer with status 200.
    case body([UInt8])
    /// The body is larger than the limit.
    case tooLarge
    /// Another status.
    case status(UInt)
  }

  /// The client does not run.
  package struct NotRunning: Error {}

  private let time: Duration
  private let tls: TLSConfiguration?
  private let client = Mutex<HTTPClient?>(nil)

  /// Makes a client, which answers while it runs.
  ///
  /// - Parameter time: how long a connection, and a call of ``inTime(_:late:)``, may take.
  package init(time: Duration, tls: TLSConfiguration? = nil) {
    self.time = time
    self.tls = tls
  }

  package func run() async throws {
    var configuration = HTTPClient.Configuration()
    configuration.httpVersion = .http1Only
    configuration.redirectConfiguration = .disallow
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout.connect = TimeAmount(time)
    configuration.tlsConfiguration = tls
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    self.client.withLock { $0 = client }
    // Throws if the task is cancelled because another service failed. The connections are closed then too.
    try? await gracefulShutdown()
    self.client.withLock { $0 = nil }
    try await client.shutdown()
  }

  /// Whether questions are answered.
  package var isRunning: Bool { client.withLock { $0 != nil } }

  /// Asks a question.
  ///
  /// - Parameter bytes: the largest body that is read.
  package func ask(_ request: HTTPClientRequest, bytes: Int) async throws -> Answer {
    let response = try await send(request)
    guard response.status == .ok else { return .status(response.status.code) }
    return try await Self.body(of: response, bytes: bytes).map { .body($0) } ?? .tooLarge
  }

  /// Sends a request whose answer matters with every status.
  ///
  /// - Parameter bytes: the largest body that is read.
  /// - Returns: the status, and the body; nil if it is larger.
  package func exchange(_ request: HTTPClientRequest, bytes: Int) async throws -> (status: UInt, body: [UInt8]?) {
    let response = try await send(request)
    return (response.status.code, try await Self.body(of: response, bytes: bytes))
  }

  private func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    guard let client = client.withLock({ $0 }) else { throw NotRunning() }
    var request = request
    request.headers.add(name: "connection", value: "close")
    return try await client.execute(request, deadline: .distantFuture)
  }

  private static func body(of response: HTTPClientResponse, bytes: Int) async throws -> [UInt8]? {
    do {
      return Array(try await response.body.collect(upTo: bytes).readableBytesView)
    } catch is NIOTooManyBytesError {
      return nil
    }
  }

  /// Does something within the time. The client's own time limit ends with the head of an answer. This one covers the whole answer.
  ///
  /// - Parameter late: the error if it takes longer.
  package func inTime<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value, late: any Error
  ) async throws -> Value {
    do { return try await within(time, body) } catch is DeadlineExceeded { throw late }
  }

  /// Why there was no answer, in words.
  package static func words(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError: error.connectionErrors.first.map { words($0.error) } ?? "no connection"
    case let error as IOError: SystemError(error.errnoCode).description
    case let error as HTTPClientError: error.shortDescription
    default: "the connection was lost"
    }
  }
}
