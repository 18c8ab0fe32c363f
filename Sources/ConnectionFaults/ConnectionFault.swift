import AsyncHTTPClient
import NIOCore
import NIOPosix
import SystemErrors

/// Why a connection or a request over it failed, in a few words.
package func connectionFault(_ error: any Error) -> String {
  switch error {
  case let error as NIOConnectionError:
    if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
      return "the host name cannot be resolved"
    }
    return error.connectionErrors.first.map { connectionFault($0.error) } ?? "no connection"
  case let error as IOError: return SystemError(error.errnoCode).description
  case let error as HTTPClientError where error == .connectTimeout: return "no answer to the attempt to connect"
  case let error as HTTPClientError: return error.shortDescription
  default: return TLSFault(error)?.words ?? "\(error)"
  }
}
