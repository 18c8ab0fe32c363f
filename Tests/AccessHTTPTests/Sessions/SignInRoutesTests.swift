import Foundation
import HTTPService
import HTTPTypes
import Logging
import MeshAccess
import Synchronization
import Testing

@testable import AccessHTTP

@Suite struct SignInRoutesTests {
  private let ada = User(name: "ada", groups: ["team-a", User.authenticatedGroup])
  private let network = Caller(address: "192.0.2.7", isLoopback: false, isSecure: true)

  private func routes() -> SignInRoutes {
    let sessions = Sessions { [ada] in $0 == "good" ? .success(ada) : .failure(.revoked(id: "7")) }
    return SignInRoutes(sessions: sessions, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func request(
    _ method: HTTPRequest.Method, _ path: String, _ fields: [HTTPField.Name: String] = [:]
  ) -> HTTPRequest {
    var request = HTTPRequest(method: method, scheme: "https", authority: "traces.example:9411", path: path)
    for (name, value) in fields { request.headerFields[name] = value }
    return request
  }

  private func signIn(
    _ routes: SignInRoutes, _ body: String = #"{"token":"good"}"#, type: String = "application/json",
    from caller: Caller? = nil
  ) throws -> Answer {
    try #require(
      routes.respond(
        to: request(.post, "/login", [.contentType: type]), body: Array(body.utf8), from: caller ?? network))
  }

  private struct Document: Decodable, Equatable {
    var name: String
    var groups: [String]
    var csrfToken: String?
  }

  private func document(_ answer: Answer) throws -> Document {
    try JSONDecoder().decode(Document.self, from: Data(answer.body))
  }

  @Test("Signing in with a token gives a cookie that scripts cannot read and other sites cannot send")
  func signIn() throws {
    let routes = routes()
    let answer = try signIn(routes)
    #expect(answer.status == .ok && answer.fields[.cacheControl] == "no-store")
    let user = try document(answer)
    #expect(user.name == "ada" && user.groups == [User.authenticatedGroup, "team-a"])
    let cookie = try #require(answer.fields[.setCookie])
    #expect(cookie.hasPrefix("__Host-kuma-trace-session="))
    #expect(cookie.hasSuffix("; Path=/; HttpOnly; SameSite=Strict; Secure"))
    let plain = try signIn(routes, from: Caller(address: "127.0.0.1", isLoopback: true, isSecure: false))
    let plainCookie = try #require(plain.fields[.setCookie])
    #expect(plainCookie.hasPrefix("kuma-trace-session="))
    #expect(plainCookie.hasSuffix("; Path=/; HttpOnly; SameSite=Strict"))
    // The cookie is not the token, and neither is in the body.
    #expect(!cookie.contains("good") && !String(decoding: answer.body, as: UTF8.self).contains("good"))
  }

  @Test("The session says who is signed in, and signing out ends it")
  func session() throws {
    let routes = routes()
    let answer = try signIn(routes)
    let cookie = String(try #require(answer.fields[.setCookie]).prefix { $0 != ";" })
    let guarding = try #require(HTTPField.Name("X-CSRF-Token"))
    var caller = network
    (caller.name, caller.groups) = ("ada", ada.groups.sorted())
    let known = try #require(routes.respond(to: request(.get, "/session", [.cookie: cookie]), body: [], from: caller))
    #expect(try document(known) == document(answer))
    // Known by something else than the session.
    (caller.name, caller.groups) = (User.admin.name, User.admin.groups.sorted())
    let other = try #require(routes.respond(to: request(.get, "/session", [.cookie: cookie]), body: [], from: caller))
    #expect(try document(other).csrfToken == nil && document(other).name == User.admin.name)

    let forged = try #require(routes.respond(to: request(.post, "/logout", [.cookie: cookie]), body: [], from: network))
    #expect(forged.status == .forbidden)
    #expect(forged.refusalReason == "the session's cookie came without X-CSRF-Token")
    let token = try #require(try document(answer).csrfToken)
    let ended = try #require(
      routes.respond(to: request(.post, "/logout", [.cookie: cookie, guarding: token]), body: [], from: network))
    #expect(ended.status == .noContent)
    #expect(ended.fields[.setCookie]?.hasPrefix("__Host-kuma-trace-session=; Max-Age=0; Path=/") == true)
    let nobody = try #require(routes.respond(to: request(.get, "/session", [.cookie: cookie]), body: [], from: network))
    #expect(try document(nobody) == Document(name: "mesh-system:anonymous", groups: ["mesh-system:unauthenticated"]))
  }

  @Test("Signing in again ends the session that the browser had")
  func again() throws {
    let routes = routes()
    let cookie = String(try #require(try signIn(routes).fields[.setCookie]).prefix { $0 != ";" })
    let second = try #require(
      routes.respond(
        to: request(.post, "/login", [.contentType: "application/json", .cookie: cookie]),
        body: Array(#"{"token":"good"}"#.utf8), from: network))
    #expect(second.status == .ok)
    let old = try #require(routes.respond(to: request(.get, "/session", [.cookie: cookie]), body: [], from: network))
    #expect(try document(old).csrfToken == nil)
  }

  @Test("A token that does not count is refused with its reason in the log alone; after ten of them the address waits")
  func attempts() throws {
    let start = ContinuousClock.now
    let clock = Clock(start)
    let sessions = Sessions { [ada] in $0 == "good" ? .success(ada) : .failure(.revoked(id: "7")) }
    let routes = SignInRoutes(sessions: sessions, logger: Logger(label: "test")) { clock.now }
    for _ in 0..<10 {
      let answer = try signIn(routes, #"{"token":"bad"}"#)
      #expect(answer.status == .unauthorized && answer.fields[.setCookie] == nil)
      #expect(answer.refusalReason == TokenRefusal.revoked(id: "7").reason)
      #expect(!String(decoding: answer.body, as: UTF8.self).contains("revoked"))
    }
    let late = try signIn(routes)
    #expect(late.status == .tooManyRequests && late.fields[.retryAfter] == "7")
    #expect(try signIn(routes, from: Caller(address: "192.0.2.8", isLoopback: false, isSecure: true)).status == .ok)
    clock.now = start + .seconds(7)
    #expect(try signIn(routes).status == .ok)
  }

  private final class Clock: Sendable {
    private let instant: Mutex<ContinuousClock.Instant>
    init(_ instant: ContinuousClock.Instant) { self.instant = Mutex(instant) }
    var now: ContinuousClock.Instant {
      get { instant.withLock { $0 } }
      set { instant.withLock { $0 = newValue } }
    }
  }

  @Test("Bodies that are no token are told what a body has to be")
  func bodies() throws {
    let routes = routes()
    for (body, type, status) in [
      ("token=good", "application/x-www-form-urlencoded", 415), (#"{"token":"good"}"#, "text/plain", 415),
      ("", "application/json", 400), ("[]", "application/json", 400), (#"{"token":1}"#, "application/json", 400),
      (#"{"token":""#, "application/json", 400),
      (String(repeating: "[", count: 20_000), "application/json", 400),
      (String(repeating: " ", count: 20 << 10) + #"{"token":"good"}"#, "application/json", 413),
    ] {
      let answer = try signIn(routes, body, type: type)
      #expect(answer.status.code == status, "\(body.prefix(40)) as \(type)")
    }
  }

  @Test("Other paths are those of the server, and other methods are refused")
  func paths() throws {
    let routes = routes()
    for path in ["/", "/api/v2/spans", "/loginx", "/login/x", "/sessions"] {
      #expect(routes.respond(to: request(.get, path), body: [], from: network) == nil, "\(path)")
      #expect(SignInRoutes.operation(of: request(.get, path)) == nil)
      #expect(SignInRoutes.bodyLimit(of: request(.post, path)) == nil)
    }
    let answer = try #require(routes.respond(to: request(.get, "/login"), body: [], from: network))
    #expect(answer.status == .methodNotAllowed && answer.fields[.allow] == "POST")
    #expect(SignInRoutes.operation(of: request(.post, "/login?x=1")) == "POST /login")
    #expect(SignInRoutes.bodyLimit(of: request(.post, "/login")) == 20 << 10)
  }
}
