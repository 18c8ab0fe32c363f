import MeshModel
import OrderedCollections
import Testing

/// What is secret in documents and texts, and what becomes of it.
@Suite("Redaction")
struct RedactionTests {
  private static let key = """
    -----BEGIN EC PRIVATE KEY-----
    c2VjcmV0LWtleQ==
    -----END EC PRIVATE KEY-----
    """

  /// A mesh in which every secret contains the word "secret".
  static let mesh = """
    type: Mesh
    name: default
    mtls:
      enabledBackend: ca
      backends:
      - name: ca
        type: provided
        conf:
          cert: {inlineString: "-----BEGIN CERTIFICATE-----"}
          key: {inline: c2VjcmV0}
      - name: vault
        type: vault
        conf: {fromCp: {address: "https://vault:8200", auth: {token: {inlineString: secret-token}}}}
    tracing:
      defaultBackend: hosted
      backends:
      - name: hosted
        type: zipkin
        sampling: 50
        conf:
          url: https://me:secret@collector.example:443/api/v2/spans?api_key=secret-key&x=1#secret-fragment
          headers:
          - {name: x-api-key, value: secret-header}
          - {name: x-tenant, value: secret-tenant}
          - {name: x-other, value: {secret: other}}
          tls: {verify: system}
      - name: agent
        type: datadog
        conf: {address: agent, port: 8126, apiKey: 1234567}
    """

  static func read(_ text: String) throws -> Resource {
    try #require(try ResourceDocument.all(in: text).first).resource
  }

