import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Text at an address, such as a file of resources on a web server.
public enum RemoteText {
  /// Why text could not be fetched.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    public var description: String
    /// The error underneath.
    public var cause: (any Error)?
  }

  /// The largest text that is fetched, in bytes.
  static let limit = 16 << 20

  /// Fetches text; redirections are followed, any status other than 200 is a failure.
  ///
  /// - Parameter timeout: how long it may take, in whole seconds.
  public static func fetch(_ url: String, timeoutSeconds: Int64 = 10) async throws(Failure) -> String {
    let response: HTTPClientResponse
    let body: ByteBuffer
    do {
      response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(timeoutSeconds))
      body = try await response.body.collect(upTo: limit)
    } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
      throw Failure(description: "Get \"\(url)\": no answer within \(timeoutSeconds) s", cause: error)
    } catch {
      throw Failure(description: "Get \"\(url)\": \(error)", cause: error)
    }
    guard response.status == .ok else {
      throw Failure(description: "Get \"\(url)\": the answer has status \(response.status.code), not 200")
    }
    return String(buffer: body)
  }
}
