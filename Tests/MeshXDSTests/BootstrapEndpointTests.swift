import Foundation
import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

@testable import MeshXDS

@Suite("Bootstrap requests")
struct BootstrapEndpointTests {
  private static let stored = Dataplane(
    networking: .init(
      address: "10.0.0.1", inbound: [.init(port: 80, tags: ["kuma.io/service": "stored"])], adminPort: 30_100))

  private static let inline = """
    type: Dataplane
    mesh: default
    name: web-1
    networking:
      address: 127.0.0.1
      inbound:
      - port: 8080
        servicePort: 9090
        tags: {kuma.io/service: web, kuma.io/protocol: http}
      - port: 8081
        servicePort: 9091
        tags: {kuma.io/service: api, kuma.io/protocol: http}
      outbound:
      - port: 10001
        tags: {kuma.io/service: db}
    """

  private static let settings = BootstrapSettings(
    discoveryPort: 5678, trustedCA: testAuthority, certificateNames: ["localhost", "127.0.0.1", "::1"],
    inspectAuthority: { pem in
      pem.contains("no authority") ? .notAnAuthority : pem.contains("BEGIN") ? .usable : .unreadable
    })

  private func respond(
    _ fields: DocumentValue, host: String = "localhost:5678", isTLS: Bool = true, accept: String = "",
    settings: BootstrapSettings = settings, tokens: ProofTable? = nil
  ) async -> BootstrapEndpoint.Response {
    await respond(
      body: Array(fields.json().utf8), host: host, isTLS: isTLS, accept: accept, settings: settings, tokens: tokens)
  }

  private func respond(
    body: [UInt8], host: String = "localhost:5678", isTLS: Bool = true, accept: String = "",
    settings: BootstrapSettings = settings, tokens: ProofTable? = nil
  ) async -> BootstrapEndpoint.Response {
    struct StoreFailure: Error {}
    let resources = BootstrapEndpoint.Resources(
      dataplane: { mesh, name in
        if mesh == "broken" { throw StoreFailure() }
        return mesh == "default" && name == "stored-1" ? Self.stored : nil
      },
      meshExists: { $0 == "default" })
    return await BootstrapEndpoint(
      settings: settings, resources: resources, authenticator: tokens
    ).respond(
      to: .init(host: host, isTLS: isTLS, accept: accept, body: body))
  }

  private func bootstrap(_ response: BootstrapEndpoint.Response) throws -> DocumentValue {
    #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    return try #require(try DocumentValue.yamlDocuments(String(decoding: response.body, as: UTF8.self)).first)
  }

  @Test("are answered in YAML with the version in a header")
  func yaml() async throws {
    let response = await respond([
      "mesh": "default", "name": "web-1", "adminPort": 30_001, "dataplaneResource": .string(Self.inline),
      "version": ["kumaDp": ["version": "2.7.0"], "envoy": ["version": "1.40.0", "kumaDpCompatible": true]],
      "dynamicMetadata": .null, "unknownField": [1, 2],
    ])
    #expect(response.headers == ["content-type": "text/x-yaml", "kuma-bootstrap-version": "3"])
    let bootstrap = try bootstrap(response)
    #expect(bootstrap["node"]?["id"] == "default.web-1")
    #expect(bootstrap["node"]?["cluster"] == "api")
    #expect(bootstrap["node"]?["metadata"]?["dataplane.admin.port"] == "30001")
    #expect(bootstrap["node"]?["metadata"]?["dataplane.resource"] == .string(Self.inline))
    #expect(bootstrap["admin"]?["address"]?["socketAddress"]?["portValue"] == 30_001)
    let cluster = bootstrap["staticResources"]?["clusters"]?.array?.first
    let tls = cluster?["transportSocket"]?["typedConfig"]
    #expect(tls?["sni"] == "localhost")
    #expect(tls?["commonTlsContext"]?["validationContext"]?["trustedCa"]?["inlineString"] == .string(testAuthority))
  }

  @Test("have Envoy send its statistics where a setting says so, unless kuma-dp tells them")
  func metrics() async throws {
    var settings = Self.settings
    let request: DocumentValue = ["mesh": "default", "name": "stored-1", "dataplaneToken": "a.b.c"]
    #expect(try bootstrap(await respond(request, settings: settings))["statsSinks"] == nil)
    settings.metricsInterval = .milliseconds(1_500)
    let foreign = try bootstrap(await respond(request, settings: settings))
    #expect(foreign["statsFlushInterval"] == "1s")
    let service = foreign["statsSinks"]?.array?.first?["typedConfig"]?["grpcService"]
    #expect(service?["envoyGrpc"]?["clusterName"] == "ads_cluster")
    #expect(service?["initialMetadata"]?.array?.first?["value"] == "a.b.c")
    let own = try bootstrap(
      await respond(
        ["mesh": "default", "name": "stored-1", "features": [.string(ProxyMetadata.evidence)]], settings: settings))
    #expect(own["statsSinks"] == nil && own["statsFlushInterval"] == nil)
  }

