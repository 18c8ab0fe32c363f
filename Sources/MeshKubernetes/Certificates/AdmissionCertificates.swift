package import Certificates
package import Foundation

/// The certificates of the admission server: an authority of its own, which the API server is told to trust, and a server
/// certificate that it has signed. All control planes of a cluster share them.
///
/// An authority is renewed in three steps, so that the API server trusts every certificate that is in use: a successor is made
/// and trusted, a day later it signs, and the earlier authority is trusted until it expires.
package struct AdmissionCertificates: Sendable {
  /// How long an authority is valid.
  static let authorityLifetime: TimeInterval = 3_650 * 86_400
  /// How long a server certificate is valid.
  static let serverLifetime: TimeInterval = 365 * 86_400
  /// How long a successor is trusted before it signs.
  static let successorDelay: TimeInterval = 86_400

  /// Signs the server certificate.
  let authority: CertificateAuthority
  /// Will sign.
  let successor: CertificateAuthority?
  /// The certificates of earlier authorities, as PEM; empty for none.
  let retired: String
  /// The certificate of the server.
  package let server: ServerCertificate

  /// The certificates that the API server has to trust, as PEM.
  package var bundle: String { authority.certificatePEM + (successor?.certificatePEM ?? "") + retired }

  /// Makes an authority and a server certificate.
  ///
  /// - Parameter hosts: the names and addresses under which the API server reaches the control plane.
  package static func make(hosts: [String], now: Date = Date()) throws -> AdmissionCertificates {
    let authority = try makeAuthority(now: now)
    return AdmissionCertificates(
      authority: authority, successor: nil, retired: "", server: try issue(authority, hosts: hosts, now: now))
  }

  private static func makeAuthority(now: Date) throws -> CertificateAuthority {
    try .make(commonName: "kuma-control-plane admission authority", lifetime: authorityLifetime, now: now)
  }

  private static func issue(
    _ authority: CertificateAuthority, hosts: [String], now: Date
  ) throws -> ServerCertificate {
    try authority.issue(commonName: "kuma-control-plane", hosts: hosts, lifetime: serverLifetime, now: now)
  }

  // MARK: Renewal

  /// The certificates with everything renewed that is due; `nil` when nothing is.
  ///
  /// - Parameter hosts: as in ``make(hosts:now:)``. A server certificate with other names is replaced.
  package func renewed(hosts: [String], now: Date = Date()) throws -> AdmissionCertificates? {
    // Nobody accepts what an authority has signed that is not valid. The clock that it was made by was wrong, or nobody was
    // there to renew it.
    guard authority.validity.contains(now) else { return try Self.make(hosts: hosts, now: now) }
    var (signing, next, earlier) = (authority, successor, retired)
    if let successor, Self.begins(successor) <= now {
      (signing, next, earlier) = (successor, nil, authority.certificatePEM)
    } else if successor == nil, authority.validity.renewal <= now {
      next = try Self.makeAuthority(now: now)
    }
    if !earlier.isEmpty, Self.end(ofRetired: earlier).map({ $0 <= now }) ?? true { earlier = "" }
    var certificate = server
    if Self.isDue(server, hosts: hosts, now: now) || !signing.hasIssued(server) {
      certificate = try Self.issue(signing, hosts: hosts, now: now)
    }
    let renewed = AdmissionCertificates(
      authority: signing, successor: next, retired: earlier, server: certificate)
    let isUnchanged = renewed.bundle == bundle && certificate.certificatePEM == server.certificatePEM
    return isUnchanged ? nil : renewed
  }

  /// When ``renewed(hosts:now:)`` has something to do next.
  package func nextRenewal(now: Date = Date()) -> Date {
    let authorities = successor.map(Self.begins) ?? authority.validity.renewal
    let times = [authorities, server.validity?.renewal ?? now, Self.end(ofRetired: retired)].compactMap { $0 }
    return max(now, times.min() ?? now)
  }

  private static func isDue(_ server: ServerCertificate, hosts: [String], now: Date) -> Bool {
    guard let validity = server.validity, validity.contains(now), let names = server.names else { return true }
    return validity.renewal <= now || names != Set(hosts)
  }

  /// When a successor signs.
  private static func begins(_ successor: CertificateAuthority) -> Date {
    successor.validity.lowerBound.addingTimeInterval(successorDelay)
  }

  private static func end(ofRetired certificate: String) -> Date? {
    certificate.isEmpty ? nil : ServerCertificate(certificatePEM: certificate, privateKeyPEM: "").validity?.upperBound
  }
}

extension ClosedRange<Date> {
  /// When a certificate that is valid for this time is renewed: after two thirds of it.
  fileprivate var renewal: Date { lowerBound.addingTimeInterval(upperBound.timeIntervalSince(lowerBound) / 3 * 2) }
}
