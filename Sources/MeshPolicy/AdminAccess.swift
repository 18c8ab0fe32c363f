/// What the Envoys of a cluster need to answer questions of the control plane about themselves, and of nobody else.
package struct AdminAccess: Sendable, Hashable {
  /// The name in the certificate of every Envoy.
  package static let envoyName = "kuma-envoy-admin"
  /// The name that a client's certificate has to have. The authority signs it for control planes only. Source: Kuma 2.7.
  package static let clientName = "kuma-cp"

  /// The certificate of the Envoys, as PEM.
  package var certificateChain: String
  /// The private key of that certificate, as PEM.
  package var privateKey: String
  /// The authority that has to have signed a client's certificate, as PEM.
  package var clientAuthority: String

  /// Names the certificates.
  package init(certificateChain: String, privateKey: String, clientAuthority: String) {
    self.certificateChain = certificateChain
    self.privateKey = privateKey
    self.clientAuthority = clientAuthority
  }
}
