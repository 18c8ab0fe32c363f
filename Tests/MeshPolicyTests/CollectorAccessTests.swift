import MeshModel
import MeshTestSupport
import Testing

@testable import MeshPolicy

/// What proxies need to reach the collectors of their backends.
@Suite struct CollectorAccessTests {
  /// Without the line end, as secrets are read.
  private static let certificate = String(Resource.testCertificate.dropLast())
  static let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"

  private static func mesh(_ confs: String...) throws -> Mesh {
    let backends = confs.enumerated().map { "{name: b\($0), type: zipkin, conf: \($1)}" }.joined(separator: ",")
    let text = "tracing: {defaultBackend: b0, backends: [\(backends)]}"
    return try Mesh.read(try #require(try DocumentValue.yamlDocuments(text).first)).content
  }

  /// A mesh in which `p0` reports to the first backend, `p1` to the second one, and so on.
  private static func index(_ mesh: Mesh, secrets: [String: String] = [:]) -> MeshIndex {
    var change = MeshIndex.Change()
    change.mesh = mesh
    for (number, backend) in (mesh.tracing?.backends ?? []).enumerated() {
      let tags = [TagName.service: "s\(number)", TagName.protocol: "http"]
      change.dataplanes["p\(number)"] = Dataplane(
        networking: Dataplane.Networking(address: "10.0.0.1", inbound: [Dataplane.Inbound(port: 80, tags: tags)]))
      let policy = TrafficTrace(
        selectors: [TrafficTrace.Selector(match: [TagName.service: "s\(number)"])], backend: backend.name)
      change.policies["t\(number)"] = (policy, Timestamp(seconds: 1))
    }
    for (name, text) in secrets { change.secrets[name] = Secret(data: Array(text.utf8)) }
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    return index
  }

  private static func apply(_ secrets: [String: String?], to index: inout MeshIndex) -> Set<String> {
    var change = MeshIndex.Change()
    for (name, text) in secrets { change.secrets[name] = .some(text.map { Secret(data: Array($0.utf8)) }) }
    return index.apply(change).affected
  }

  @Test("A # in a url is warned about, also where it leads to the own collector")
  func fragment() throws {
    let mesh = try Self.mesh("{url: 'http://a:9411/s#f'}", "{url: 'http://a:9411/s'}", "{url: 'http://a:9411/s?a=1#f'}")
    for isOwn in [true, false] {
      let warnings = PolicyWarnings.collectors(of: mesh, secrets: [:]) { _ in isOwn }
      #expect(
        warnings.count == 2 && warnings[0].hasPrefix("The url of the tracing backend \"b0\" has a #"), "\(warnings)")
      #expect(warnings.last?.contains("\"b2\"") == true && !warnings.joined().contains("\"b1\""))
    }
  }

  @Test("A backend that says nothing needs nothing, also over TLS")
  func plain() throws {
    let index = Self.index(try Self.mesh("{url: 'http://a:9411/s'}", "{url: 'https://a:9411/s'}"))
    for proxy in ["p0", "p1"] {
      let configuration = try #require(index.configuration(for: proxy))
      #expect(configuration.tracing != nil && configuration.collectorAccess == nil)
    }
  }