  @Test("are answered in JSON when that is accepted")
  func json() async throws {
    let response = await respond(
      ["mesh": "default", "name": "stored-1"], accept: "application/json")
    #expect(response.status == 200)
    #expect(response.headers["content-type"] == "application/json")
    let answer = try DocumentValue(json: response.body)
    let text = try #require(answer["bootstrap"]?.string.flatMap { Data(base64Encoded: $0) })
    let bootstrap = try #require(try DocumentValue.yamlDocuments(String(decoding: text, as: UTF8.self)).first)
    #expect(bootstrap["node"]?["cluster"] == "stored")
    #expect(answer["kumaSidecarConfiguration"]?["networking"]?["isUsingTransparentProxy"] == false)
    #expect(answer["kumaSidecarConfiguration"]?["metrics"]?["aggregate"] == [])
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var fields: DocumentValue
    var host = "localhost:5678"
    var status: Int
    /// How the body begins; the whole body where it is empty.
    var text: String
  }

  static let refusals: [Refusal] = [
    Refusal(testDescription: "unknown proxy", fields: ["mesh": "default", "name": "web-1"], status: 404, text: ""),
    Refusal(
      testDescription: "no mesh", fields: ["name": "web-1"], status: 400, text: "mesh: cannot be empty"),
    Refusal(
      testDescription: "number for a name", fields: ["mesh": "default", "name": 7], status: 400,
      text: "the bootstrap request cannot be read: name has to be text, not number"),
    Refusal(
      testDescription: "admin port out of range", fields: ["mesh": "default", "name": "w", "adminPort": 70_000],
      status: 400, text: "the bootstrap request cannot be read: adminPort has to be a port"),
    Refusal(testDescription: "no object", fields: [], status: 400, text: "the bootstrap request cannot be read"),
    Refusal(
      testDescription: "other bootstrap version",
      fields: ["mesh": "default", "name": "stored-1", "bootstrapVersion": "2"], status: 400,
      text: "bootstrap version \"2\" is not supported"),
    Refusal(
      testDescription: "ingress", fields: ["mesh": "default", "name": "stored-1", "proxyType": "ingress"], status: 400,
      text: "proxyType \"ingress\" is not supported"),
    Refusal(
      testDescription: "host not in the certificate", fields: ["mesh": "default", "name": "stored-1"],
      host: "cp.example:5678", status: 400,
      text: "A data plane proxy is trying to connect to the control plane using \"cp.example\" address, but the "
        + "certificate in the control plane has the following SANs [\"127.0.0.1\" \"::1\" \"localhost\"]"),
    Refusal(
      testDescription: "bad host", fields: ["mesh": "default", "name": "stored-1"], host: "a:b:c", status: 400,
      text: "the request's Host \"a:b:c\" names no host"),
    Refusal(
      testDescription: "authority that is none",
      fields: ["mesh": "default", "name": "stored-1", "caCert": "BEGIN no authority"], status: 400,
      text: "the certificate in --ca-cert-file"),
    Refusal(
      testDescription: "authority that is no certificate",
      fields: ["mesh": "default", "name": "stored-1", "caCert": "x"], status: 400, text: "caCert holds no certificate"),
    Refusal(
      testDescription: "invalid Dataplane",
      fields: [
        "mesh": "default", "name": "web-1",
        "dataplaneResource": "{type: Dataplane, mesh: default, name: web-1, networking: {address: 127.0.0.1}}",
      ], status: 422,
      text: "networking: has to contain at least one inbound interface or gateway"),
    Refusal(
      testDescription: "Dataplane in an unknown mesh",
      fields: [
        "mesh": "default", "name": "web-1",
        "dataplaneResource": .string(inline.replacingOccurrences(of: "mesh: default", with: "mesh: other")),
      ], status: 422, text: "mesh: mesh \"other\" does not exist"),
    Refusal(
      testDescription: "outbounds with transparent proxying",
      fields: [
        "mesh": "default", "name": "web-1",
        "dataplaneResource": .string(inline + "\n  transparentProxying: {redirectPortInbound: 15006}"),
      ], status: 422, text: "outbound: should be empty since dataplane is in Transparent Proxying mode"),
    Refusal(
      testDescription: "another type of resource",
      fields: ["mesh": "default", "name": "web-1", "dataplaneResource": "{type: Mesh, name: default}"], status: 422,
      text: "dataplaneResource has to hold one Dataplane"),
    Refusal(
      testDescription: "broken YAML",
      fields: ["mesh": "default", "name": "web-1", "dataplaneResource": "{type: Dataplane"], status: 422,
      text: "dataplaneResource cannot be read: line 2, column 1: "),
    Refusal(
      testDescription: "admin port of an inbound",
      fields: ["mesh": "default", "name": "web-1", "adminPort": 8080, "dataplaneResource": .string(inline)],
      status: 422, text: "Resource precondition failed: Port 8080 requested as both admin and inbound port."),
    Refusal(
      testDescription: "admin port of the application",
      fields: ["mesh": "default", "name": "web-1", "adminPort": 9091, "dataplaneResource": .string(inline)],
      status: 422, text: "Resource precondition failed: Port 9091 requested as both admin and inbound port."),
    Refusal(
      testDescription: "admin port of an outbound",
      fields: ["mesh": "default", "name": "web-1", "adminPort": 10_001, "dataplaneResource": .string(inline)],
      status: 422, text: "Resource precondition failed: Port 10001 requested as both admin and outbound port."),
    Refusal(
      testDescription: "store that fails", fields: ["mesh": "broken", "name": "web-1"], status: 500,
      text: "the control plane's store does not answer"),
  ]

