import HTTPService
package import HTTPTypes
package import MeshAccess
import Synchronization

/// Who is signed in on the page of a server. Browsers show their session by a cookie.
///
/// A cookie counts for requests of the server's own page alone. A request that may change something also has to name the session's
/// forgery guard in `X-CSRF-Token`, which a page of another origin cannot read.
package final class Sessions: Sendable {
  /// Says whose user token a text is, or why it is refused. It is called for each request, so it should remember its answers.
  package typealias TokenCheck = @Sendable (String) -> Result<User, TokenRefusal>

  /// What a request says about a session.
  package enum Finding: Sendable, Equatable {
    /// No session, or none that counts for this request.
    case none
    /// A session that has ended, or that is not known; the text is the reason for the log.
    case ended(String)
    /// A session of a user.
    case user(User)
    /// A session, with a request that its page did not send; the text is the reason for the log.
    case forged(String)
  }

  private static let forgeryGuardField = "X-CSRF-Token"

  private let table: Mutex<SessionTable>
  private let check: TokenCheck
  private let now: @Sendable () -> ContinuousClock.Instant

  /// Makes a table without sessions.
  package convenience init(check: @escaping TokenCheck) {
    self.init(limits: SessionTable.Limits(), check: check) { .now }
  }

  init(
    limits: SessionTable.Limits, check: @escaping TokenCheck,
    now: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    table = Mutex(SessionTable(limits: limits))
    self.check = check
    self.now = now
  }

  /// Finds the session of a request.
  ///
  /// - Parameter isSecure: whether the request came over TLS.
  package func find(_ request: HTTPRequest, isSecure: Bool) -> Finding {
    let session: SessionTable.Session
    let user: User
    switch state(of: request, isSecure: isSecure) {
    case .none: return .none
    case .ended(let reason): return .ended(reason)
    case .open(let found, let owner): (session, user) = (found, owner)
    }
    guard !request.method.isSafe else { return .user(user) }
    guard let shown = request.headerFields[HTTPField.Name(Self.forgeryGuardField)] else {
      return .forged("the session's cookie came without \(Self.forgeryGuardField)")
    }
    guard let shown = SessionSecret(shown), shown.hash == session.forgeryGuard.hash else {
      return .forged("\(Self.forgeryGuardField) is not that of the session")
    }
    return .user(user)
  }

  /// The open session of a request, and its user.
  func open(_ request: HTTPRequest, isSecure: Bool) -> (session: SessionTable.Session, user: User)? {
    guard case .open(let session, let user) = state(of: request, isSecure: isSecure) else { return nil }
    return (session, user)
  }

  private enum SessionState {
    case none
    case ended(String)
    case open(SessionTable.Session, User)
  }

  private func state(of request: HTTPRequest, isSecure: Bool) -> SessionState {
    guard request.isOfOwnPage, let id = SessionCookie.session(in: request, isSecure: isSecure) else { return .none }
    guard let session = table.withLock({ $0.find(id, at: now()) }) else {
      return .ended("the session is unknown or has ended")
    }
    switch check(session.token) {
    case .success(let user): return .open(session, user)
    case .failure(let refusal):
      table.withLock { $0.close(id) }
      return .ended("the session ended: \(refusal.reason)")
    }
  }

  /// Opens a session for the owner of a token.
  func signIn(token: String) -> Result<(id: SessionSecret, session: SessionTable.Session, user: User), TokenRefusal> {
    check(token).map { user in
      let (id, session) = table.withLock { $0.open(token: token, name: user.name, at: now()) }
      return (id, session, user)
    }
  }

  /// Ends the session of a request, if it has one.
  func signOut(_ request: HTTPRequest, isSecure: Bool) {
    guard let id = SessionCookie.session(in: request, isSecure: isSecure) else { return }
    table.withLock { $0.close(id) }
  }
}

extension HTTPRequest.Method {
  /// Whether a request changes nothing (https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1).
  fileprivate var isSafe: Bool { self == .get || self == .head || self == .options }
}
