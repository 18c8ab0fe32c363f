package import HTTPService
package import HTTPTypes
package import MeshAccess

/// Finds who sends a request over HTTP.
///
/// What is looked at, in this order, is: whether the client is on this machine, its certificate, its token, its session. As in Kuma, a
/// client on this machine is the administrator without showing anything, and nothing that it shows is looked at.
package struct CallerIdentification: Sendable {
  /// Checks a user token.
  package typealias UserTokenCheck = @Sendable (String) -> Result<User, TokenRefusal>

  /// Whether a client on this machine is the administrator.
  package var localhostIsAdmin: Bool
  /// Whether `Host` of a client on this machine has to be `localhost` or a loopback address. Senders of spans may use any name.
  package var checksLocalHost: @Sendable (HTTPRequest) -> Bool = { _ in true }
  /// Whether everybody who shows nothing is the administrator: the server was opened without protection, on purpose.
  package var isUnprotected = false
  /// Whether a client certificate that TLS has verified makes an administrator.
  package var certificateIsAdmin = false
  /// Finds the program itself, which is a client of its own server, by a token that nobody else has; nil where it is none.
  package var findSelf: (@Sendable (String) -> User?)?
  /// Checks user tokens; nil where none count.
  package var checkUserToken: UserTokenCheck?
  /// Checks tokens for sending spans, and returns the mesh; nil where none count.
  package var checkIngestToken: (@Sendable (String) -> String?)?
  /// The sessions of the server's page; nil for a server without sessions.
  package var sessions: Sessions?

  /// Makes an identification of local clients, to which the other means are added.
  package init(localhostIsAdmin: Bool) { self.localhostIsAdmin = localhostIsAdmin }

  /// Why what a client shows does not count.
  package enum Fault: Error, Sendable {
    /// It has to authenticate; the reason is for the log only.
    case invalid(reason: String)
    /// It is authenticated, and a page that may not use its session sent the request.
    case forged(reason: String)
  }

  /// Finds who sends a request.
  package func user(of request: HTTPRequest, from caller: Caller) throws(Fault) -> User {
    if localhostIsAdmin, let local = localUser(of: request, from: caller) { return local }
    if certificateIsAdmin, caller.certificate != nil { return .admin }
    if let token = try Self.bearerToken(of: request) { return try user(withToken: token) }
    switch sessions?.find(request, isSecure: caller.isSecure) {
    case .user(let user)?: return user
    case .forged(let reason)?: throw .forged(reason: reason)
    case .ended(let reason)? where !isUnprotected: throw .invalid(reason: reason)
    case Sessions.Finding.none?, .ended?, nil: break
    }
    return isUnprotected ? .admin : .anonymous
  }

  // MARK: This machine

  /// The user that a client on this machine is; nil if it is not on this machine, or may speak for somebody who is not. Source of the
  /// rules: Kuma 2.7.
  ///
  /// A page of another site that a setting allows to use the server reads and sends spans, but does not become an administrator. Neither
  /// does a sender of spans whose request looks as if somebody had passed it on: every Envoy adds `X-Forwarded-For` to its own reports.
  private func localUser(of request: HTTPRequest, from caller: Caller) -> User? {
    guard caller.isLoopback else { return nil }
    let isSender = !checksLocalHost(request)
    if request.isForwarded { return isSender ? .localSender : nil }
    guard request.isForLoopback || isSender else { return nil }
    return request.isOfOwnPage ? .admin : .localPage
  }

  // MARK: Tokens

  /// The token of `Authorization: Bearer` (https://www.rfc-editor.org/rfc/rfc6750#section-2.1); nil if there is none. Other schemes are
  /// ignored, as in Kuma.
  private static func bearerToken(of request: HTTPRequest) throws(Fault) -> Substring? {
    let values = request.headerFields[values: .authorization]
    guard values.count < 2 else { throw .invalid(reason: "the request has two Authorization fields") }
    guard let value = values.first, let space = value.firstIndex(of: " "),
      value[..<space].lowercased() == "bearer"
    else { return nil }
    return value[space...].drop { $0 == " " }
  }

  private func user(withToken token: Substring) throws(Fault) -> User {
    let token = String(token)
    if let own = findSelf?(token) { return own }
    if let mesh = checkIngestToken?(token) { return .ingest(mesh: mesh) }
    guard let checkUserToken else {
      throw .invalid(
        reason: checkIngestToken == nil
          ? "a token was shown, and this server takes none" : "the token is not one for sending spans")
    }
    switch checkUserToken(token) {
    case .success(let user): return user
    case .failure(let refusal):
      guard checkIngestToken != nil, case .malformed = refusal else { throw .invalid(reason: refusal.reason) }
      throw .invalid(reason: "the token is not one for sending spans of any mesh, and no user token: \(refusal.reason)")
    }
  }
}

extension User {
  /// A proxy on this machine that reports its spans.
  fileprivate static let localSender = User(name: "mesh-system:sender", groups: [ingestGroup])

  /// A page of another site, in a browser on this machine, that a setting allows to use the server.
  fileprivate static let localPage = User(name: "mesh-system:page", groups: [authenticatedGroup, ingestGroup])
}

extension HTTPRequest {
  /// What proxies add when they pass a request on. Source: Kuma 2.7.
  private static let forwardingFields = ["Forwarded", "X-Forwarded-For", "X-Real-IP"].compactMap { HTTPField.Name($0) }

  /// Whether a proxy on this machine passes the request on for somebody else.
  fileprivate var isForwarded: Bool { Self.forwardingFields.contains { headerFields.contains($0) } }

  /// Whether `Host` is `localhost` or a loopback address: no name that a proxy serves for others, or that leads here by somebody's
  /// doing.
  fileprivate var isForLoopback: Bool {
    guard let name = authority else { return true }
    guard let authority = Authority(name) else { return false }
    let host = authority.host
    return host == "localhost" || host == "::1" || (authority.isAddress && host.hasPrefix("127."))
  }
}
