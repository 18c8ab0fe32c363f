/// How a proxy reaches the collector of a backend, beside its address: what it verifies, who it says it is, and what it sends along.
///
/// It contains secrets. They reach Envoys as secrets of their own, so that no other resource contains them.
package struct CollectorAccess: Sendable, Hashable {
  /// How the collector's certificate is verified.
  package enum Verification: Sendable, Hashable {
    /// Not at all, as in Kuma.
    case none
    /// By the authorities that the proxy's system trusts.
    case system
    /// By these authorities, as PEM.
    case authorities(String)
  }

  /// The certificate that a proxy shows the collector.
  package struct Identity: Sendable, Hashable {
    /// The certificate, and those that lead to its authority, as PEM.
    package var certificateChain: String
    /// The certificate's key, as PEM.
    package var privateKey: String

    /// Names the two.
    package init(certificateChain: String, privateKey: String) {
      self.certificateChain = certificateChain
      self.privateKey = privateKey
    }
  }

  /// A field of a request's head.
  package struct Header: Sendable, Hashable {
    /// The name, in lower case.
    package var name: String
    /// The value.
    package var value: String

    /// Makes a field.
    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// How the certificate is verified.
  package var verification: Verification
  /// The name or address that the certificate must have, and that the proxy asks for; `nil`: the host in the URL.
  package var serverName: String?
  /// The certificate that the proxy shows; `nil` for none.
  package var identity: Identity?
  /// The fields that the proxy adds to each report.
  package var headers: [Header]

  /// Makes an access.
  package init(
    verification: Verification = .none, serverName: String? = nil, identity: Identity? = nil, headers: [Header] = []
  ) {
    self.verification = verification
    self.serverName = serverName
    self.identity = identity
    self.headers = headers
  }
}