  @Test("Both forms of a mesh show no secret, and everything else")
  func mesh() throws {
    let mesh = try Self.read(Self.mesh)
    for form in ResourceDocument.Form.allCases {
      let shown = mesh.redacted.document(form).yaml(sortKeys: false)
      for secret in ["secret@", "secret-", "c2VjcmV0", "1234567", "me:s"] {
        #expect(!shown.contains(secret), "\(shown)")
      }
      for text in [
        "https://***@collector.example:443/api/v2/spans?api_key=***&x=1", "x-api-key", "secret: other", "agent", "8126",
        "-----BEGIN CERTIFICATE-----", "https://vault:8200", "enabledBackend", "sampling: 50",
      ] {
        #expect(shown.contains(text), "\(text)\n\(shown)")
      }
    }
    #expect(
      Redaction.maskedPaths(in: mesh.redacted.document()) == [
        "mtls.backends[0].conf.key.inline", "mtls.backends[1].conf.fromCp.auth.token.inlineString",
        "tracing.backends[0].conf.headers[0].value", "tracing.backends[0].conf.headers[1].value",
        "tracing.backends[0].conf.url", "tracing.backends[1].conf.apiKey",
      ])
    #expect(mesh.redacted.violations().isEmpty)
  }

  @Test("A mesh without secrets is shown as it is")
  func plain() throws {
    let text = """
      type: Mesh
      name: default
      tracing:
        backends:
        - {name: a, type: zipkin, conf: {url: "http://jaeger:9411/a@b?x=y", apiVersion: auto}}
        - {name: b, type: zipkin, conf: {url: "http://[::1]:9411/a:b@c"}}
      """
    let mesh = try Self.read(text)
    #expect(mesh.redacted == mesh)
    let (restored, isRestored, lost) = mesh.restored(from: nil)
    #expect(restored == mesh)
    #expect(!isRestored && lost.isEmpty)
  }

  @Test("What was read, changed elsewhere and written again has its secrets")
  func restored() throws {
    let stored = try Self.read(Self.mesh)
    var shown = stored.redacted
    #expect(shown.restored(from: stored).resource == stored)

    // Backends and headers in another order, another sampling, another path.
    var mesh = try #require(shown.content(Mesh.self))
    var hosted = try #require(mesh.tracing?.backends[0])
    hosted.sampling = 1
    hosted.conf?["url"] = "https://***@collector.example:443/other?api_key=***"
    let headers = try #require(hosted.conf?["headers"]?.array)
    hosted.conf?["headers"] = .array(headers.reversed())
    let agent = try #require(mesh.tracing?.backends[1])
    mesh.tracing?.backends = [agent, hosted]
    shown.spec = .mesh(mesh)
    let (restored, isRestored, lost) = shown.restored(from: stored)
    #expect(lost.isEmpty)
    #expect(isRestored)
    let conf = restored.content(Mesh.self)?.tracing?.backends[1].conf
    #expect(conf?["url"] == "https://me:secret@collector.example:443/other?api_key=secret-key")
    #expect(conf?["headers"]?.array?.map { $0["value"] } == [["secret": "other"], "secret-tenant", "secret-header"])
    #expect(restored.content(Mesh.self)?.tracing?.backends[0].conf?["apiKey"] == 1_234_567)
    #expect(restored.content(Mesh.self)?.otherSections == stored.content(Mesh.self)?.otherSections)
  }

  @Test("A mask is no value where nothing is stored")
  func nothingStored() throws {
    let stored = try Self.read(Self.mesh)
    let shown = stored.redacted
    let paths = Redaction.maskedPaths(in: shown.document())
    #expect(Set(shown.restored(from: nil).lost.map(\.field)) == Set(paths))
    // A new header, and one with another name.
    var mesh = try #require(shown.content(Mesh.self))
    mesh.tracing?.backends[0].conf?["headers"] = [
      ["name": "x-api-key", "value": "***"], ["name": "new", "value": "***"], ["name": "x-api-key", "value": "***"],
    ]
    let lost = Resource(name: "default", spec: .mesh(mesh)).restored(from: stored).lost
    #expect(
      lost.map(\.field) == ["tracing.backends[0].conf.headers[1].value", "tracing.backends[0].conf.headers[2].value"])
    #expect(lost.allSatisfy { $0.message.contains("none is stored") })
  }

  /// Who may write a mesh, but not read it, must not get at its secrets.
  @Test(
    "A stored secret is not sent to another address, and not with less protection",
    arguments: [
      ("url", #""https://***@attacker.example:443/""#), ("url", #""https://***@collector.example:444/""#),
      ("url", #""http://***@collector.example:443/""#), ("url", #""https://attacker.example:443/?api_key=***""#),
      ("url", #""https://attacker.example:443/""#), ("tls", #"{"verify": "none"}"#), ("tls", "null"),
      ("tls", #"{"verify": "system", "caCert": {"inlineString": "mine"}}"#),
      ("tls", #"{"verify": "system", "serverName": "attacker.example"}"#),
    ])
  func elsewhere(field: String, value: String) throws {
    let stored = try Self.read(Self.mesh)
    var mesh = try #require(stored.redacted.content(Mesh.self))
    mesh.tracing?.backends[0].conf?[field] = try DocumentValue(json: value.utf8)
    let (restored, _, lost) = Resource(name: "default", spec: .mesh(mesh)).restored(from: stored)
    #expect(!lost.isEmpty)
    #expect(
      lost.contains { $0.field.contains("headers[0].value") && $0.message.contains("another address") }, "\(lost)")
    _ = restored
  }

  @Test("A secret that is given anew may go elsewhere")
  func given() throws {
    let stored = try Self.read(Self.mesh)
    var mesh = try #require(stored.redacted.content(Mesh.self))
    mesh.tracing?.backends[0].conf = [
      "url": "https://you:new@other.example:443/", "headers": [["name": "x-api-key", "value": "new"]],
    ]
    let (restored, _, lost) = Resource(name: "default", spec: .mesh(mesh)).restored(from: stored)
    #expect(lost.isEmpty)
    #expect(restored.content(Mesh.self)?.tracing?.backends[0].conf == mesh.tracing?.backends[0].conf)
  }

  @Test(
    "URLs and keys in texts",
    arguments: [
      ("cannot reach http://user:pass@host:9411/x: timed out", "cannot reach http://***@host:9411/x: timed out"),
      (#"parse "https://u'ser:p@ss@host:1": no"#, #"parse "https://***@host:1": no"#),
      ("http://user:pa/ss@host:9411/x?a=b", "http://***@host:9411/x?a=b"),
      ("a http://h:1/?token=abc&x=1#f, b ftp://u@h", "a http://h:1/?token=***&x=1#***, b ftp://***@h"),
      ("https://h:9411/p#abc", "https://h:9411/p#***"), ("https://h#a?token=b", "https://h#***"),
      ("https://h/#", "https://h/#"),
      ("http://h:1/?Access-Token=a&API_KEY=b&key=", "http://h:1/?Access-Token=***&API_KEY=***&key="),
      ("mail me@host; see http://host/a@b", "mail me@host; see http://host/a@b"),
      ("://@", "://***@"), ("http://", "http://"), ("", ""),
      ("x \(key) y", "x *** y"), ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
      ("-----BEGIN PRIVATE KEY-----\nabc", "***"), ("abc\n-----END RSA PRIVATE KEY-----", "***"),
    ])
  func texts(text: String, masked: String) {
    #expect(Redaction.masked(text: text) == masked)
    #expect(Redaction.masked(text: masked) == masked)
  }

  @Test("The copy of a document in an annotation is masked too")
  func annotation() throws {
    let name = "kubectl.kubernetes.io/last-applied-configuration"
    let applied = try Self.read(Self.mesh).document(.kubernetes).json()
    let object: DocumentValue = ["metadata": ["annotations": [name: .string(applied), "other": "text"]]]
    let text = try #require(Redaction.masked(object)["metadata"]?["annotations"]?[name]?.string)
    #expect(!text.contains("secret-header") && text.contains("x-api-key"))
    #expect(Redaction.masked(["annotations": [name: "{damaged"]])["annotations"]?[name] == "***")
  }

  @Test("Secrets keep their identity only, and print as nothing")
  func secrets() {
    let bytes = Array("top secret".utf8)
    for secret in [Resource.secret(mesh: "default", name: "a", data: bytes), .globalSecret(name: "a", data: bytes)] {
      #expect(secret.redacted.key == secret.key)
      #expect(secret.redacted.secretData == [])
      var dumped = ""
      dump(secret, to: &dumped)
      for text in [
        dumped, "\(secret)", String(reflecting: secret), "\(secret.spec)", "\(secret.redacted.document().json())",
      ] {
        #expect(!text.contains("116") && !text.contains("dG9wIHNl"), "\(text)")
      }
    }
  }

  @Test("Hostile documents are masked within their size")
  func hostile() {
    for text in [String(repeating: "http://", count: 20_000), String(repeating: "-----BEGIN ", count: 20_000)] {
      #expect(!Redaction.masked(text: text).isEmpty)
      #expect(Redaction.masked(["a": .string(text)])["a"] != nil)
    }
    var deep: DocumentValue = "http://a:b@c"
    for _ in 0..<200 { deep = ["headers": [deep]] }
    #expect(Redaction.maskedPaths(in: Redaction.masked(deep)).count == 1)
  }
}
