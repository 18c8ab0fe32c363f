import Foundation
import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

@testable import MeshXDS

@Suite("Bootstraps of pods")
struct PodBootstrapTests {
  private static let file = "/var/run/secrets/kubernetes.io/serviceaccount/token"

  private static let settings = BootstrapSettings(
    discoveryPort: 5678, certificateNames: ["kuma-control-plane.kuma-system"], reloadsTokens: true)

  /// A token opens the proxy of its pod, which brings no Dataplane along.
  private static let tokens: ProofTable = {
    var authority = ProxyAuthority.unlimited
    authority.bringsDataplane = false
    return ProofTable(["a.b.c": authority], tokenRequired: "A pod has a token.")
  }()

  private static let stored: Dataplane? = Resource.dataplane(
    """
    type: Dataplane
    mesh: default
    name: web-7d4f9-abc.shop
    networking:
      address: 10.244.1.2
      admin: {port: 9902}
      inbound: [{port: 8080, tags: {kuma.io/service: web_shop_svc_80, kuma.io/protocol: http}}]
      transparentProxying: {redirectPortInbound: 15006, redirectPortOutbound: 15001}
    """)

  /// The request of Kuma's kuma-dp in an injected container. Source of the fields: Kuma 2.7.
  private static let request: DocumentValue.Object = [
    "mesh": "default", "name": "web-7d4f9-abc.shop", "proxyType": "dataplane", "dataplaneToken": "a.b.c",
    "dataplaneTokenPath": .string(file), "caCert": .string(testAuthority), "dynamicMetadata": [:], "dnsPort": 15_055,
    "emptyDnsPort": 15_054, "readinessPort": 9902, "operatingSystem": "linux",
    "features": ["feature-tcp-accesslog-via-named-pipe"], "resources": ["maxHeapSizeBytes": 536_870_912],
    "workdir": "/tmp/kuma-dp-1", "accessLogSocketPath": "/tmp/kuma-dp-1/kuma-al-web.sock",
    "metricsResources": ["socketPath": "/tmp/kuma-dp-1/kuma-mh-web.sock", "certPath": "", "keyPath": ""],
    "ipv6Enabled": false,
    "version": [
      "kumaDp": ["version": "2.7.5", "gitTag": "v2.7.5", "gitCommit": "abc", "buildDate": "2026-01-01T00:00:00Z"],
      "envoy": ["version": "1.28.7", "build": "abc/1.28.7/Clean/RELEASE/BoringSSL", "kumaDpCompatible": true],
    ],
  ]

  private func respond(_ request: DocumentValue.Object) async -> BootstrapEndpoint.Response {
    let resources = BootstrapEndpoint.Resources(
      dataplane: { mesh, name in mesh == "default" && name == "web-7d4f9-abc.shop" ? Self.stored : nil },
      meshExists: { $0 == "default" })
    return await BootstrapEndpoint(
      settings: Self.settings, resources: resources, authenticator: Self.tokens
    ).respond(
      to: .init(
        host: "kuma-control-plane.kuma-system:5678", isTLS: true, accept: "application/json",
        body: Array(DocumentValue.object(request).json().utf8)))
  }

