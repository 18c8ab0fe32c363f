import MeshModel
import MeshTestSupport
import Testing

/// `conf.tls` and `conf.headers` of a Zipkin backend.
@Suite struct CollectorSecurityTests {
  private static let certificate = Resource.testCertificate

  private static func mesh(_ conf: String) throws -> (mesh: Mesh, notices: [FieldNotice]) {
    let text = "tracing: {backends: [{name: b, type: zipkin, conf: \(conf)}]}"
    let read = try Mesh.read(try #require(try DocumentValue.yamlDocuments(text).first))
    return (read.content, read.notices)
  }

  private static func violations(_ conf: String) throws -> [String] {
    Resource(name: "default", spec: .mesh(try mesh(conf).mesh)).violations().map(\.description)
  }

  @Test(
    "Settings that mean something are accepted, and come back as they were written",
    arguments: [
      "{url: 'https://c:443/s', tls: {verify: system}}",
      "{url: 'https://c:443/s', tls: {verify: none, serverName: other.example}}",
      "{url: 'https://c:443/s', tls: {caCert: {secret: authority}, serverName: 10.0.0.1}}",
      "{url: 'https://c:443/s', tls: {clientCert: {secret: chain}, clientKey: {secret: key}}}",
      "{url: 'https://c:443/s', headers: [{name: X-Api-Key, value: abc}, {name: b, value: {secret: key}}]}",
      "{url: 'http://c:80/s', headers: [{name: x-api-key, value: 'a b'}]}",
    ])
  func accepted(_ conf: String) throws {
    let (mesh, notices) = try Self.mesh(conf)
    #expect(try Self.violations(conf) == [] && notices.isEmpty)
    let backend = try #require(mesh.tracing?.backends.first)
    let again = TracingBackend(name: "b", zipkin: try backend.zipkin())
    #expect(try again.zipkin() == backend.zipkin())
    #expect(again.conf.map { DocumentValue.object($0).sortedByKey() } == backend.conf.map { .object($0) })
  }

  @Test("An authority in the document is accepted, and a text that is none is refused")
  func authority() throws {
    func mesh(_ text: String) -> Resource {
      var conf = ZipkinConf(url: "https://c:443/s")
      conf.tls = ZipkinConf.TLS(caCert: .inlineString(text))
      return Resource(
        name: "default", spec: .mesh(Mesh(tracing: Mesh.Tracing(backends: [TracingBackend(name: "b", zipkin: conf)]))))
    }
    #expect(mesh(Self.certificate + Self.certificate).violations() == [])
    let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
    func block(_ body: String) -> String { "-----BEGIN CERTIFICATE-----\n\(body)\n-----END CERTIFICATE-----\n" }
    let cut = String(Self.certificate.split(separator: "\n").dropFirst().dropLast(3).joined(separator: "\n"))
    for text in [
      "", "MIIB", key, Self.certificate + key, "-----BEGIN CERTIFICATE-----\nMIIB\n", "-----BEGIN -----",
      block(""), block("garbage"), block("MAA="), block(cut), Self.certificate + block("MIIB"),
    ] {
      #expect(
        mesh(text).violations().map(\.description) == [
          "tracing.backends[0].config.tls.caCert.inlineString: has to be a certificate in PEM form"
        ], "\(text)")
    }
    #expect(
      mesh(String(repeating: Self.certificate, count: 200)).violations().map(\.description) == [
        "tracing.backends[0].config.tls.caCert.inlineString: has to be at most 65536 bytes long"
      ])
  }

  @Test(
    "Settings that mean nothing are refused with the place and the fix",
    arguments: [
      ("tls: {verify: full}", "tls.verify: has invalid value. Allowed values: none, system"),
      (
        "tls: {verify: none, caCert: {secret: a}}",
        "tls.verify: cannot be none where caCert is given; remove one of the two"
      ),
      (
        "tls: {verify: system, caCert: {secret: a}}",
        "tls.caCert: cannot be given with verify: system; remove one of the two"
      ),
      ("tls: {caCert: {}}", "tls.caCert: has to have either inlineString or secret"),
      ("tls: {caCert: {inlineString: a, secret: b}}", "tls.caCert: has to have either inlineString or secret"),
      ("tls: {clientCert: {secret: a}}", "tls.clientKey: cannot be empty where clientCert is given"),
      ("tls: {clientKey: {secret: a}}", "tls.clientCert: cannot be empty where clientKey is given"),
      (
        "tls: {clientCert: {secret: a}, clientKey: {inlineString: b}}",
        "tls.clientKey: has to be the name of a Secret of the mesh, as secret: NAME; a key must not stand in the mesh itself"
      ),
      ("tls: {serverName: 'a b'}", "tls.serverName: has to be a host name or an IP address"),
      (
        "headers: [{name: 'a b', value: c}]",
        "headers[0].name: has to be the name of a field of HTTP, such as x-api-key"
      ),
      (
        "headers: [{name: ':path', value: c}]",
        "headers[0].name: has to be the name of a field of HTTP, such as x-api-key"
      ),
      (
        "headers: [{name: Host, value: c}]",
        "headers[0].name: \"host\" is set by the proxy itself; choose another field"
      ),
      (
        "headers: [{name: a, value: b}, {name: A, value: c}]",
        "headers[1].name: \"a\" is already used for another header"
      ),
      (
        "headers: [{name: a}]",
        "headers[0].value: cannot be empty; give text, or a Secret of the mesh as value: {secret: NAME}"
      ),
      (
        "headers: [{name: a, value: \"b\\r\\nc: d\"}]",
        "headers[0].value: has to be at most 8192 bytes of printable text without a line break"
      ),
      ("headers: [{name: a, value: {secret: ''}}]", "headers[0].value.secret: cannot be empty"),
      (
        "headers: [{name: a, value: {secret: dataplane-token-signing-key-default-1}}]",
        "headers[0].value.secret: cannot be a Secret of the control plane itself; make one for this collector"
      ),
    ])
  func refused(_ settings: String, _ violation: String) throws {
    #expect(
      try Self.violations("{url: 'https://c:443/s', \(settings)}") == ["tracing.backends[0].config.\(violation)"])
  }

  @Test("TLS is refused for a url without it, and values of the wrong kind are named")
  func kinds() throws {
    #expect(
      try Self.violations("{url: 'http://c:80/s', tls: {verify: system}}") == [
        "tracing.backends[0].config.tls: needs a url that begins with https://"
      ])
    #expect(
      try Self.violations("{url: 'https://c:443/s', headers: {a: b}}") == [
        "tracing.backends[0].config: could not parse config: headers has to be a list, not object"
      ])
    #expect(
      try Self.violations("{url: 'https://c:443/s', headers: [{name: a, value: [b]}]}") == [
        "tracing.backends[0].config: could not parse config: headers[0].value has to be text, not array"
      ])
  }

  @Test("More headers than a report may have are refused, and a field that is misspelt is told")
  func bounds() throws {
    let headers = (0...16).map { "{name: h\($0), value: v}" }.joined(separator: ",")
    #expect(
      try Self.violations("{url: 'https://c:443/s', headers: [\(headers)]}") == [
        "tracing.backends[0].config.headers: cannot have more than 16 items"
      ])
    let notices = try Self.mesh("{url: 'https://c:443/s', tls: {verfy: system, caCert: {secrets: a}}}").notices
    #expect(notices.map(\.path).sorted() == ["tracing.backends[0].conf.tls", "tracing.backends[0].conf.tls.caCert"])
  }
}
