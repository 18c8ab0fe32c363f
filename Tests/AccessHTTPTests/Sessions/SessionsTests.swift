import HTTPTypes
import MeshAccess
import Synchronization
import Testing

@testable import AccessHTTP

@Suite struct SessionsTests {
  private let ada = User(name: "ada", groups: ["team-a", User.authenticatedGroup])

  /// Sessions that accept the token `good` of a user.
  private func sessions(_ refusal: @escaping @Sendable () -> TokenRefusal? = { nil }) -> Sessions {
    Sessions { [ada] token in
      if let refusal = refusal() { return .failure(refusal) }
      return token == "good" ? .success(ada) : .failure(.badSignature(keyID: "1"))
    }
  }

  private func request(
    _ method: HTTPRequest.Method = .get, cookie: String? = nil, _ fields: [String: String] = [:]
  ) -> HTTPRequest {
    var request = HTTPRequest(method: method, scheme: "http", authority: "traces.example:9411", path: "/api/x")
    request.headerFields[.cookie] = cookie
    for (name, value) in fields { HTTPField.Name(name).map { request.headerFields[$0] = value } }
    return request
  }

  @Test("A session's cookie shows its user")
  func cookie() throws {
    let sessions = sessions()
    let (id, _, user) = try sessions.signIn(token: "good").get()
    #expect(user == ada)
    #expect(sessions.find(request(cookie: "kuma-trace-session=\(id.text)"), isSecure: false) == .user(ada))
    #expect(sessions.find(request(cookie: "a=b; kuma-trace-session=\(id.text); c=d"), isSecure: false) == .user(ada))
    #expect(sessions.find(request(cookie: "__Host-kuma-trace-session=\(id.text)"), isSecure: true) == .user(ada))
    // Over TLS only the cookie counts that nobody but this server can have set.
    #expect(sessions.find(request(cookie: "kuma-trace-session=\(id.text)"), isSecure: true) == .none)
    for wrong in [
      nil, "", "kuma-trace-session", "kuma-trace-session=",
      "kuma-trace-session=\(id.text)x", "x-kuma-trace-session=\(id.text)",
      "kuma-trace-session=\(id.text); kuma-trace-session=\(SessionSecret.random().text)",
    ] {
      #expect(sessions.find(request(cookie: wrong), isSecure: false) == .none, "\(wrong ?? "no cookie")")
    }
    let unknown = request(cookie: "kuma-trace-session=\(SessionSecret.random().text)")
    #expect(sessions.find(unknown, isSecure: false) == .ended("the session is unknown or has ended"))
    #expect(throws: TokenRefusal.badSignature(keyID: "1")) { try sessions.signIn(token: "bad").get() }
  }

  @Test("A request that changes something needs the session's forgery guard")
  func forgery() throws {
    let sessions = sessions()
    let (id, session, _) = try sessions.signIn(token: "good").get()
    let (_, other, _) = try sessions.signIn(token: "good").get()
    let cookie = "kuma-trace-session=\(id.text)"
    for method in [HTTPRequest.Method.post, .put, .delete, .patch] {
      #expect(
        sessions.find(request(method, cookie: cookie), isSecure: false)
          == .forged("the session's cookie came without X-CSRF-Token"))
      for wrong in ["", id.text, other.forgeryGuard.text] {
        #expect(
          sessions.find(request(method, cookie: cookie, ["X-CSRF-Token": wrong]), isSecure: false)
            == .forged("X-CSRF-Token is not that of the session"), "\(method) \(wrong)")
      }
      let right = ["X-CSRF-Token": session.forgeryGuard.text]
      #expect(sessions.find(request(method, cookie: cookie, right), isSecure: false) == .user(ada))
      // Without a session there is nothing to forge.
      #expect(sessions.find(request(method), isSecure: false) == .none)
    }
  }

  @Test("A cookie does not count for requests of other pages, not even of another port of the same host")
  func otherPages() throws {
    let sessions = sessions()
    let (id, session, _) = try sessions.signIn(token: "good").get()
    func find(_ method: HTTPRequest.Method, _ fields: [String: String]) -> Sessions.Finding {
      let all = fields.merging(["X-CSRF-Token": session.forgeryGuard.text]) { $1 }
      return sessions.find(request(method, cookie: "kuma-trace-session=\(id.text)", all), isSecure: false)
    }
    for method in [HTTPRequest.Method.get, .post] {
      for own in [
        [:], ["Origin": "http://traces.example:9411"], ["Sec-Fetch-Site": "same-origin"], ["Sec-Fetch-Site": "none"],
      ] {
        #expect(find(method, own) == .user(ada), "\(method) \(own)")
      }
      for foreign in [
        ["Origin": "http://traces.example:3000"], ["Origin": "http://traces.example"], ["Origin": "null"],
        ["Origin": "http://evil.example:9411"], ["Origin": ""], ["Sec-Fetch-Site": "same-site"],
        ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "anything"],
      ] {
        #expect(find(method, foreign) == .none, "\(method) \(foreign)")
      }
    }
  }

  @Test("A session ends with its token: when that is revoked, expires, or loses its key")
  func endsWithItsToken() throws {
    let box = Box()
    let sessions = sessions { box.value }
    let (id, _, _) = try sessions.signIn(token: "good").get()
    let cookie = request(cookie: "kuma-trace-session=\(id.text)")
    #expect(sessions.find(cookie, isSecure: false) == .user(ada))
    box.value = .revoked(id: "7")
    #expect(
      sessions.find(cookie, isSecure: false) == .ended("the session ended: \(TokenRefusal.revoked(id: "7").reason)"))
    // It does not come back.
    box.value = nil
    #expect(sessions.find(cookie, isSecure: false) == .ended("the session is unknown or has ended"))
  }

  @Test("Signing out ends the session of the cookie")
  func signOut() throws {
    let sessions = sessions()
    let (id, _, _) = try sessions.signIn(token: "good").get()
    let (other, _, _) = try sessions.signIn(token: "good").get()
    sessions.signOut(request(.post, cookie: "kuma-trace-session=\(id.text)"), isSecure: false)
    #expect(
      sessions.find(request(cookie: "kuma-trace-session=\(id.text)"), isSecure: false)
        == .ended("the session is unknown or has ended"))
    #expect(sessions.find(request(cookie: "kuma-trace-session=\(other.text)"), isSecure: false) == .user(ada))
  }

  /// A value that a test changes.
  private final class Box: Sendable {
    private let content = Mutex<TokenRefusal?>(nil)
    var value: TokenRefusal? {
      get { content.withLock { $0 } }
      set { content.withLock { $0 = newValue } }
    }
  }
}
