public import HTTPTypes

/// Who may use a server: which names it has, and which pages may come with a browser.
public struct CallerRule: Sendable {
  /// The names of the server.
  public var hosts: HostRule
  /// The pages of other sites that may use it.
  public var origins: OriginRule
  /// Whether the server has a page of its own, which may send requests.
  public var hasPage: Bool
  /// Whether a request has to name the server as one of its names; senders of spans, and proxies, name what they please.
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

  /// Why a request is refused; nil if it is not.
  ///
  /// A request without `Host` comes from no browser, and is let in.
  public func refusal(of request: HTTPRequest) -> RequestRefusal? {
    let host = request.authority.flatMap { Authority($0) }
    if let name = request.authority, checksHost(request) {
      guard let host else { return .malformed("the host is none") }
      guard hosts.allows(host) else { return .foreignHost(name) }
    }
    if let origin = request.headerFields[.origin] {
      guard origins.allows(origin) || isOwn(origin, host) else { return .foreignPage(origin) }
    } else if request.headerFields.values(of: .fetchSite).contains(where: { $0.lowercased() == "cross-site" }),
      !origins.takesAll, !isVisit(request)
    {
      return .foreignPage("another site")
    }
    return nil
  }

  /// Whether a page came from here. That it came from the host which the request names is not enough: that may be any.
  private func isOwn(_ origin: String, _ host: Authority?) -> Bool {
    guard hasPage, let host, hosts.allows(host), let colon = origin.firstRange(of: "://"),
      let page = Authority(origin[colon.upperBound...])
    else { return false }
    let scheme = origin[..<colon.lowerBound].lowercased()
    let usual: UInt16? = scheme == "http" ? 80 : scheme == "https" ? 443 : nil
    guard let usual else { return false }
    return page.host == host.host && (page.port ?? usual) == (host.port ?? usual)
  }

  /// Whether somebody follows a link: the page that has it neither gets to see the answer nor can show it in a frame.
  private func isVisit(_ request: HTTPRequest) -> Bool {
    (request.method == .get || request.method == .head) && request.headerFields[.fetchMode] == "navigate"
      && request.headerFields[.fetchDestination] == "document"
  }
}

extension HTTPField.Name {
  /// How the page that sends a request is related to the server (https://www.w3.org/TR/fetch-metadata/).
  fileprivate static let fetchSite = Self("Sec-Fetch-Site")
  fileprivate static let fetchMode = Self("Sec-Fetch-Mode")
  fileprivate static let fetchDestination = Self("Sec-Fetch-Dest")
}

extension HTTPFields {
  /// The value of a field whose name may be none.
  fileprivate subscript(_ name: HTTPField.Name?) -> String? { name.flatMap { self[$0] } }

  /// The values of a field whose name may be none, one for each time that it came.
  fileprivate func values(of name: HTTPField.Name?) -> [String] { name.map { self[values: $0] } ?? [] }
}
