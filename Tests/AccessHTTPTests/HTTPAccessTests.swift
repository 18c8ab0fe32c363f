import HTTPService
import HTTPTypes
import MeshAccess
import Testing

@testable import AccessHTTP

@Suite("Access over HTTP") struct HTTPAccessTests {
  private static let mia = User(name: "mia", groups: [User.authenticatedGroup])
  private static let network = Caller(address: "192.0.2.7", isLoopback: false, isSecure: true)
  private static let local = Caller(address: "127.0.0.1", isLoopback: true, isSecure: false)

  /// Knows the user token `mia`, and the token `spans-of-default` for sending spans.
  private static func identification(localhostIsAdmin: Bool = true) -> CallerIdentification {
    var identification = CallerIdentification(localhostIsAdmin: localhostIsAdmin)
    identification.checkUserToken = { $0 == "mia" ? .success(mia) : .failure(.badSignature(keyID: "1")) }
    identification.checkIngestToken = { $0 == "spans-of-default" ? "default" : nil }
    return identification
  }

  private static func access(
    _ server: AccessMatrix.Server = .api, _ identification: CallerIdentification = identification(),
    _ rules: StaticAccess = .standard
  ) -> HTTPAccess {
    HTTPAccess(to: server, rules: rules, identification: identification) { request in
      request.path == "/nothing" ? nil : "\(request.method.rawValue) \(request.path ?? "")"
    } answer: { _, denial in
      var answer = Answer(denial.status)
      answer.body = Array(denial.detail.utf8)
      return answer
    }
  }

  private static func request(
    _ method: HTTPRequest.Method = .get, _ path: String = "/meshes", host: String? = "localhost:5681",
    token: String? = nil, fields: [String: String] = [:]
  ) -> HTTPRequest {
    var request = HTTPRequest(method: method, scheme: "http", authority: host, path: path)
    if let token { request.headerFields[.authorization] = "Bearer \(token)" }
    for (name, value) in fields {
      if let name = HTTPField.Name(name) { request.headerFields[name] = value }
    }
    return request
  }

  /// Who the request is allowed for; a status and the reason in the log where it is refused.
  private func outcome(
    _ access: HTTPAccess, _ request: HTTPRequest, from caller: Caller = network
  ) -> (name: String?, status: Int?, reason: String?, answer: Answer?) {
    switch access.decide(on: request, from: caller) {
    case .allowed(let caller): (caller.name, nil, nil, nil)
    case .refused(let answer, let reason): (nil, answer.status.code, reason, answer)
    }
  }