  @Test("Settings become an access, with the values of secrets")
  func resolved() throws {
    let index = Self.index(
      try Self.mesh(
        """
        {url: 'https://a:9411/s', headers: [{name: X-Key, value: one}, {name: b, value: {secret: token}}],
         tls: {caCert: {secret: ca}, serverName: n, clientCert: {secret: chain}, clientKey: {secret: key}}}
        """, "{url: 'https://a:9411/s', tls: {verify: system}}"),
      secrets: ["token": "two\n", "ca": Self.certificate, "chain": Self.certificate, "key": Self.key])
    #expect(
      index.configuration(for: "p0")?.collectorAccess
        == CollectorAccess(
          verification: .authorities(Self.certificate), serverName: "n",
          identity: CollectorAccess.Identity(certificateChain: Self.certificate, privateKey: Self.key),
          headers: [
            CollectorAccess.Header(name: "x-key", value: "one"), CollectorAccess.Header(name: "b", value: "two"),
          ]))
    #expect(index.configuration(for: "p1")?.collectorAccess == CollectorAccess(verification: .system))
  }

  @Test("A change of a secret concerns the proxies whose backend names it, and nobody else")
  func concerned() throws {
    var index = Self.index(
      try Self.mesh(
        "{url: 'https://a:9411/s', headers: [{name: a, value: {secret: token}}]}",
        "{url: 'https://b:9411/s', headers: [{name: a, value: {secret: other}}]}", "{url: 'https://c:9411/s'}"),
      secrets: ["token": "1", "other": "2"])
    #expect(Self.apply(["token": "3"], to: &index) == ["p0"])
    #expect(Self.apply(["token": "3", "unused": "x"], to: &index) == [])
    #expect(Self.apply(["other": nil, "token": "4"], to: &index) == ["p0", "p1"])
    #expect(index.configuration(for: "p0")?.collectorAccess?.headers.map(\.value) == ["4"])
  }

  @Test(
    "Without its secrets a backend is not used: nothing is traced, and both the explanation and a warning say why",
    arguments: [
      ("tls: {caCert: {secret: s}}", nil, "the mesh does not have it"),
      ("tls: {caCert: {secret: s}}", "no certificate", "it has no certificate in PEM form"),
      (
        "tls: {caCert: {secret: s}}", "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----",
        "it has no certificate in PEM form"
      ),
      ("tls: {caCert: {secret: s}}", key, "it has no certificate in PEM form"),
      ("headers: [{name: a, value: {secret: s}}]", "two\nlines", "it is not text in one line, which a header needs"),
      (
        "tls: {clientCert: {secret: ok}, clientKey: {secret: s}}", certificate,
        "it has no private key in PEM form, or one with a password"
      ),
    ])
  func unusable(_ settings: String, _ secret: String?, _ reason: String) throws {
    let mesh = try Self.mesh("{url: 'https://a:9411/s', \(settings)}")
    var secrets = ["ok": Self.certificate]
    secrets["s"] = secret
    var index = Self.index(mesh, secrets: secrets)
    #expect(index.configuration(for: "p0")?.tracing == nil)
    let explanation = try #require(index.explanation(for: "p0"))
    #expect(!explanation.isTraced)
    let sentence = "it needs the Secret \"s\", but \(reason)."
    #expect(explanation.summary == "Not traced: the tracing backend \"b0\" cannot be used; \(sentence)")
    #expect(
      PolicyWarnings.collectors(of: mesh, secrets: index.secrets).last
        == "The tracing backend \"b0\" cannot be used, and proxies that lead to it are not traced: \(sentence)")
    // A control plane's own secret is not sent anywhere, whatever the mesh says.
    if settings.hasPrefix("headers") {
      let own = try Self.mesh(
        "{url: 'https://a:9411/s', headers: [{name: a, value: {secret: trace-ingest-token-default-1}}]}")
      index = Self.index(own, secrets: ["trace-ingest-token-default-1": "abc"])
      #expect(index.configuration(for: "p0")?.tracing == nil)
    }
  }

  // MARK: The own collector

  private static func own(_ token: String? = "t", authorities: String? = "CA") -> OwnCollector {
    OwnCollector(
      port: 9411, hosts: ["10.0.0.9", "CP.example.", "*.mesh.example", "*"], certificateNames: ["cp-1", "10.0.0.9"],
      authorities: authorities, tokens: token.map { ["default": $0] } ?? [:])
  }

  @Test(
    "A URL leads to the own collector by port and by any of its names, and to no other host",
    arguments: [
      ("http://10.0.0.9:9411/s", true), ("https://10.0.0.9:9411/s", true), ("http://cp.example:9411/s", true),
      ("http://CP-1:9411/s", true), ("http://a.mesh.example:9411/s", true), ("http://mesh.example:9411/s", false),
      ("http://10.0.0.9:9412/s", false), ("http://zipkin.example:9411/s", false),
      ("http://xmesh.example:9411/s", false), ("http://cp.example.evil:9411/s", false),
    ])
  func receives(_ text: String, _ isOwn: Bool) throws {
    let url = try CollectorURL(text)
    #expect(Self.own().receives(url) == isOwn)
    #expect((Self.own().access(for: url, mesh: "default") != nil) == isOwn)
    // A collector without TLS is none for https, and gets no token.
    #expect(Self.own(authorities: nil).receives(url) == (isOwn && !url.isTLS))
    #expect(Self.own(authorities: nil).access(for: url, mesh: "default") == nil)
  }

  @Test("The token is that of the proxy's mesh, and the name is one that the certificate has")
  func token() throws {
    let url = try CollectorURL("http://a.mesh.example:9411/s")
    let access = Self.own().access(for: url, mesh: "default")
    #expect(access?.headers == [CollectorAccess.Header(name: "authorization", value: "Bearer t")])
    #expect(access?.serverName == "cp-1" && access?.verification == .authorities("CA"))
    #expect(Self.own().access(for: try CollectorURL("https://10.0.0.9:9411/s"), mesh: "default")?.serverName == nil)
    #expect(Self.own().access(for: url, mesh: "other")?.headers == [])
  }

  @Test("A change of the own collector concerns the proxies that report to it in the meshes whose token changed")
  func ownConcerned() throws {
    let index = Self.index(try Self.mesh("{url: 'http://10.0.0.9:9411/s'}", "{url: 'http://else:9411/s'}"))
    #expect(index.proxies(reaching: Self.own(), otherwiseThan: nil) == ["p0"])
    #expect(index.proxies(reaching: Self.own(), otherwiseThan: Self.own()) == [])
    #expect(index.proxies(reaching: Self.own("t2"), otherwiseThan: Self.own()) == ["p0"])
    var other = Self.own()
    other.tokens["other"] = "x"
    #expect(index.proxies(reaching: other, otherwiseThan: Self.own()) == [])
  }

  @Test("What a backend says itself goes before what is known of the own collector")
  func precedence() throws {
    let index = Self.index(
      try Self.mesh(
        "{url: 'https://10.0.0.9:9411/s', tls: {verify: system}}",
        "{url: 'https://10.0.0.9:9411/s', headers: [{name: x-a, value: b}]}",
        "{url: 'https://10.0.0.9:9411/s', headers: [{name: Authorization, value: mine}]}"))
    func access(_ proxy: String) -> CollectorAccess? {
      index.configuration(for: proxy, adminPort: nil, adminAccess: nil, ownCollector: Self.own())?.collectorAccess
    }
    // Verified otherwise, it might be anybody: it gets no token.
    #expect(access("p0") == CollectorAccess(verification: .system))
    #expect(access("p2")?.verification == .authorities("CA") && access("p2")?.headers.map(\.value) == ["mine"])
    #expect(access("p1")?.verification == .authorities("CA"))
    #expect(access("p1")?.headers.map(\.name) == ["x-a", "authorization"])
  }

  @Test("Warnings: a collector that nobody verifies, headers without encryption, and none about the own collector")
  func warnings() throws {
    let mesh = try Self.mesh(
      "{url: 'https://a:443/s'}", "{url: 'https://b:443/s', tls: {verify: system}}",
      "{url: 'http://c:80/s', headers: [{name: a, value: b}]}",
      "{url: 'http://127.0.0.1:80/s', headers: [{name: a, value: b}]}",
      "{url: 'https://own:443/s'}")
    #expect(
      PolicyWarnings.collectors(of: mesh, secrets: [:], isOwnCollector: { $0.host == "own" }) == [
        "Proxies do not verify the collector of the tracing backend \"b0\", as in Kuma: whoever can answer in its place gets "
          + "the spans. Set conf.tls.verify to system, or conf.tls.caCert to the authority of its certificate.",
        "The headers of the tracing backend \"b2\" are sent without encryption; give it a url with https://.",
      ])
  }
}
