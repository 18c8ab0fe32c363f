/// What the control plane knows and a proxy does not when it starts.
public struct BootstrapSettings: Sendable {
  /// The port at which the control plane serves discovery.
  public var discoveryPort: UInt16
  /// The host at which proxies reach the control plane; `nil` for the one that `kuma-dp` used itself.
  public var discoveryHost: String?
  /// The authority, in PEM, that the control plane's certificate is signed by, for proxies that name none; empty for
  /// none, in which case such proxies do not verify the control plane.
  public var trustedCA: String
  /// The names and addresses in the control plane's certificate; `nil` leaves the host unchecked.
  public var certificateNames: Set<String>?
  /// Whether a proxy has to show a token.
  public var requiresToken: Bool
  /// The port of Envoy's administration interface where neither the Dataplane nor the request names one; 0 for none.
  public var defaultAdminPort: UInt32
  /// Whether Envoy shall ask for changes only, instead of the state of the world.
  public var usesDelta: Bool
  /// What a certificate authority given by a proxy is good for; checks nothing by default.
  public var inspectAuthority: @Sendable (_ pem: String) -> AuthorityVerdict

  /// Whether a certificate can be trusted as an authority.
  public enum AuthorityVerdict: Sendable {
    /// It can.
    case usable
    /// It is no certificate.
    case unreadable
    /// It is a certificate that says it is no authority.
    case notAnAuthority
  }

  /// Makes settings. Defaults are those of Kuma 2.7.
  public init(
    discoveryPort: UInt16 = 5678, discoveryHost: String? = nil, trustedCA: String = "",
    certificateNames: Set<String>? = nil, requiresToken: Bool = false, defaultAdminPort: UInt32 = 9901,
    usesDelta: Bool = false,
    inspectAuthority: @escaping @Sendable (_ pem: String) -> AuthorityVerdict = { _ in .usable }
  ) {
    self.discoveryPort = discoveryPort
    self.discoveryHost = discoveryHost
    self.trustedCA = trustedCA
    self.certificateNames = certificateNames
    self.requiresToken = requiresToken
    self.defaultAdminPort = defaultAdminPort
    self.usesDelta = usesDelta
    self.inspectAuthority = inspectAuthority
  }
}
