public import HTTPTypes

/// Which clients may use a server: it checks `Host`, and the origin of pages in browsers.
public struct CallerRule: Sendable {
  /// The names of the server.
  public var hosts: HostRule
  /// The pages of other sites that may use it.
  public var origins: OriginRule
  /// Whether the server's own page may send requests.
  public var hasPage: Bool
  /// Whether the `Host` of a request must be a name of the server. Senders of spans and proxies may use any name.
  public var checksHost: @Sendable (HTTPRequest) -> Bool

  /// Makes a rule.
  public init(
    hosts: HostRule, origins: OriginRule, hasPage: Bool = false,
    checksHost: @escaping @Sendable (HTTPRequest) -> Bool = { _ in true }
  ) {
    self.hosts = hosts
    self.origins = origins
    self.hasPage = hasPage
    self.checksHost = checksHost
  }

  /// Why a request is refused; nil if it is allowed.
  ///
  /// A request without `Host` is allowed, because browsers always send `Host`.
  public func refusal(of request: HTTPRequest) -> RequestRefusal? {
    if let name = request.authority, checksHost(request) {
      guard let host = Authority(name) else { return .malformed("Host is not a host name or an address") }
      guard hosts.allows(host) else { return .foreignHost(name) }
    }
    if let origin = request.headerFields[.origin] {
      guard origins.allows(origin) || isOwn(origin, request) else {
        return .foreignPage(origin)
      }
    } else if request.headerFields.values(of: .fetchSite).contains(where: { $0.lowercased() == "cross-site" }),
      !origins.allowsAll, !isVisit(request)
    {
      return .foreignPage("another site")
    }
    return nil
  }

  /// Whether the origin is this server. The host must also be a name of the server, because an attacker may choose the name.
  private func isOwn(_ origin: String, _ request: HTTPRequest) -> Bool {
    guard hasPage, let host = request.authority.flatMap({ Authority($0) }), hosts.allows(host) else { return false }
    return PageOrigin(origin)?.isServer(of: request, host: host) ?? false
  }

  /// Whether the browser navigates to an address. The linking page can neither read the answer nor show it in a frame.
  private func isVisit(_ request: HTTPRequest) -> Bool {
    (request.method == .get || request.method == .head) && request.headerFields[.fetchMode] == "navigate"
      && request.headerFields[.fetchDestination] == "document"
  }
}
