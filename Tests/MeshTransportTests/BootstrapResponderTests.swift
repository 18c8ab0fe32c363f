import Certificates
import HTTPService
import HTTPTypes
import Logging
import MeshModel
import MeshXDS
import ProxyEvidence
import Testing

@testable import MeshTransport

/// What requests over HTTP/1.1 on the data plane server's port are answered, without a server.
@Suite("Requests on the data plane server's port")
struct BootstrapResponderTests {
  private static let known = Array(#"{"mesh":"default","name":"web"}"#.utf8)
  private static let dataplane = Dataplane(
    networking: .init(address: "127.0.0.1", inbound: [.init(port: 80, tags: ["kuma.io/service": "web"])]))

  private let certificate: ServerCertificate

  init() throws { certificate = try ServerCertificate.make(hosts: ["cp.example"]) }

  private func answer(
    _ method: HTTPRequest.Method, _ path: String, scheme: String = "https", body: [UInt8] = Self.known,
    isOwnCertificate: Bool = true, port: Int? = 5678
  ) async -> (status: Int, allow: String?, text: String) {
    let bootstrap = BootstrapResponder(
      resources: BootstrapEndpoint.Resources(
        dataplane: { mesh, name in mesh == "default" && name == "web" ? Self.dataplane : nil },
        meshExists: { $0 == "default" }),
      identity: { [certificate] in
        BootstrapResponder.Identity(
          names: certificate.names, authority: isOwnCertificate ? certificate.certificatePEM : "")
      }, logger: Logger(label: "test")
    ) { port }
    let responder = DataplaneRequests(
      bootstrap: bootstrap,
      evidence: EvidenceResponder(
        admission: EvidenceAdmission(
          resources: EvidenceAdmission.Resources(isConnected: { _, _ in false }, dataplane: { _, _ in nil }))
      ) { _ in .kept })
    let request = HTTPRequest(method: method, scheme: scheme, authority: "cp.example:5678", path: path)
    let answer = await responder.respond(to: request, body: body, from: .local)
    return (answer.status.code, answer.fields[.allow], String(decoding: answer.body, as: UTF8.self))
  }

  @Test("Other paths are not found, and other methods are not allowed")
  func routes() async {
    #expect(await answer(.get, "/").status == 404)
    #expect(await answer(.post, "/bootstrap/x").text.contains("POST /bootstrap"))
    for method in [HTTPRequest.Method.get, .head, .put, .delete] {
      let answer = await answer(method, "/bootstrap")
      #expect(answer.status == 405 && answer.allow == "POST", "\(method): \(answer)")
    }
  }

  @Test(
    "A body that is no request and a proxy that is not known are refused",
    arguments: [
      "{", "{}", #"{"mesh":"default","name":"other"}"#, #"{"mesh":"none","name":"web"}"#,
    ])
  func refusals(body: String) async {
    let answer = await answer(.post, "/bootstrap", body: Array(body.utf8))
    #expect((400..<500).contains(answer.status), "\(answer)")
  }

  @Test("A proxy is given a certificate to trust where the control plane has made it and the connection is secured")
  func certificates() async throws {
    let line = try #require(certificate.certificatePEM.split(separator: "\n").dropFirst().first)
    for (scheme, isOwn, isGiven) in [("https", true, true), ("https", false, false), ("http", true, false)] {
      let answer = await answer(.post, "/bootstrap", scheme: scheme, isOwnCertificate: isOwn)
      #expect(answer.text.contains(line) == isGiven, "\(scheme) \(isOwn): \(answer)")
      if answer.status == 200 { #expect(answer.text.contains("5678")) }
    }
  }

  @Test("A proxy may trust several certificates at once, as while the authority is changed, and the same one twice")
  func authorities() async throws {
    let other = try ServerCertificate.make(hosts: ["cp.example"]).certificatePEM
    func answer(_ pem: String) async -> (status: Int, allow: String?, text: String) {
      let request: DocumentValue = ["mesh": "default", "name": "web", "caCert": .string(pem)]
      return await self.answer(.post, "/bootstrap", body: Array(request.json().utf8))
    }
    let own = certificate.certificatePEM
    for bundle in [own, other + own, own + "\n# the old one\n" + other, own + own] {
      let answer = await answer(bundle)
      #expect(answer.status == 200, "\(answer)")
      for line in bundle.split(separator: "\n") { #expect(answer.text.contains(line), "\(line)") }
    }
    for text in ["nothing", own.replacing("MII", with: "%%%"), certificate.privateKeyPEM] {
      let answer = await answer(text)
      #expect(answer.status == 400 && answer.text.contains("caCert holds no certificate"), "\(answer)")
    }
  }
}
