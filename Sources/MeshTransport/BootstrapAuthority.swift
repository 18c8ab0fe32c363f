import MeshXDS
import SwiftASN1
import X509

extension BootstrapSettings.AuthorityVerdict {
  /// Checks the certificates that a proxy trusts: one, or several, as while an authority is changed.
  init(ofAuthority pem: String) {
    let blocks = (try? PEMDocument.parseMultiple(pemString: pem)) ?? []
    let certificates = blocks.compactMap { try? Certificate(pemDocument: $0) }
    guard !certificates.isEmpty else {
      self = .unreadable
      return
    }
    // One certificate is enough: Envoy verifies with all of them.
    self = certificates.contains(where: Self.isAuthority) ? .usable : .notAnAuthority
  }

  private static func isAuthority(_ certificate: Certificate) -> Bool {
    let constraints = try? certificate.extensions.basicConstraints
    return constraints != nil && constraints != .notCertificateAuthority
  }
}
