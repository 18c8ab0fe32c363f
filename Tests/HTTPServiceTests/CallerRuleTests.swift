import HTTPTypes
import Testing

@testable import HTTPService

@Suite("Who may use a server")
struct CallerRuleTests {
  private static let site = HTTPField.Name("Sec-Fetch-Site")
  private static let mode = HTTPField.Name("Sec-Fetch-Mode")
  private static let destination = HTTPField.Name("Sec-Fetch-Dest")

  private func request(
    _ method: HTTPRequest.Method = .get, host: String? = "127.0.0.1:5681", origin: String? = nil,
    with fields: [(HTTPField.Name?, String)] = []
  ) -> HTTPRequest {
    var request = HTTPRequest(method: method, scheme: "http", authority: host, path: "/meshes")
    request.headerFields[.origin] = origin
    for (name, value) in fields {
      if let name { request.headerFields.append(HTTPField(name: name, value: value)) }
    }
    return request
  }

  // MARK: Host

  @Test(
    "addresses, localhost, names of the machine and of settings are the server's, other names are not",
    arguments: [
      ("127.0.0.1", true), ("127.0.0.1:5681", true), ("10.1.2.3:80", true), ("[::1]:5681", true), ("[::1]", true),
      ("localhost", true), ("LocalHost:5681", true), ("localhost.:5681", true), ("machine", true), ("machine.:1", true),
      ("cp.example:5681", true), ("a.mesh.example", true), ("a.b.mesh.example:1", true), ("mesh.example", false),
      ("evil.example", false), ("evil.example:5681", false), ("localhost.evil.example", false),
      ("xmesh.example", false),
      ("127.0.0.1.evil.example", false), ("machine.evil.example", false), ("2130706433", false), ("0x7f.1", false),
    ])
  func hosts(_ host: String, _ isOwn: Bool) {
    let hosts = HostRule(names: ["Machine", "cp.example.", "*.mesh.example"])
    let refusal = CallerRule(hosts: hosts, origins: OriginRule([])).refusal(of: request(host: host))
    #expect(refusal == (isOwn ? nil : .foreignHost(host)))
  }

  @Test(
    "what is no host is refused even where every host is taken",
    arguments: ["", "a b", "a:b", "[::1", "a/b", "::1", "a:70000"])
  func malformed(_ host: String) {
    let refusal = CallerRule(hosts: HostRule(names: ["*"]), origins: OriginRule([])).refusal(of: request(host: host))
    #expect(refusal == .malformed("Host is not a host name or an address"))
  }

  @Test("a star takes every host, and where the host is not looked at any will do")
  func anyHost() {
    let star = CallerRule(hosts: HostRule(names: ["*"]), origins: OriginRule([]))
    #expect(star.refusal(of: request(host: "evil.example")) == nil)
    let senders = CallerRule(hosts: HostRule(names: []), origins: OriginRule([])) { _ in false }
    #expect(senders.refusal(of: request(host: "zipkin_collector")) == nil)
    #expect(CallerRule(hosts: HostRule(names: []), origins: OriginRule([])).refusal(of: request(host: nil)) == nil)
  }

