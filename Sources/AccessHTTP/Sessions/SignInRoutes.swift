package import HTTPService
package import HTTPTypes
import JSONText
package import Logging
import MeshAccess
import Synchronization

import struct Foundation.Data
import class Foundation.JSONDecoder

/// Signing in on the page with a user token, signing out, and the question who is signed in.
package final class SignInRoutes: Sendable {
  private let sessions: Sessions
  private let attempts = Mutex(SignInAttempts())
  private let logger: Logger
  private let now: @Sendable () -> ContinuousClock.Instant

  /// Makes the routes of a server.
  package convenience init(sessions: Sessions, logger: Logger) {
    self.init(sessions: sessions, logger: logger) { .now }
  }

  init(sessions: Sessions, logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant) {
    self.sessions = sessions
    self.logger = logger
    self.now = now
  }

  // MARK: Operations

  /// The largest body of these operations, in bytes: a token has 16 KiB at most.
  static let bodyLimit = 20 << 10

  /// The operations, for the description of the API. All of them find out who sends a request, so they need no identity.
  package static let operations: [Operation] = routes.map(\.operation)

  private static let routes: [(operation: Operation, handler: @Sendable (SignInRoutes) -> Handler)] = [
    (
      Operation(
        .post, "/login", "Opens a session on the page for the owner of a user token; the answer sets a cookie.",
        accepts: [.init(MediaType.json)],
        outcomes: [
          .init(.ok, "The user, and what the page has to send in X-CSRF-Token.", [.init(MediaType.json)]),
          sentence(.badRequest, "The body has no token."), sentence(.unauthorized, "The token is not valid."),
          sentence(.contentTooLarge, "The body is too large."),
          sentence(.unsupportedMediaType, "The body is not JSON."),
          sentence(.tooManyRequests, "Too many tokens from this address were not valid."),
        ]), { $0.signIn }
    ),
    (
      Operation(
        .post, "/logout", "Ends the session on the page.",
        outcomes: [
          .init(.noContent, "The session has ended."),
          sentence(.forbidden, "The request is not from the page."),
        ]), { $0.signOut }
    ),
    (
      Operation(
        .get, "/session", "Says who sends the request.",
        outcomes: [
          .init(
            .ok,
            "The user, mesh-system:anonymous for whoever shows nothing; with a session, what the page has to send in "
              + "X-CSRF-Token.", [.init(MediaType.json)])
        ]), { $0.session }
    ),
  ]

  private typealias Handler = (HTTPRequest, [UInt8], Caller) -> Answer

  private static func sentence(_ status: HTTPResponse.Status, _ summary: String) -> Operation.Outcome {
    Operation.Outcome(status, summary, [.init(MediaType.textUTF8)])
  }

  private static let router = Router(operations, headIsGet: true)

  /// The name of the operation that a request would run; nil if it is none of these.
  package static func operation(of request: HTTPRequest) -> String? {
    guard case .found(let index, _) = match(request) else { return nil }
    return operations[index].name
  }

  /// A smaller limit for the bodies of these operations than the server has; nil for other requests.
  package static func bodyLimit(of request: HTTPRequest) -> Int? { operation(of: request).map { _ in bodyLimit } }

  private static func match(_ request: HTTPRequest) -> Router.Match {
    router.match(request.method, RequestTarget(request.path ?? "/").path)
  }

  /// Answers a request to one of the operations; nil for other paths.
  package func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller) -> Answer? {
    var answer: Answer
    switch Self.match(request) {
    case .none: return nil
    case .otherMethods(let methods):
      answer = .text("This path does not support the method; it supports \(methods).\n", .methodNotAllowed)
      answer.fields[.allow] = methods
    case .found(let index, _):
      answer = Self.routes[index].handler(self)(request, body, caller)
      answer.operation = Self.routes[index].operation.name
    }
    answer.fields[.cacheControl] = "no-store"
    answer.fields[.xContentTypeOptions] = "nosniff"
    return answer
  }

  // MARK: Handlers

  private struct SignIn: Decodable {
    var token: String
  }

  private func signIn(_ request: HTTPRequest, _ body: [UInt8], _ caller: Caller) -> Answer {
    // A form of another site cannot send this type without the server's consent.
    guard MediaType.ofBody(request) == MediaType.json else {
      return .text("Send the token as application/json: {\"token\":\"…\"}.\n", .unsupportedMediaType)
    }
    guard body.count <= Self.bodyLimit else {
      return .text("The body is larger than \(Self.bodyLimit) bytes, which no token is.\n", .contentTooLarge)
    }
    let address = caller.address ?? ""
    if let seconds = attempts.withLock({ $0.wait(of: address, at: now()) }) {
      var answer = Answer.text(
        "Too many tokens from your address were not valid. Try again in \(seconds) s.\n", .tooManyRequests)
      answer.refusalReason = "too many tokens from this address were not valid"
      answer.fields[.retryAfter] = String(seconds)
      return answer
    }
    guard let signIn = try? JSONDecoder().decode(SignIn.self, from: Data(body)) else {
      return .text("The body must be {\"token\":\"…\"} with a user token.\n", .badRequest)
    }
    switch sessions.signIn(token: signIn.token) {
    case .success(let (id, session, user)):
      logger.info("signed in on the page", metadata: ["user": "\(user)", "peer": "\(address)"])
      // A session that the browser had before ends.
      sessions.signOut(request, isSecure: caller.isSecure)
      var answer = document(of: user, session)
      answer.fields[.setCookie] = SessionCookie.setting(id, isSecure: caller.isSecure)
      return answer
    case .failure(let refusal):
      attempts.withLock { $0.failed(address, at: now()) }
      var answer = Answer.text(
        "This token is not valid here. It may have expired, or be for another control plane.\n", .unauthorized)
      answer.refusalReason = refusal.reason
      return answer
    }
  }

  private func signOut(_ request: HTTPRequest, _: [UInt8], _ caller: Caller) -> Answer {
    if case .forged(let reason) = sessions.find(request, isSecure: caller.isSecure) {
      var answer = Answer.text("You may not do this.\n", .forbidden)
      answer.refusalReason = reason
      return answer
    }
    if request.isOfOwnPage { sessions.signOut(request, isSecure: caller.isSecure) }
    var answer = Answer(.noContent)
    answer.fields[.setCookie] = SessionCookie.removal(isSecure: caller.isSecure)
    return answer
  }

  private func session(_ request: HTTPRequest, _: [UInt8], _ caller: Caller) -> Answer {
    // Where the client is known by something else, such as its certificate, its session does not count.
    if let (session, user) = sessions.open(request, isSecure: caller.isSecure), user.name == caller.name {
      return document(of: user, session)
    }
    let user = caller.name.isEmpty ? User.anonymous : User(name: caller.name, groups: Set(caller.groups))
    return document(of: user, nil)
  }

  private func document(of user: User, _ session: SessionTable.Session?) -> Answer {
    var json = JSONWriter()
    json.beginObject()
    json.key("name")
    json.string(user.name)
    json.key("groups")
    json.strings(user.groups.sorted())
    if let session {
      json.key("csrfToken")
      json.string(session.forgeryGuard.text)
    }
    json.endObject()
    return Answer(type: MediaType.json, body: json.bytes)
  }
}
