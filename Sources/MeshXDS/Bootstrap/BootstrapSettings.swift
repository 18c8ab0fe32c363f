/// The settings with which the control plane answers bootstrap requests.
public struct BootstrapSettings: Sendable {
  /// The port at which the control plane serves discovery.
  public var discoveryPort: UInt16
  /// The host at which proxies reach the control plane; `nil` for the host in `kuma-dp`'s request.
  public var discoveryHost: String?
  /// The certificate authority of the control plane, in PEM, for proxies that send none. If it is empty, such proxies do
  /// not verify the control plane.
  public var trustedCA: String
  /// The names and addresses in the control plane's certificate; with `nil`, the host is not checked.
  public var certificateNames: Set<String>?
  /// Whether proxies read their token from its file whenever they connect, where their Envoy can: tokens are renewed.
  public var reloadsTokens: Bool
  /// The default port of Envoy's administration interface, for a Dataplane and a request that name none; 0 for none.
  public var defaultAdminPort: UInt32
  /// Whether Envoy uses delta xDS instead of state-of-the-world xDS.
  public var usesDelta: Bool
  /// How often Envoys send their statistics whose `kuma-dp` does not tell them; `nil` for never.
  public var metricsInterval: Duration?
  /// Checks a certificate authority that a proxy sends; by default, accepts all.
  public var inspectAuthority: @Sendable (_ pem: String) -> AuthorityVerdict

  /// Whether a certificate can be trusted as an authority.
  public enum AuthorityVerdict: Sendable {
    /// The certificate can be trusted.
    case usable
    /// The text is not a certificate.
    case unreadable
    /// The certificate says that it is not an authority.
    case notAnAuthority
  }

  /// Makes settings. Defaults are those of Kuma 2.7.
  public init(
    discoveryPort: UInt16 = 5678, discoveryHost: String? = nil, trustedCA: String = "",
    certificateNames: Set<String>? = nil, reloadsTokens: Bool = false,
    defaultAdminPort: UInt32 = 9901,
    usesDelta: Bool = false, metricsInterval: Duration? = nil,
    inspectAuthority: @escaping @Sendable (_ pem: String) -> AuthorityVerdict = { _ in .usable }
  ) {
    self.discoveryPort = discoveryPort
    self.discoveryHost = discoveryHost
    self.trustedCA = trustedCA
    self.certificateNames = certificateNames
    self.reloadsTokens = reloadsTokens
    self.defaultAdminPort = defaultAdminPort
    self.usesDelta = usesDelta
    self.metricsInterval = metricsInterval
    self.inspectAuthority = inspectAuthority
  }
}
