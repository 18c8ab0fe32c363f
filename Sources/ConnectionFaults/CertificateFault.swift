/// Which certificate is the reason why a server could not agree on TLS with a client, in plain words.
package enum CertificateFault: Sendable, Hashable {
  /// The client does not accept the server's; the text says what it finds wrong.
  case ofServer(String)
  /// The server does not accept the client's; the text says what is wrong with it.
  case ofClient(String)

  /// Reason codes of BoringSSL's TLS library; those from 1000 on are alerts of the client. Source: its `ssl.h`.
  private static let faults: [UInt32: CertificateFault] = [
    125: .ofClient("no trusted authority has signed it for clients, or it is not valid at this time"),
    192: .ofClient("it has none, and this server asks for one"),
    1042: .ofServer(unknown), 1043: .ofServer(unknown), 1044: .ofServer("it was revoked"),
    1045: .ofServer("it is not valid at the time of the client's clock"), 1046: .ofServer(unknown),
    1048: .ofServer("it does not trust the authority that has signed it"),
  ]

  /// Some clients tell no more.
  private static let unknown =
    "it does not trust its authority, or connects by a name or at a time for which it is not valid"

  /// Finds the fault in the error of a server's handshake; `nil` if it has nothing to do with certificates, as that of a scanner.
  package init?(ofHandshake error: any Error) {
    guard let fault = TLSFault.reasons(of: error).compactMap({ Self.faults[$0] }).first else { return nil }
    self = fault
  }

  /// What is wrong, with its subject.
  package var words: String {
    switch self {
    case .ofServer(let words): "the client does not accept the certificate of the server: \(words)"
    case .ofClient(let words): "the certificate of the client is not accepted: \(words)"
    }
  }
}
