import AsyncHTTPClient
import ConnectionFaults
import MeshModel
import NIOCore
import NIOHTTP1

/// Text at a URL, such as a file of resources on a web server.
public enum RemoteText {
  /// Why it could not be fetched.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    public var description: String
    /// The underlying error.
    public var cause: (any Error)?
  }

  /// The size limit of a text, in bytes.
  static let limit = 16 << 20

  /// Fetches the bytes. Follows redirects; any status other than 200 is a failure.
  ///
  /// - Parameter timeout: the timeout of the whole operation.
  public static func fetch(_ url: String, timeout: Duration = .seconds(10)) async throws(Failure) -> [UInt8] {
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let result = await answer(of: client, to: url, timeout)
    try? await client.shutdown()
    let (status, bytes) = try result.get()
    guard status == 200 else {
      throw Failure(description: "Get \"\(url)\": the answer has status \(status), not 200")
    }
    return bytes
  }

  private static func answer(of client: HTTPClient, to url: String, _ timeout: Duration)
    async -> Result<(status: UInt, bytes: [UInt8]), Failure>
  {
    do {
      return .success(
        try await within(timeout) {
          let response = try await client.execute(HTTPClientRequest(url: url), deadline: .distantFuture)
          let body = try await response.body.collect(upTo: limit)
          return (response.status.code, Array(buffer: body))
        })
    } catch let error where error is DeadlineExceeded || error as? HTTPClientError == .connectTimeout {
      return .failure(Failure(description: "Get \"\(url)\": no answer within \(timeout.words)", cause: error))
    } catch is NIOTooManyBytesError {
      return .failure(Failure(description: "Get \"\(url)\": the text is larger than 16 MiB"))
    } catch {
      return .failure(
        Failure(description: "Get \"\(url)\": \(connectionFault(error))", cause: error))
    }
  }
}
