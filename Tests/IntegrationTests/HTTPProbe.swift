import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Requests of a person with curl: one connection each, so that no request goes through a listener of yesterday.
enum HTTPProbe {
  struct Answer: Sendable {
    var status: Int
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// The answer to a GET; `nil` when nobody listens or answers.
  static func get(
    port: Int, _ path: String, headers: [String: String] = [:], timeout: TimeAmount = .seconds(20)
  ) async throws -> Answer? {
    try await send(.GET, port: port, path, headers: headers, timeout: timeout)
  }

  /// The answer to a PUT with JSON; `nil` when nobody listens or answers.
  static func put(port: Int, _ path: String, _ json: String) async throws -> Answer? {
    try await send(.PUT, port: port, path, body: json)
  }

  /// The answer to a POST with JSON; `nil` when nobody listens or answers.
  static func post(port: Int, _ path: String, _ json: String) async throws -> Answer? {
    try await send(.POST, port: port, path, body: json)
  }

  private static func send(
    _ method: HTTPMethod, port: Int, _ path: String, body: String? = nil, headers: [String: String] = [:],
    timeout: TimeAmount = .seconds(20)
  ) async throws -> Answer? {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = method
    if let body {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    request.headers.add(name: "connection", value: "close")
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    do {
      let response = try await HTTPClient.shared.execute(request, timeout: timeout)
      let body = try await response.body.collect(upTo: 64 << 20)
      return Answer(status: Int(response.status.code), body: Array(body.readableBytesView))
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      return nil
    }
  }
}
