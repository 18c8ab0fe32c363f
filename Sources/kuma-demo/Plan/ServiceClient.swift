import AsyncHTTPClient
import ConnectionFaults
import Foundation
import NIOCore
import NIOHTTP1

/// Sends requests to services, and to the programs of the demo.
struct ServiceClient: Sendable {
  /// How long one request may take with its whole answer, in seconds.
  var timeout: Int64 = 5

  /// Threads and connections are shared for as long as the process lives.
  private static let http: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    // A server that is not there yet is asked again by those who wait for it.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  /// An answer, whatever its status.
  struct Answer: Sendable {
    var status: Int
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a value; `nil` when it is something else.
    func decoded<Value: Decodable>(_ type: Value.Type = Value.self) -> Value? {
      try? JSONDecoder().decode(type, from: Data(body))
    }
  }

  /// Sends a GET request.
  ///
  /// - Parameter host: whom the request is for, by which proxies name their spans; the address's host when `nil`.
  /// - Throws: what AsyncHTTPClient throws when there is no answer.
  func get(
    _ url: String, host: String? = nil, headers: [(name: String, value: String)] = []
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: url)
    if let host { request.headers.add(name: "host", value: host) }
    for header in headers { request.headers.add(name: header.name, value: header.value) }
    return try await within(.seconds(timeout)) { [request] in
      let response = try await Self.http.execute(request, deadline: .distantFuture)
      let body = try await response.body.collect(upTo: 16 << 20)
      return Answer(status: Int(response.status.code), body: Array(body.readableBytesView))
    }
  }

  /// Sends a GET request to a server that may not be there yet.
  ///
  /// - Returns: `nil` when there is no answer.
  func attempt(_ url: String, host: String? = nil) async throws(CancellationError) -> Answer? {
    do {
      return try await get(url, host: host)
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return nil
    }
  }
}
