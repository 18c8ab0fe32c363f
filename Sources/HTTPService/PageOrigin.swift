package import HTTPTypes

/// The origin of a page, such as `https://cp.example:9411`, as browsers send it in `Origin`.
struct PageOrigin: Sendable, Hashable {
  private let authority: Authority
  private let usualPort: UInt16

  /// Parses the value of `Origin`; nil if it is not the origin of a page over HTTP.
  init?(_ text: String) {
    guard let end = text.firstRange(of: "://"), let authority = Authority(text[end.upperBound...]) else { return nil }
    switch text[..<end.lowerBound].lowercased() {
    case "http": usualPort = 80
    case "https": usualPort = 443
    default: return nil
    }
    self.authority = authority
  }

  /// Whether the page is that of the server that a request is for.
  ///
  /// A page whose request came over TLS came over TLS too. Without TLS the schemes are not compared, because something else may
  /// add TLS.
  ///
  /// - Parameter host: the request's `Host`.
  func isServer(of request: HTTPRequest, host: Authority) -> Bool {
    (usualPort == 443 || request.scheme != "https") && authority.host == host.host
      && (authority.port ?? usualPort) == (host.port ?? usualPort)
  }
}

extension HTTPRequest {
  /// Whether a request comes from a page of the server itself, from the address bar of a browser, or from no browser.
  ///
  /// Pages at other ports of the same host belong to the same site, so browsers send cookies with their requests.
  package var isOfOwnPage: Bool {
    if let origin = headerFields[.origin] {
      guard let host = authority.flatMap({ Authority($0) }),
        PageOrigin(origin)?.isServer(of: self, host: host) == true
      else { return false }
    }
    return headerFields.values(of: .fetchSite).allSatisfy { ["same-origin", "none"].contains($0.lowercased()) }
  }
}

extension HTTPField.Name {
  // https://www.w3.org/TR/fetch-metadata/
  static let fetchSite = Self("Sec-Fetch-Site")
  static let fetchMode = Self("Sec-Fetch-Mode")
  static let fetchDestination = Self("Sec-Fetch-Dest")
}

extension HTTPFields {
  /// The value of a field; nil if the name is nil.
  package subscript(_ name: HTTPField.Name?) -> String? { name.flatMap { self[$0] } }

  /// The values of a field, one for each occurrence; empty if the name is nil.
  func values(of name: HTTPField.Name?) -> [String] { name.map { self[values: $0] } ?? [] }
}