  @Test("are refused with a status and a sentence", arguments: refusals)
  func refused(_ refusal: Refusal) async {
    let response = await respond(refusal.fields, host: refusal.host)
    #expect(response.status == refusal.status)
    let text = String(decoding: response.body, as: UTF8.self)
    #expect(refusal.text.isEmpty ? text.isEmpty : text.hasPrefix(refusal.text), "\(text)")
    #expect(response.headers == (text.isEmpty ? [:] : ["content-type": "text/plain"]))
  }

  @Test("that are no JSON, or nested without end, are refused", arguments: ["", "{", "nonsense", "\u{0}"])
  func unreadable(_ body: String) async {
    #expect(await respond(body: Array(body.utf8)).status == 400)
    #expect(await respond(body: Array(repeating: UInt8(ascii: "["), count: 1_000_000)).status == 400)
  }

  @Test("are refused to who does not prove which proxy it is, and the answer does not say why")
  func token() async throws {
    let web = ProxyAuthority { dataplane in
      dataplane.content(Dataplane.self)?.identifyingService == "web" ? nil : "another service"
    }
    let tokens = ProofTable(["t": .unlimited, "web": web], tokenRequired: "Dataplane Token is required.")
    func refusal(_ fields: DocumentValue.Object) async -> (status: Int, text: String, reason: String?) {
      let response = await respond(.object(fields), tokens: tokens)
      return (response.status, String(decoding: response.body, as: UTF8.self), response.refusalReason)
    }
    let stored: DocumentValue.Object = ["mesh": "default", "name": "stored-1"]
    #expect(await refusal(stored).status == 422)
    #expect(await refusal(stored).text == "Dataplane Token is required.")
    // A file on the machine of the proxy proves nothing here.
    #expect(await refusal(stored.merging(["dataplaneTokenPath": "/token"]) { $1 }).status == 422)
    // Whether there is a Dataplane is not said to strangers.
    for name in ["stored-1", "missing"] {
      let unknown = await refusal(["mesh": "default", "name": .string(name), "dataplaneToken": "x"])
      #expect(
        unknown.status == 401 && !unknown.text.contains("table") && unknown.text.contains("authentication failed"))
      #expect(unknown.reason == "proxy default.\(name): authentication failed: the token is not in the table")
    }
    let foreign = await refusal(stored.merging(["dataplaneToken": "web"]) { $1 })
    #expect(foreign.status == 401 && foreign.reason?.contains("another service") == true)
    #expect(!foreign.text.contains("another service"))
    let brought = await refusal([
      "mesh": "default", "name": "web-1", "dataplaneToken": "web", "dataplaneResource": .string(Self.inline),
    ])
    #expect(brought.status == 401 && brought.reason?.contains("another service") == true)
    // What it brings is its own, what is stored is not.
    let own = Self.inline.replacing("api", with: "web").replacing("web-1", with: "stored-1")
    let replacing = await refusal(
      stored.merging(["dataplaneToken": "web", "dataplaneResource": .string(own)]) { $1 })
    #expect(replacing.status == 403 && replacing.reason?.contains("another service") == true, "\(replacing)")
    #expect(replacing.text == "you are trying to override existing proxy to which you don't have an access.")

