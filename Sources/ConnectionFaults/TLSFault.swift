import NIOPosix
import NIOSSL

/// A TLS failure in plain words. The library's messages contain codes and build paths.
package enum TLSFault: Sendable {
  /// The peer answered, but not with TLS.
  case plaintext
  /// The peer's certificate is for other hosts.
  case misnamed
  /// The peer's certificate was rejected.
  case untrusted
  /// Anything else, in a few words.
  case other(String)

  /// Reason codes of BoringSSL's TLS library. Source: its `ssl.h`.
  private enum Reason {
    static let certificateVerifyFailed: UInt32 = 125
    static let wrongVersionNumber: UInt32 = 247
  }

  /// Finds the fault in an error; `nil` if TLS is not the cause.
  package init?(_ error: any Error) {
    let errors = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
    if errors.contains(where: { ($0 as? NIOSSLExtraError) == .failedToValidateHostname }) {
      self = .misnamed
      return
    }
    let stack = errors.flatMap(Self.stack)
    let reasons = stack.compactMap(Self.reason)
    if reasons.contains(Reason.certificateVerifyFailed) {
      self = .untrusted
    } else if reasons.contains(Reason.wrongVersionNumber) {
      self = .plaintext
    } else if errors.contains(where: { $0 is NIOSSLError || $0 is BoringSSLError }) {
      self = .other(Self.words(error, stack))
    } else {
      return nil
    }
  }

  /// The fault in a few words.
  package var words: String {
    switch self {
    case .plaintext: "the port does not use TLS"
    case .misnamed: "its certificate is for another host"
    case .untrusted: "its certificate is not signed by a trusted authority"
    case .other(let words): words
    }
  }

  private static func words(_ error: any Error, _ stack: NIOBoringSSLErrorStack) -> String {
    switch error {
    case NIOSSLError.failedToLoadCertificate: return "it contains no certificate"
    case NIOSSLError.failedToLoadPrivateKey: return "it contains no private key"
    case NIOSSLError.uncleanShutdown: return "the connection was closed before the answer was complete"
    default: break
    }
    if stack.contains(.eofDuringHandshake) { return "the connection was closed during the TLS handshake" }
    let names = stack.compactMap(name)
    return names.isEmpty ? "TLS failed" : "TLS failed: \(names.joined(separator: ", "))"
  }

  /// The reason codes in an error of the library.
  static func reasons(of error: any Error) -> [UInt32] { stack(error).compactMap(reason) }

  private static func stack(_ error: any Error) -> NIOBoringSSLErrorStack {
    switch error {
    case NIOSSLError.handshakeFailed(let cause), NIOSSLError.shutdownFailed(let cause): stack(cause)
    case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack): stack
    default: []
    }
  }

  /// The reason code within its library, the low 12 bits of the error code; `nil` when there is none.
  ///
  /// Only the library's text contains the code: `Error: 268435703 error:100000f7:SSL routines:…:REASON at FILE:LINE`. Tests
  /// over real connections fail if an update changes that format.
  private static func reason(_ error: BoringSSLInternalError) -> UInt32? {
    error.description.split(separator: " ").dropFirst().first.flatMap { UInt32($0) }.map { $0 & 0xfff }
  }

  /// The reason's name in that text, in lower case; `nil` when there is none.
  private static func name(_ error: BoringSSLInternalError) -> String? {
    let parts = error.description.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 5, let name = parts[5].split(separator: " ").first else { return nil }
    return name.lowercased().replacing("_", with: " ")
  }
}