  @Test("the program itself is known by its own token, and has what it is given, whoever else has it")
  func itself() {
    let program = User(name: "program", groups: [])
    var identification = Self.identification(localhostIsAdmin: false)
    identification.findSelf = { $0 == "own" ? program : nil }
    var rules = StaticAccess { _ in StaticAccess.Holders(users: [], groups: []) }
    rules.give(.readTraces, to: program)
    let access = Self.access(.collector, identification, rules)
    #expect(
      outcome(access, Self.request(.get, "/api/v2/services", token: "own"), from: Self.local).name?.contains("program")
        == true)
    #expect(outcome(access, Self.request(.post, "/api/v2/spans", token: "own"), from: Self.local).status == 403)
    #expect(outcome(access, Self.request(.get, "/api/v2/services", token: "mia"), from: Self.local).status == 403)
    #expect(outcome(access, Self.request(.get, "/api/v2/services", token: "other"), from: Self.local).status == 401)
  }

  @Test("who shows nothing has to authenticate, and learns no more")
  func anonymous() throws {
    let refused = outcome(Self.access(), Self.request())
    #expect(refused.status == 401)
    #expect(refused.reason == "nothing was shown, and readResources is needed")
    let answer = try #require(refused.answer)
    #expect(answer.fields[.wwwAuthenticate] == "Bearer" && answer.fields[.cacheControl] == "no-store")
    #expect(answer.operation == "GET /meshes")
    #expect(String(decoding: answer.body, as: UTF8.self) == "Unauthenticated")
    #expect(outcome(Self.access(), Self.request(.get, "/who-am-i")).name == User.anonymous.name)
  }

  @Test("a token opens what its user may do, and nothing else")
  func token() {
    #expect(outcome(Self.access(), Self.request(token: "mia")).name == "mia")
    let refused = outcome(Self.access(), Self.request(.put, "/meshes/{mesh}", token: "mia"))
    #expect(refused.status == 403)
    #expect(refused.reason == "mia/mesh-system:authenticated does not have the permission writeResources")
  }

  @Test("a token that does not count is refused with its reason in the log alone, where nothing is needed too")
  func badToken() {
    for path in ["/meshes", "/who-am-i"] {
      let refused = outcome(Self.access(), Self.request(.get, path, token: "damaged"))
      #expect(refused.status == 401)
      #expect(refused.reason == TokenRefusal.badSignature(keyID: "1").reason)
      #expect(refused.answer.map { String(decoding: $0.body, as: UTF8.self) } == "Unauthenticated")
    }
    let health = outcome(Self.access(.diagnostics), Self.request(.get, "/ready", token: "damaged"))
    #expect(health.name == User.anonymous.name)
  }

  @Test("the scheme Bearer is known in any case, other schemes are ignored, and two fields are one too many")
  func schemes() throws {
    #expect(outcome(Self.access(), Self.request(fields: ["Authorization": "bearer  mia"])).name == "mia")
    for value in ["Basic bWlhOm1pYQ==", "mia", "Bearer", "Bearermia", ""] {
      #expect(outcome(Self.access(), Self.request(fields: ["Authorization": value])).status == 401, "\(value)")
    }
    var twice = Self.request(token: "mia")
    twice.headerFields.append(HTTPField(name: .authorization, value: "Bearer mia"))
    #expect(outcome(Self.access(), twice).reason == "the request has two Authorization fields")
  }

  @Test("a token for spans sends spans at the collector; a server that takes none does not know it")
  func ingest() {
    let collector = Self.access(.collector)
    #expect(
      outcome(collector, Self.request(.post, "/api/v2/spans", token: "spans-of-default")).name
        == "mesh-system:ingest:default")
    #expect(outcome(collector, Self.request(.get, "/api/v2/traces", token: "spans-of-default")).status == 403)
    #expect(outcome(collector, Self.request(.post, "/api/v2/spans", token: "mia")).status == 403)
    var api = Self.identification()
    api.checkIngestToken = nil
    #expect(outcome(Self.access(.api, api), Self.request(token: "spans-of-default")).status == 401)
  }

  @Test("a text that is no token at all is told as such where tokens for spans count too")
  func noTokenAtAll() {
    var identification = Self.identification()
    identification.checkUserToken = { _ in .failure(.malformed("x")) }
    let access = Self.access(.collector, identification)
    #expect(
      outcome(access, Self.request(.post, "/api/v2/spans", token: "wrong")).reason
        == "the token is not one for sending spans of any mesh, and no user token: the token is malformed: x")
    identification.checkIngestToken = nil
    #expect(
      outcome(Self.access(.api, identification), Self.request(token: "wrong")).reason == "the token is malformed: x")
  }

  @Test("a server that takes no tokens refuses every token")
  func noTokens() {
    let access = Self.access(.api, CallerIdentification(localhostIsAdmin: false))
    #expect(
      outcome(access, Self.request(token: "mia")).reason == "a token was shown, and this server takes none")
  }

  @Test(
    "an operation that is not in the matrix is refused to the administrator too; a path that is nowhere is left to the server"
  )
  func unknownOperation() {
    let refused = outcome(Self.access(), Self.request(.patch, "/meshes"), from: Self.local)
    #expect(refused.status == 403)
    #expect(refused.reason == "PATCH /meshes is not in the access matrix, so that nobody may run it")
    #expect(outcome(Self.access(), Self.request(.get, "/nothing")).name == User.anonymous.name)
  }

  @Test("a verified client certificate is the administrator where certificates count")
  func certificate() {
    var caller = Self.network
    caller.certificate = [1]
    #expect(outcome(Self.access(), Self.request(), from: caller).status == 401)
    var identification = Self.identification()
    identification.certificateIsAdmin = true
    #expect(outcome(Self.access(.api, identification), Self.request(), from: caller).name == User.admin.name)
    #expect(outcome(Self.access(.api, identification), Self.request(), from: Self.network).status == 401)
  }

  @Test("on a server that was opened on purpose, who shows nothing is the administrator, and a wrong token is refused")
  func unprotected() {
    var identification = Self.identification()
    identification.isUnprotected = true
    let access = Self.access(.api, identification)
    #expect(outcome(access, Self.request(.put, "/meshes/{mesh}")).name == User.admin.name)
    #expect(outcome(access, Self.request(token: "damaged")).status == 401)
    #expect(outcome(access, Self.request(token: "mia")).name == "mia")
  }

  // MARK: This machine

  @Test(
    "a client on this machine is the administrator, whatever it shows",
    arguments: ["localhost", "127.0.0.1:5681", "[::1]:5681", "127.8.9.10"])
  func local(host: String) {
    #expect(outcome(Self.access(), Self.request(host: host), from: Self.local).name == User.admin.name)
    #expect(
      outcome(Self.access(), Self.request(host: host, token: "damaged"), from: Self.local).name == User.admin.name)
    #expect(outcome(Self.access(), Self.request(host: host), from: Self.network).status == 401)
    let strict = Self.access(.api, Self.identification(localhostIsAdmin: false))
    #expect(outcome(strict, Self.request(host: host), from: Self.local).status == 401)
  }

  @Test(
    "a client on this machine that speaks for others, or calls the server by another name, is nobody",
    arguments: [
      ("localhost", ["X-Forwarded-For": "192.0.2.7"]), ("localhost", ["Forwarded": "for=192.0.2.7"]),
      ("localhost", ["X-Real-IP": "192.0.2.7"]), ("cp.example", [:]), ("127.0.0.1.example", [:]), ("127.example", [:]),
      ("192.0.2.1", [:]), ("", [:]), ("localhost.example", [:]),
    ])
  func forwarded(host: String, fields: [String: String]) {
    #expect(outcome(Self.access(), Self.request(host: host, fields: fields), from: Self.local).status == 401)
    #expect(
      outcome(Self.access(), Self.request(host: host, token: "mia", fields: fields), from: Self.local).name == "mia")
  }

  @Test("a proxy on this machine sends spans with X-Forwarded-For, as every Envoy does, and may do nothing else")
  func reports() {
    let fields = ["X-Forwarded-For": "192.0.2.7"]
    func access(localhostIsAdmin: Bool) -> HTTPAccess {
      var identification = Self.identification(localhostIsAdmin: localhostIsAdmin)
      identification.checksLocalHost = { $0.path != "/api/v2/spans" }
      return Self.access(.collector, identification)
    }
    let report = Self.request(.post, "/api/v2/spans", host: "collector.example:9411", fields: fields)
    #expect(outcome(access(localhostIsAdmin: true), report, from: Self.local).name == "mesh-system:sender")
    #expect(outcome(access(localhostIsAdmin: true), report, from: Self.network).status == 401)
    #expect(outcome(access(localhostIsAdmin: false), report, from: Self.local).status == 401)
    for (method, path) in [(HTTPRequest.Method.get, "/api/v2/traces"), (.post, "/api/import"), (.get, "/metrics")] {
      let request = Self.request(method, path, fields: fields)
      #expect(outcome(access(localhostIsAdmin: true), request, from: Self.local).status == 401, "\(path)")
    }
  }

  @Test("a page of another site in a browser on this machine reads and sends spans, and writes nothing else")
  func otherPage() {
    for fields in [
      ["Origin": "http://gui.example"], ["Sec-Fetch-Site": "cross-site"], ["Origin": "http://localhost:3000"],
    ] {
      #expect(outcome(Self.access(), Self.request(fields: fields), from: Self.local).name == "mesh-system:page")
      for (method, path) in [
        (HTTPRequest.Method.put, "/meshes/{mesh}"), (.post, "/tokens/user"), (.get, "/global-secrets"),
      ] {
        #expect(outcome(Self.access(), Self.request(method, path, fields: fields), from: Self.local).status == 403)
      }
      #expect(
        outcome(Self.access(.collector), Self.request(.post, "/api/v2/spans", fields: fields), from: Self.local).name
          == "mesh-system:page")
    }
    #expect(
      outcome(Self.access(), Self.request(fields: ["Origin": "http://localhost:5681"]), from: Self.local).name
        == User.admin.name)
  }

  @Test("where probes come without TLS, other machines get what everybody may do, and the rest over TLS only")
  func withoutTLS() {
    let plain = Caller(address: "192.0.2.7", isLoopback: false, isSecure: false)
    let metrics = [Self.request(.get, "/metrics"), Self.request(.get, "/metrics", token: "mia")]
    var access = Self.access(.diagnostics, Self.identification(localhostIsAdmin: false))
    access.needsTLS = true
    #expect(outcome(access, metrics[1]).name == "mia")
    #expect(outcome(access, metrics[1], from: Self.local).name == "mia")
    for request in metrics + [Self.request(.get, "/nothing"), Self.request(.post, "/ready", token: "mia")] {
      let refused = outcome(access, request, from: plain)
      #expect(refused.status == 400 && refused.answer?.fields[.connection] == "close")
      #expect(
        refused.answer.map { String(decoding: $0.body, as: UTF8.self) } == "This port takes TLS; use https://.\n")
      #expect(refused.reason == "the request came without TLS, so that others may have read what it shows")
    }
    for token in [nil, "mia", "damaged"] {
      #expect(outcome(access, Self.request(.get, "/ready", token: token), from: plain).name == User.anonymous.name)
    }
    var rules = StaticAccess.standard
    rules.open(.viewMetrics)
    var open = Self.access(.diagnostics, Self.identification(localhostIsAdmin: false), rules)
    open.needsTLS = true
    for request in metrics { #expect(outcome(open, request, from: plain).name == User.anonymous.name) }
  }

  @Test(
    "a session that has ended has a reason of its own in the log; on a server that was opened on purpose it is no matter"
  )
  func endedSession() {
    var identification = Self.identification()
    identification.sessions = Sessions { _ in .failure(.revoked(id: "7")) }
    let request = Self.request(
      .get, "/api/v2/traces", fields: ["Cookie": "__Host-kuma-trace-session=\(SessionSecret.random().text)"])
    let refused = outcome(Self.access(.collector, identification), request)
    #expect(refused.status == 401 && refused.reason == "the session is unknown or has ended")
    identification.isUnprotected = true
    #expect(outcome(Self.access(.collector, identification), request).name == User.admin.name)
  }

  @Test("senders of spans may call the server by any name")
  func spanHosts() {
    var identification = Self.identification()
    identification.checksLocalHost = { $0.path != "/api/v2/spans" }
    let access = Self.access(.collector, identification)
    #expect(
      outcome(access, Self.request(.post, "/api/v2/spans", host: "zipkin"), from: Self.local).name == User.admin.name)
    #expect(outcome(access, Self.request(.get, "/api/v2/traces", host: "zipkin"), from: Self.local).status == 401)
  }
}
