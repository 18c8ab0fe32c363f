import MeshXDS
import SwiftASN1
import X509

extension BootstrapSettings.AuthorityVerdict {
  /// Checks a certificate that a proxy trusts.
  init(ofAuthority pem: String) {
    guard let certificate = try? Certificate(pemEncoded: pem) else {
      self = .unreadable
      return
    }
    let constraints = try? certificate.extensions.basicConstraints
    self = constraints == nil || constraints == .notCertificateAuthority ? .notAnAuthority : .usable
  }
}
