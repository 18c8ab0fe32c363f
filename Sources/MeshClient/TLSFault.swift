import NIOPosix
import NIOSSL

/// What goes wrong with TLS, in words for people: the library's own texts hold codes and paths of its build.
enum TLSFault {
  /// What a server that speaks no TLS makes of a handshake: `SSL_R_WRONG_VERSION_NUMBER` of BoringSSL.
  private static let wrongVersion: UInt32 = 247

  /// Whether the other end answered, but not in TLS.
  static func isPlaintext(_ error: any Error) -> Bool { stack(error).contains { reason($0) == wrongVersion } }

  /// The error in a few words; `nil` when it has nothing to do with TLS.
  static func words(_ error: any Error) -> String? {
    switch error {
    case NIOSSLError.failedToLoadCertificate: return "there is no certificate in it"
    case NIOSSLError.failedToLoadPrivateKey: return "there is no private key in it"
    case NIOSSLError.uncleanShutdown: return "the connection was closed before the answer was complete"
    case is NIOSSLError, is BoringSSLError: break
    default: return nil
    }
    if isPlaintext(error) { return "the port speaks no TLS" }
    let stack = stack(error)
    if stack.contains(.eofDuringHandshake) { return "the connection was closed during the TLS handshake" }
    let names = stack.compactMap(name)
    return names.isEmpty ? "TLS failed" : "TLS failed: \(names.joined(separator: ", "))"
  }

  private static func stack(_ error: any Error) -> NIOBoringSSLErrorStack {
    switch error {
    case let error as NIOConnectionError: return error.connectionErrors.flatMap { stack($0.error) }
    case NIOSSLError.handshakeFailed(let cause), NIOSSLError.shutdownFailed(let cause): return stack(cause)
    case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack): return stack
    default: return []
    }
  }

  /// The number of the reason within its part of the library, the low 12 bits of the code; `nil` when there is none.
  ///
  /// The library gives the code in its text alone: `Error: 268435703 error:100000f7:SSL routines:…:REASON at FILE:LINE`.
  private static func reason(_ error: BoringSSLInternalError) -> UInt32? {
    error.description.split(separator: " ").dropFirst().first.flatMap { UInt32($0) }.map { $0 & 0xfff }
  }

  /// The reason's name in that text, in small letters; `nil` when there is none.
  private static func name(_ error: BoringSSLInternalError) -> String? {
    let parts = error.description.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 5, let name = parts[5].split(separator: " ").first else { return nil }
    return name.lowercased().replacing("_", with: " ")
  }
}