    let accepted = try bootstrap(
      await respond(["mesh": "default", "name": "stored-1", "dataplaneToken": "t"], tokens: tokens))
    let service = accepted["dynamicResources"]?["adsConfig"]?["grpcServices"]?.array?.first
    #expect(service?["initialMetadata"] == [["key": "authorization", "value": "t"]])
  }

  @Test("over plaintext give plaintext discovery, whatever the certificate's names are")
  func plaintext() async throws {
    let bootstrap = try bootstrap(
      await respond(["mesh": "default", "name": "stored-1"], host: "cp.example", isTLS: false))
    let cluster = try #require(bootstrap["staticResources"]?["clusters"]?.array?.first)
    #expect(cluster["transportSocket"] == nil)
    #expect(cluster["type"] == "STRICT_DNS")
    #expect(cluster["dnsLookupFamily"] == "ALL")
  }

  @Test(
    "take the administration port from the Dataplane, then the request, then the settings",
    arguments: [
      ("stored-1", nil, 9901, 30_100), ("stored-1", 7, 9901, 30_100), ("web-1", 30_001, 9901, 30_001),
      ("web-1", nil, 9901, 9901), ("web-1", 0, 9901, nil), ("web-1", nil, 0, nil),
    ] as [(String, Int64?, UInt32, Int64?)])
  func adminPort(_ name: String, _ asked: Int64?, _ preset: UInt32, _ expected: Int64?) async throws {
    var settings = Self.settings
    settings.defaultAdminPort = preset
    let resource: DocumentValue = name == "web-1" ? .string(Self.inline) : .null
    let bootstrap = try bootstrap(
      await respond(
        [
          "mesh": "default", "name": .string(name), "dataplaneResource": resource,
          "adminPort": asked.map { .integer($0) } ?? .null,
        ], settings: settings))
    #expect(bootstrap["admin"]?["address"]?["socketAddress"]?["portValue"] == expected.map { .integer($0) })
    #expect(bootstrap["node"]?["metadata"]?["dataplane.admin.port"]?.string == expected.map { String($0) })
  }

  @Test(
    "name the control plane by the host they were sent to",
    arguments: [
      ("localhost", "localhost"), ("localhost:5678", "localhost"), ("127.0.0.1:1", "127.0.0.1"),
      ("[::1]:5678", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("", nil), ("a b", nil), ("host:99999", nil),
      ("[x]:1", nil), ("[::1]x", nil), (":80", nil), ("a:b:c", nil),
    ] as [(String, String?)])
  func host(_ header: String, _ expected: String?) {
    #expect(HostAndPort(header)?.host == expected)
  }

  @Test("are refused when the store cannot hold such a name, with and without a Dataplane")
  func nameInCluster() async {
    let resources = BootstrapEndpoint.Resources(
      dataplane: { _, _ in nil }, meshExists: { _ in true },
      refusalOfName: { ResourceType.dataplane.refusal(ofNameInCluster: $0) })
    let endpoint = BootstrapEndpoint(settings: Self.settings, resources: resources)
    for (name, document, status) in [
      ("web-1", Self.inline, 422), ("web-1", "", 422), ("web.", "", 422), ("web-1.shop", "", 404),
    ] {
      let request: DocumentValue = [
        "mesh": "default", "name": .string(name), "dataplaneResource": .string(document),
      ]
      let response = await endpoint.respond(
        to: .init(host: "localhost:5678", isTLS: true, body: Array(request.json().utf8)))
      #expect(response.status == status, "\(name)")
      let text = String(decoding: response.body, as: UTF8.self)
      #expect(text.contains("must include namespace after the dot, ex. \"name.namespace\"") == (status == 422))
    }
  }

  @Test("are refused when the Dataplane says another name or mesh, or its name breaks the API's rules")
  func identity() async {
    let long = String(repeating: "x", count: 5_000)
    let bare = Self.inline.split(separator: "\n").filter { !$0.hasPrefix("mesh:") && !$0.hasPrefix("name:") }
      .joined(separator: "\n")
    for (name, document, message) in [
      ("web-2", Self.inline, "name: name from the request has to be the same as in body"),
      (long, bare, "name: value length must less or equal 253"),
      ("a/b", bare, "name: invalid characters."), ("a\nb", bare, "name: invalid characters."),
    ] {
      let response = await respond(["mesh": "default", "name": .string(name), "dataplaneResource": .string(document)])
      let text = String(decoding: response.body, as: UTF8.self)
      #expect(response.status == 422 && text.contains(message) && text == text.printable && text.utf8.count < 2_500)
    }
    let accepted = await respond(["mesh": "default", "name": "web-2", "dataplaneResource": .string(bare)])
    #expect(accepted.status == 200)
  }
}
