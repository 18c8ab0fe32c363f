import Foundation
import MeshModel
import MeshTestSupport
import MeshXDS
import OrderedCollections
import Testing

@testable import MeshClient
@testable import kuma_dp

@Suite("Bootstrap", .timeLimit(.minutes(15)))
struct BootstrapTests {
  @Test("is requested with everything that the control plane reads")
  func request() throws {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2ln"
    let folder = try TemporaryFolder()
    let file = try folder.write(token, to: "token")
    let authority = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
    let configuration = try BootstrapFixture.configuration(
      ["dataplaneRuntime.resource": TestControlPlane.definition, "dataplaneRuntime.tokenPath": file],
      environment: ["KUMA_CONTROL_PLANE_CA_CERT": authority])
    let document = configuration.bootstrapRequest(envoy: try #require(BootstrapFixture.envoy), adminPort: 9902)
    let read = try MeshXDS.BootstrapRequest(json: document.json().utf8)
    #expect(read.mesh == "default")
    #expect(read.name == "web-1")
    #expect(read.proxyType == "dataplane")
    #expect(read.adminPort == 9902)
    #expect(read.dataplaneToken == token)
    #expect(read.dataplaneTokenPath == file)
    #expect(read.caCert == authority)
    #expect(read.version.kumaDp == ProductVersion.current)
    #expect(read.version.buildDate == BuildRecord.date)
    #expect(read.version.envoy == "1.40.0")
    #expect(read.version.envoyBuild == "abc/1.40.0/Clean/RELEASE/BoringSSL")
    #expect(read.version.isCompatible == true)
    #expect(read.dynamicMetadata == [ProxyMetadata.drainTime: "30s"])
    let resource = try #require(try ResourceDocument.all(in: read.dataplaneResource).first?.resource)
    #expect(resource == configuration.definition?.resource)
  }

  @Test("is requested with what is known")
  func smallRequest() throws {
    let document = try BootstrapFixture.configuration(["dataplane.name": "web-1", "dataplane.mesh": "shop"])
      .bootstrapRequest(envoy: try #require(BootstrapFixture.envoy), adminPort: nil)
    for key in ["adminPort", "dataplaneResource", "dataplaneToken", "dataplaneTokenPath", "caCert"] {
      #expect(document[key] == nil, "\(key)")
    }
    #expect(document["mesh"] == "shop")
    #expect(document["name"] == "web-1")
  }

  @Test("is parsed as YAML, as JSON, and in the form of newer control planes")
  func answers() throws {
    func read(_ text: String) -> Bootstrap? { Bootstrap(answer: Array(text.utf8)) }
    let camel = "node: {id: a.b}\nadmin: {address: {socketAddress: {address: 127.0.0.1, portValue: 9901}}}\n"
    #expect(read(camel)?.text == camel)
    #expect(read(camel)?.adminPort == 9901)
    let snake = "node: {id: a.b}\nadmin: {address: {socket_address: {address: 127.0.0.1, port_value: 9902}}}\n"
    #expect(read(snake)?.adminPort == 9902)
    #expect(read(#"{"node":{"id":"a.b"}}"#)?.adminPort == nil)
    #expect(
      read("node: {id: a.b}\nadmin: {address: {socketAddress: {address: 10.0.0.1, portValue: 1}}}")?.adminPort == nil)
    // "node: {id: a.b}\n" in Base64.
    #expect(read(#"{"bootstrap":"bm9kZToge2lkOiBhLmJ9Cg==","x":1}"#)?.text == "node: {id: a.b}\n")
    for text in ["", "<html></html>", "a: b", "[1]", #"{"bootstrap":"%%"}"#, #"{"bootstrap":""}"#, "node: 3", "\0"] {
      #expect(read(text) == nil, "\(text)")
    }
  }

  private static let address = "http://cp:5678"

  @Test(
    "is retried or not depending on the status and text of the answer",
    arguments: [
      (503, "", BootstrapVerdict.later("it answered with status 503")),
      (429, "You send more", .later("it answered with status 429: You send more")),
      (500, "no\nstore\u{1b}", .later("it answered with status 500: no store")),
      (
        404, "",
        .noDataplane(
          "it has no Dataplane \"web\" in the mesh \"shop\"; create it with `kumactl apply`, or with `kubectl apply` "
            + "on Kubernetes, or give its definition with --dataplane-file")
      ),
      (
        404, "404: Page Not Found",
        .never(
          "there is no http://cp:5678/bootstrap; --cp-address has to name the port of the data plane server (5678 by "
            + "default), not that of the HTTP API (404: Page Not Found)")
      ),
      (422, "token is required", .never("the control plane at http://cp:5678 refuses the proxy: token is required")),
      (400, "", .never("the control plane at http://cp:5678 refuses the proxy: status 400")),
      (
        302, "",
        .never(
          "http://cp:5678/bootstrap was answered with status 302; --cp-address has to name the port of the data plane "
            + "server (5678 by default), not that of the HTTP API")
      ),
      (
        200, "hello",
        .never(
          "http://cp:5678/bootstrap answered with something other than an Envoy configuration; --cp-address has to name the port "
            + "of the data plane server (5678 by default), not that of the HTTP API")
      ),
    ])
  func verdicts(status: Int, body: String, expected: BootstrapVerdict) throws {
    let verdict = BootstrapVerdict(
      status: status, body: Array(body.utf8), from: try ControlPlaneAddress(Self.address), proxy: ("shop", "web"))
    #expect(verdict == expected)
  }
}
