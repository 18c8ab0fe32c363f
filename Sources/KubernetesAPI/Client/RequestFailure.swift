import AsyncHTTPClient
import Documents
import NIOCore
import NIOPosix
import NIOSSL
import SystemErrors

/// A request has taken longer than it may.
struct DeadlineExceeded: Error {}

/// Does something within a time. The time limit of the HTTP client ends with the head of an answer; this one covers all.
func within<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    defer { group.cancelAll() }
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: time)
      return nil
    }
    guard let value = try await group.next() ?? nil else { throw DeadlineExceeded() }
    return value
  }
}

extension KubernetesClient {
  /// An error of the connection, of credentials or of an answer, as a sentence.
  func failure(_ error: any Error, of request: APIRequest) -> KubernetesError {
    let begin = request.sentence(on: access.server)
    switch error {
    case let error as KubernetesError: return error
    case let error as KubernetesAccess.Failure:
      return KubernetesError(code: .unauthorized, message: "\(begin): \(error.message)")
    case is DeadlineExceeded:
      return KubernetesError(
        code: .unavailable, message: "\(begin): the API server has not answered within \(request.time)")
    case is CancellationError:
      return KubernetesError(code: .unavailable, message: "\(begin): the request was cancelled")
    case is NIOTooManyBytesError:
      return KubernetesError(
        code: .unreadable, message: "\(begin): the answer is larger than \(request.limit) bytes")
    default:
      return KubernetesError(code: .unavailable, message: "\(begin): \(Self.words(error, access: access))")
    }
  }

  private static func words(_ error: any Error, access: KubernetesAccess) -> String {
    switch error {
    case let error as NIOConnectionError:
      let reason = error.connectionErrors.first.map { words($0.error, access: access) }
      if let reason { return reason }
      return "the name \(error.host.quoted) has no address; check the server of \(access.origin)"
    case let error as IOError:
      return
        "\(SystemError(error.errnoCode)); check that the API server runs and that \(access.origin) names its address"
    case let error as HTTPClientError where error == .connectTimeout:
      return
        "no connection could be made in time; check that the API server runs and that no firewall drops packets to it"
    case let error as HTTPClientError where error == .remoteConnectionClosed || error == .cancelled:
      return "the connection was lost"
    case let error as HTTPClientError: return error.shortDescription
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
      return "no TLS connection could be made: \(error)".printable(atMost: 300)
        + "; check the certificate authority of \(access.origin)"
    default: return "the connection was lost"
    }
  }
}