  @Test("names in settings are names, without a port or a path")
  func names() {
    for name in ["cp", "cp.example", "*.example", "*", "10.0.0.1"] { #expect(HostRule.isName(name), "\(name)") }
    for name in ["", "cp:80", "http://cp", "a b", "*.", "a/b"] { #expect(!HostRule.isName(name), "\(name)") }
  }

  // MARK: Pages

  @Test(
    "a page of another site is refused whatever it sends",
    arguments: [
      "http://evil.example", "http://localhost:3000", "null", "http://127.0.0.1:9412", "chrome-extension://abc",
    ])
  func pages(_ origin: String) {
    let rule = CallerRule(hosts: HostRule(names: []), origins: OriginRule([]), hasPage: true) { _ in false }
    for method in [HTTPRequest.Method.get, .post, .put, .options] {
      #expect(rule.refusal(of: request(method, host: "127.0.0.1:9411", origin: origin)) == .foreignPage(origin))
    }
    let crossSite = request(.post, with: [(Self.site, "cross-site")])
    #expect(rule.refusal(of: crossSite) == .foreignPage("another site"))
    #expect(rule.refusal(of: request(.post, with: [(Self.site, "same-origin")])) == nil)
    #expect(rule.refusal(of: request(.post)) == nil)
  }

  @Test("pages that a setting names are let in, and a star lets all in")
  func allowedPages() {
    let named = CallerRule(hosts: HostRule(names: []), origins: OriginRule(["https://gui.example"]))
    let fromThere = request(.post, origin: "https://GUI.example", with: [(Self.site, "cross-site")])
    #expect(named.refusal(of: fromThere) == nil)
    #expect(named.refusal(of: request(.post, origin: "http://gui.example")) == .foreignPage("http://gui.example"))
    #expect(named.refusal(of: request(with: [(Self.site, "cross-site")])) == .foreignPage("another site"))
    let twice = request(with: [(Self.site, "same-origin"), (Self.site, "cross-site")])
    #expect(named.refusal(of: twice) == .foreignPage("another site"))
    let star = CallerRule(hosts: HostRule(names: []), origins: OriginRule(["*"]))
    #expect(star.refusal(of: request(.post, origin: "http://evil.example")) == nil)
    #expect(star.refusal(of: request(with: [(Self.site, "cross-site")])) == nil)
  }

  @Test("a server's own page may send, unless its name is only what the request says")
  func ownPage() {
    let rule = CallerRule(hosts: HostRule(names: ["traces.example"]), origins: OriginRule([]), hasPage: true) { _ in
      false
    }
    for (host, origin, isOwn) in [
      ("127.0.0.1:9411", "http://127.0.0.1:9411", true), ("localhost:9411", "http://localhost:9411", true),
      ("traces.example", "https://traces.example", true), ("traces.example:443", "https://traces.example", true),
      ("127.0.0.1:9411", "http://localhost:9411", false), ("evil.example:9411", "http://evil.example:9411", false),
      ("127.0.0.1", "http://127.0.0.1:9411", false),
    ] {
      let refusal = rule.refusal(of: request(.post, host: host, origin: origin))
      #expect(refusal == (isOwn ? nil : .foreignPage(origin)), "\(host) \(origin)")
    }
    // Over TLS, the page of the same address without TLS is another one.
    for (origin, isOwn) in [("https://traces.example:9411", true), ("http://traces.example:9411", false)] {
      var sent = request(.post, host: "traces.example:9411", origin: origin)
      sent.scheme = "https"
      #expect(rule.refusal(of: sent) == (isOwn ? nil : .foreignPage(origin)))
      #expect(sent.isOfOwnPage == isOwn)
    }
    let pageless = CallerRule(hosts: rule.hosts, origins: OriginRule([]))
    #expect(
      pageless.refusal(of: request(.post, origin: "http://127.0.0.1:5681")) == .foreignPage("http://127.0.0.1:5681"))
  }

  @Test("a link from another site can be followed, but nothing else comes from there")
  func links() {
    let rule = CallerRule(hosts: HostRule(names: []), origins: OriginRule([]))
    let visit: [(HTTPField.Name?, String)] = [
      (Self.site, "cross-site"), (Self.mode, "navigate"), (Self.destination, "document"),
    ]
    #expect(rule.refusal(of: request(.get, with: visit)) == nil)
    #expect(rule.refusal(of: request(.post, with: visit)) != nil)
    #expect(rule.refusal(of: request(.get, origin: "null", with: visit)) != nil)
    for destination in ["iframe", "empty", "image"] {
      let fields = [(Self.site, "cross-site"), (Self.mode, "navigate"), (Self.destination, destination)]
      #expect(rule.refusal(of: request(.get, with: fields)) != nil)
    }
  }

  @Test("a browser's question before a request is answered for allowed pages only")
  func preflight() throws {
    let rule = OriginRule(["http://a.example"], methods: [.get, .post])
    var question = request(.options, origin: "http://a.example", with: [(.accessControlRequestMethod, "POST")])
    let answer = try #require(rule.preflight(question))
    #expect(answer.status == .noContent)
    #expect(answer.fields[.accessControlAllowMethods] == "GET, POST")
    #expect(rule.fields(for: question) == [.accessControlAllowOrigin: "http://a.example", .vary: "Origin"])
    question.headerFields[.origin] = "http://b.example"
    #expect(rule.preflight(question) == nil)
    #expect(rule.fields(for: question) == [.vary: "Origin"])
    #expect(OriginRule(["*"]).fields(for: question) == [.accessControlAllowOrigin: "*"])
    #expect(OriginRule([]).fields(for: question) == [:])
    #expect(rule.fields(for: request()) == [:])
  }

  @Test("a refusal names the setting and shows the host without anything that acts on a terminal")
  func sentences() {
    let host = RequestRefusal.foreignHost("evil\u{1b}<b>.example" + String(repeating: "x", count: 500))
    let sentence = host.sentence(hostSetting: "general.allowedHosts", originSetting: nil)
    #expect(sentence.contains("general.allowedHosts") && sentence.contains("evil??b>.example"))
    #expect(sentence.utf8.count < 400 && sentence.utf8.allSatisfy { $0 >= 0x20 })
    let page = RequestRefusal.foreignPage("http://evil.example")
    #expect(
      page.sentence(hostSetting: "h", originSetting: "apiServer.corsAllowedDomains").contains(
        "apiServer.corsAllowedDomains"))
    #expect(page.status == .forbidden && host.status == .forbidden)
    #expect(RequestRefusal.overloaded.retryAfter == 1 && page.retryAfter == nil)
  }
}
