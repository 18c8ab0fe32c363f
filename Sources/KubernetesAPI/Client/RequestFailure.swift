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
  func failure(_ error: any Error, of request: APIRequest) async -> KubernetesError {
    func failure(_ code: KubernetesError.Code, _ words: String) -> KubernetesError {
      KubernetesError(code: code, message: "\(request.sentence(on: access.server)): \(words)")
    }
    switch error {
    case let error as KubernetesError: return error
    case let error as KubernetesAccess.Failure: return failure(.unauthorized, error.message)
    case is DeadlineExceeded:
      return failure(.unavailable, "the API server has not answered within \(request.time)")
    case is CancellationError: return failure(.unavailable, "the request was cancelled")
    case is NIOTooManyBytesError:
      return failure(.unreadable, "the answer is larger than \(request.limit) bytes")
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
      let look = ServerCertificateLook(access: access)
      return failure(.unavailable, await look.words(error, time: settings.checkTime))
    default: return failure(.unavailable, words(error))
    }
  }

  private func words(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let reason = error.connectionErrors.first { return words(reason.error) }
      return "the name \(error.host.quoted) has no address; check the server of \(access.origin)"
    case let error as IOError:
      return
        "\(SystemError(error.errnoCode)); check that the API server runs and that \(access.origin) names its address"
    case let error as HTTPClientError where error == .connectTimeout || error == .deadlineExceeded:
      return "no connection could be made in time; check that the API server runs and that no firewall is between"
    case let error as HTTPClientError where error != .remoteConnectionClosed && error != .cancelled:
      return error.shortDescription
    default: return "the connection was lost"
    }
  }

  /// What the API server has refused, as a sentence.
  func refusal(_ reply: StatusReply, of request: APIRequest, sender: Credentials) -> KubernetesError {
    var error = reply.error(for: request, on: access.server)
    guard error.code == .unauthorized, let pem = sender.certificate?.certificate,
      let leaf = try? NIOSSLCertificate.fromPEMBytes(pem).first
    else { return error }
    let end = Timestamp(seconds: Int64(leaf.notValidAfter))
    if end < .wallClock { error.message += "; the client certificate of \(access.origin) has expired at \(end)" }
    return error
  }
}
