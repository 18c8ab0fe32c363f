import AsyncHTTPClient
import ConnectionFaults
import Documents
import NIOCore
import NIOSSL

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
    case let error as HTTPClientError where error == .remoteConnectionClosed || error == .cancelled:
      return failure(.unavailable, "the connection was lost")
    default:
      guard let fault = TLSFault(error) else {
        return failure(
          .unavailable,
          "\(connectionFault(error)); check that the API server runs and that \(access.origin) names its address")
      }
      return failure(.unavailable, await words(fault))
    }
  }

  /// What is wrong with the TLS of a connection, and what to do.
  private func words(_ fault: TLSFault) async -> String {
    switch fault {
    case .misnamed:
      let host = access.serverName ?? access.host ?? access.server
      return
        "the API server's certificate is not for \(host.quoted); set tls-server-name of \(access.origin) to a name in it"
    case .untrusted:
      if let host = access.host, let port = access.port,
        let dates = await CertificateValidity.fault(
          at: host, port: port, name: access.serverName, authorities: (try? access.trust.certificates()) ?? [])
      {
        return
          "the API server is not trusted: \(dates), and the clock of this machine says \(Timestamp.now): renew "
          + "the certificate, or set the clock"
      }
      return "the API server's certificate is not signed by the certificate authority of \(access.origin); correct "
        + "certificate-authority there"
    case .plaintext, .other: return "\(fault.words); check the server of \(access.origin)"
    }
  }

  /// What the API server has refused, as a sentence.
  func refusal(_ reply: StatusReply, of request: APIRequest, sender: Credentials) -> KubernetesError {
    var error = reply.error(for: request, on: access.server)
    guard error.code == .unauthorized, let pem = sender.certificate?.certificate,
      let leaf = try? NIOSSLCertificate.fromPEMBytes(pem).first,
      let fault = CertificateValidity(leaf)?.fault(at: .now)
    else { return error }
    error.message += "; the client certificate of \(access.origin) \(fault)"
    return error
  }
}
