package import MeshModel

/// The collectors of the control planes themselves: which backends lead to them, and what proxies need to get in.
///
/// A value. Whoever knows of a new certificate or token makes another one and gives it to the reconciler, which computes the proxies
/// that are concerned.
package struct OwnCollector: Sendable, Hashable {
  /// The port at which spans arrive.
  package var port: UInt16
  /// The names and addresses under which the collector is reached: `10.0.0.1`, `cp.example`, `*.mesh.example`. A `*` alone is
  /// nobody's name and is ignored.
  package var hosts: Set<String>
  /// The names and addresses in the collector's certificate, the best known first.
  package var certificateNames: [String]
  /// The authorities that have signed the certificate, as PEM; `nil` if the collector takes no TLS.
  package var authorities: String?
  /// The newest ingest token of each mesh.
  package var tokens: [String: String]

  /// Describes a collector.
  package init(
    port: UInt16, hosts: Set<String>, certificateNames: [String], authorities: String?, tokens: [String: String]
  ) {
    self.port = port
    self.hosts = Set(hosts.map(Self.normalized))
    self.certificateNames = certificateNames.map(Self.normalized)
    self.authorities = authorities
    self.tokens = tokens
  }

  /// Whether a backend's URL leads to the collector.
  package func receives(_ url: CollectorURL) -> Bool {
    guard url.port == port, authorities != nil || !url.isTLS else { return false }
    let host = Self.normalized(url.host)
    return hosts.contains(host) || certificateNames.contains(host)
      || hosts.contains { $0.hasPrefix("*.") && host.hasSuffix($0.dropFirst()) && host.utf8.count >= $0.utf8.count }
  }

  /// What a proxy of a mesh needs to send spans to a URL; `nil` if it leads elsewhere, or needs nothing.
  ///
  /// The proxy verifies the collector before it sends the token, so a name that leads to another machine gives nothing away.
  package func access(for url: CollectorURL, mesh: String) -> CollectorAccess? {
    guard let authorities, receives(url) else { return nil }
    let host = Self.normalized(url.host)
    return CollectorAccess(
      verification: .authorities(authorities),
      serverName: certificateNames.contains(host) ? nil : certificateNames.first,
      headers: tokens[mesh].map { [CollectorAccess.Header(name: "authorization", value: "Bearer \($0)")] } ?? [])
  }

  private static func normalized(_ host: String) -> String {
    let host = host.lowercased()
    return host.hasSuffix(".") ? String(host.dropLast()) : host
  }
}