  private func bootstrap(_ response: BootstrapEndpoint.Response) throws -> (text: String, document: DocumentValue) {
    let answer = try DocumentValue(json: response.body)
    let text = try #require(answer["bootstrap"]?.string.flatMap { Data(base64Encoded: $0) })
    let yaml = String(decoding: text, as: UTF8.self)
    return (yaml, try #require(try DocumentValue.yamlDocuments(yaml).first))
  }

  @Test("are given to Kuma's kuma-dp, whose Envoy shows the token that it was started with")
  func kuma() async throws {
    let response = await respond(Self.request)
    #expect(response.status == 200 && response.headers["kuma-bootstrap-version"] == "3")
    let answer = try DocumentValue(json: response.body)
    let networking = answer["kumaSidecarConfiguration"]?["networking"]
    #expect(networking?["isUsingTransparentProxy"] == true && networking?["address"] == "10.244.1.2")
    let (_, document) = try bootstrap(response)
    #expect(document["node"]?["id"] == "default.web-7d4f9-abc.shop")
    #expect(document["admin"]?["address"]?["socketAddress"]?["portValue"] == 9902)
    let service = document["dynamicResources"]?["adsConfig"]?["grpcServices"]?.array?.first
    #expect(service?["initialMetadata"] == [["key": "authorization", "value": "a.b.c"]])
  }

  @Test("are refused to a proxy that describes itself")
  func broughtDataplane() async throws {
    var request = Self.request
    request["dataplaneResource"] = .string("type: Dataplane")
    let response = await respond(request)
    #expect(response.status == 403)
    #expect(String(decoding: response.body, as: UTF8.self).contains("the proxy brings a Dataplane along"))
  }

  @Test("have an Envoy that can do it read the token from its file, and hold none themselves")
  func reloaded() async throws {
    var request = Self.request
    request["version"] = ["envoy": ["version": "1.40.0"]]
    let (text, document) = try bootstrap(await respond(request))
    #expect(!text.contains("a.b.c"))
    let cluster = document["staticResources"]?["clusters"]?.array?.first
    let options = cluster?["typedExtensionProtocolOptions"]?[
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
    let filters = try #require(options?["httpFilters"]?.array)
    #expect(filters.compactMap { $0["name"]?.string }.last == "envoy.filters.http.upstream_codec")
    let mutation = filters.first?["typedConfig"]?["mutations"]?["requestMutations"]?.array?.first?["append"]
    #expect(
      mutation?["header"] == [
        "key": "authorization",
        "value": .string("%FILE_CONTENT(\(Self.file):/var/run/secrets/kubernetes.io/serviceaccount)%"),
      ])
  }

  @Test("are accepted by the real Envoy", .enabled(if: RealEnvoy.path != nil))
  func accepted() async throws {
    var request = Self.request
    request["version"] = ["envoy": ["version": "1.40.0"]]
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "token")
    try "a.b.c".write(to: file, atomically: true, encoding: .utf8)
    request["dataplaneTokenPath"] = .string(file.path(percentEncoded: false))
    let (text, _) = try bootstrap(await respond(request))
    #expect(try await RealEnvoy.complaint(about: text, fileExtension: "yaml") == nil)
  }

  @Test(
    "hold the token where Envoy cannot read the file",
    arguments: [
      ("1.39.9", file), ("1.28", file), ("", file), ("1", file), ("one.forty", file), ("1.40.0", ""),
      ("1.40.0", "token"), ("1.40.0", "/token"), ("1.40.0", "/a:b/token"), ("1.40.0", "/a/%token"),
      ("1.40.0", "/a/token)"), ("1.40.0", "/a/töken"),
    ])
  func kept(version: String, path: String) async throws {
    var request = Self.request
    request["version"] = ["envoy": ["version": .string(version)]]
    request["dataplaneTokenPath"] = .string(path)
    let (text, document) = try bootstrap(await respond(request))
    #expect(text.split(separator: "a.b.c", omittingEmptySubsequences: false).count == 2, "it is there once")
    #expect(!text.contains("FILE_CONTENT"))
    // The header of the stream has it; what the node says of itself does not.
    #expect(document["node"]?["id"] != nil && document["node"]?.json().contains("a.b.c") == false)
  }

  @Test("are not given without a token, whatever file is named, and not for a wrong one")
  func noToken() async throws {
    var request = Self.request
    request["dataplaneToken"] = nil
    let response = await respond(request)
    #expect(response.status == 422 && String(decoding: response.body, as: UTF8.self) == "A pod has a token.")
    request["dataplaneToken"] = "x.y.z"
    let wrong = await respond(request)
    #expect(wrong.status == 401 && wrong.refusalReason?.contains("is not in the table") == true)
    #expect(!String(decoding: wrong.body, as: UTF8.self).contains("table"))
  }
}

extension Resource {
  /// The Dataplane in a document; `nil` if there is none.
  fileprivate static func dataplane(_ text: String) -> Dataplane? {
    (try? ResourceDocument.all(in: text))?.first?.resource.content()
  }
}
