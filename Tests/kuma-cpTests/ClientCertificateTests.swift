import AsyncHTTPClient
import Certificates
import Foundation
import MeshClient
import MeshModel
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import kuma_cp

/// Clients that show a certificate to the API over HTTPS.
@Suite("Client certificates of the API", .timeLimit(.minutes(15)))
struct ClientCertificateTests {
  private let folder: TemporaryFolder
  /// The directory with the certificate of an authority.
  private let authorities: String
  /// Files with a client's certificate and key, of that authority and of another one.
  private let client: (certificateFile: String, keyFile: String)
  private let stranger: (certificateFile: String, keyFile: String)

  init() throws {
    let folder = try TemporaryFolder()
    func issue(_ name: String, of authority: CertificateAuthority) throws -> (certificateFile: String, keyFile: String)
    {
      let pair = try authority.issueClient(name: name, lifetime: 3600)
      return (
        try folder.write(pair.certificatePEM, to: "\(name).crt"),
        try folder.write(pair.privateKeyPEM, to: "\(name).key")
      )
    }
    let authority = try CertificateAuthority.make(commonName: "people", lifetime: 3600)
    try folder.write(authority.certificatePEM, to: "authorities/people.pem")
    authorities = folder.file("authorities")
    client = try issue("mia", of: authority)
    stranger = try issue("eve", of: .make(commonName: "others", lifetime: 3600))
    self.folder = folder
  }

  /// Who the API takes a client for; nil if it gets no answer.
  private func name(
    at server: RunningPipeline, _ certificate: (certificateFile: String, keyFile: String)?, token: String? = nil
  ) async throws -> String? {
    let address = try ControlPlaneAddress("https://localhost:\(try #require(server.securePort))")
    let headers = token.map { [(name: "authorization", value: "Bearer \($0)")] } ?? []
    let client = ControlPlaneClient(
      address: address,
      settings: .init(headers: headers, timeout: .seconds(30), clientCertificate: certificate, skipVerify: true))
    guard let answer = try? await client.exchange(.get, "/who-am-i"), answer.status == 200 else { return nil }
    return try DocumentValue(json: answer.body)["name"]?.string
  }

  @Test("of the directory make administrators, beside tokens; others do not get in")
  func directory() async throws {
    try await RunningPipeline.with(settings: ["apiServer.auth.clientCertsDir": authorities]) { server in
      #expect(try await name(at: server, client) == "mesh-system:admin")
      #expect(try await name(at: server, nil) == "mesh-system:anonymous")
      #expect(try await name(at: server, stranger) == nil)
      let token = try await eventually("the token of the administrator") { server.administratorToken }
      #expect(try await name(at: server, nil, token: token) == "mesh-system:admin")
    }
  }

  @Test(
    "that an authority of tlsCaFile has signed let a connection in and say no more, unless certificates are the only proof"
  )
  func authorityFile() async throws {
    let file = "\(authorities)/people.pem"
    try await RunningPipeline.with(settings: ["apiServer.https.tlsCaFile": file]) { server in
      let found = try await name(at: server, client)
      #expect(found == "mesh-system:anonymous")
    }
    let settings = ["apiServer.https.tlsCaFile": file, "apiServer.authn.type": "adminClientCerts"]
    try await RunningPipeline.with(settings: settings) { server in
      #expect(try await name(at: server, client) == "mesh-system:admin")
      #expect(try await name(at: server, nil) == "mesh-system:anonymous")
      let token = try await eventually("the token of the administrator") { server.administratorToken }
      #expect(try await name(at: server, nil, token: token) == nil)
    }
  }

  @Test("and of the server: who refuses which is logged with the address of the client, in plain words")
  func log() async throws {
    let log = LogRecorder()
    try await RunningPipeline.with(settings: ["apiServer.auth.clientCertsDir": authorities], log: log) { server in
      let careful = ControlPlaneClient(
        address: try ControlPlaneAddress("https://localhost:\(try #require(server.securePort))"),
        settings: .init(timeout: .seconds(30)))
      await #expect(throws: (any Error).self) { try await careful.exchange(.get, "/who-am-i") }
      #expect(try await name(at: server, stranger) == nil)
      let expected = [
        (
          "a client refused the server",
          "the client does not accept the certificate of the server: it does not trust "
        ),
        (
          "the server refused access",
          "the certificate of the client is not accepted: no trusted authority has signed it for clients, or it is not "
            + "valid at this time"
        ),
      ]
      for (message, reason) in expected {
        let line = try await eventually("a line: \(message)") {
          log.lines.first { $0.message == message && $0.metadata["operation"] == "TLS" }
        }
        #expect(line.metadata["reason"]?.hasPrefix(reason) == true, "\(line.metadata)")
        #expect(line.metadata["reason"]?.contains("OPENSSL") == false)
        #expect(line.metadata["remote"].map { ["127.0.0.1", "::1"].contains($0) } == true)
        #expect(line.metadata["server"] == Pipeline.Server.secureAPI)
      }
    }
  }

  @Test("that are taken away do not count any more, on open connections neither")
  func takenAway() async throws {
    var configuration = HTTPClient.Configuration()
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    tls.certificateChain = try NIOSSLCertificate.fromPEMFile(client.certificateFile).map { .certificate($0) }
    tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: client.keyFile, format: .pem))
    configuration.tlsConfiguration = tls
    let people = HTTPClient(configuration: configuration)
    do {
      try await RunningPipeline.with(settings: ["apiServer.auth.clientCertsDir": authorities]) { server in
        let request = HTTPClientRequest(url: "https://localhost:\(try #require(server.securePort))/who-am-i")
        let answer = try await people.execute(request, timeout: .seconds(30))
        let first = String(buffer: try await answer.body.collect(upTo: 4096))
        #expect(first.contains("mesh-system:admin"))
        try FileManager.default.removeItem(atPath: "\(authorities)/people.pem")
        try await eventually("the end of the connection") {
          guard let answer = try? await people.execute(request, timeout: .seconds(30)) else { return true }
          let text = String(buffer: try await answer.body.collect(upTo: 4096))
          return !text.contains("mesh-system:admin")
        }
      }
    } catch {
      try await people.shutdown()
      throw error
    }
    try await people.shutdown()
  }

  @Test("a start with files that cannot be read names the settings, the file and the reason")
  func unreadable() async throws {
    let none = folder.file("none")
    for (settings, expected) in [
      (
        ["general.tlsCertFile": client.certificateFile, "general.tlsKeyFile": none],
        "general.tlsCertFile, general.tlsKeyFile: the file \(none) cannot be read: no such file or directory"
      ), (["apiServer.auth.clientCertsDir": none], "apiServer.auth.clientCertsDir: \(none): "),
    ] {
      let failure = await #expect(throws: (any Error).self) {
        try await RunningPipeline.with(settings: settings) { _ in }
      }
      #expect(failure.map { "\($0)".hasPrefix(expected) } == true, "\(failure.map { "\($0)" } ?? "")")
    }
  }
}
