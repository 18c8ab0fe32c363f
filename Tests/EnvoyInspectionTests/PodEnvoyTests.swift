import Certificates
import Foundation
import LoopbackTestSupport
import MeshHTTP
import MeshPolicy
import MeshTestSupport
import MeshXDS
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import EnvoyInspection

/// The Envoys of pods, which are asked over TLS. Real Envoys answer in the tests on Kubernetes.
@Suite("Envoys of pods", .timeLimit(.minutes(15)))
struct PodEnvoyTests {
  private static let web = ProxyID(mesh: "shop", name: "web-1.default")
  private static let peer = ProxyAddress(remotePeer: "ipv4:10.244.1.2:40000", adminPort: nil)

  private let authority: CertificateAuthority

  init() throws { authority = try .make(commonName: "envoys", lifetime: 3_600) }

  private func credentials(trusting authority: CertificateAuthority) throws -> AdministrationCredentials {
    let own = try self.authority.issueClient(name: AdminAccess.clientName, lifetime: 3_600)
    return try AdministrationCredentials(
      certificate: own.certificatePEM, privateKey: own.privateKeyPEM, authority: authority.certificatePEM)
  }

  /// The requests that a server has had.
  private final class Requests: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func note(_ line: String) { lines.withLock { $0.append(line) } }
  }

  /// Serves the same answer to every request of a client with a certificate of the authority.
  private func withEnvoy(
    _ body: String, _ test: @escaping @Sendable (UInt16, Requests) async throws -> Void
  ) async throws {
    let certificate = try authority.issue(
      commonName: AdminAccess.envoyName, hosts: [AdminAccess.envoyName], lifetime: 3_600)
    var tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8)).map {
        .certificate($0)
      },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.privateKeyPEM.utf8), format: .pem)))
    tls.certificateVerification = .noHostnameVerification
    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.certificatePEM.utf8)))
    let context = try NIOSSLContext(configuration: tls)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    let port = try #require(server.channel.localAddress?.port.flatMap { UInt16(exactly: $0) })
    let requests = Requests()
    try await server.executeThenClose { connections in
      try await withServer {
        try await withThrowingDiscardingTaskGroup { group in
          for try await connection in connections {
            group.addTask {
              try? await connection.executeThenClose { inbound, outbound in
                for try await part in inbound {
                  let line = String(buffer: part).split(separator: "\r\n").first.map(String.init) ?? ""
                  requests.note(line)
                  try await outbound.write(
                    ByteBuffer(
                      string:
                        "HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\nconnection: close\r\n\r\n\(body)"))
                  break
                }
              }
            }
          }
        }
      } close: {
        try? await server.channel.close().get()
      } _: {
        try await test(port, requests)
      }
    }
  }

  /// Runs a client for a proxy of a pod at 127.0.0.1.
  private func withClient<Value: Sendable>(
    port: UInt16, _ credentials: AdministrationCredentials?,
    _ question: (EnvoyAdministrationClient) async throws(EnvoyAdministrationError) -> Value
  ) async throws -> Result<Value, EnvoyAdministrationError> {
    var limits = EnvoyAdministrationClient.Limits()
    limits.time = .seconds(60)
    let client = EnvoyAdministrationClient(
      limits: limits, address: { _ in ProxyAddress(remotePeer: Self.peer.remotePeer, adminPort: port) },
      podAddress: { _ in "127.0.0.1" })
    if let credentials { client.use(credentials) }
    let running = Task { try await client.run() }
    defer { running.cancel() }
    return try await eventually("the client's start") { () async -> Result<Value, EnvoyAdministrationError>? in
      do throws(EnvoyAdministrationError) {
        return .success(try await question(client))
      } catch {
        return error.code == .busy && error.message.contains("starting or stopping") ? nil : .failure(error)
      }
    }
  }

  @Test("are asked at the address of the pod, first who they are, and ended there")
  func asked() async throws {
    let own = try credentials(trusting: authority)
    try await withEnvoy(#"{"node":{"id":"shop.web-1.default"}}"#) { port, requests in
      let answer = try await withClient(port: port, own) { (client) async throws(EnvoyAdministrationError) in
        try await client.answer(to: .statistics(asJSON: false), of: Self.web, defaultPort: nil)
      }.get()
      #expect(String(decoding: answer, as: UTF8.self).contains("web-1"))
      #expect(requests.all == ["GET /server_info HTTP/1.1", "GET /stats HTTP/1.1"])
      try await withClient(port: port, own) { (client) async throws(EnvoyAdministrationError) in
        try await client.quit(Self.web.name, address: "127.0.0.1", port: port)
      }.get()
      #expect(requests.all.last == "POST /quitquitquit HTTP/1.1")
    }
  }

  @Test("are not asked when another pod has the address by now, or somebody without a certificate of the authority")
  func others() async throws {
    let (own, foreign) = (
      try credentials(trusting: authority),
      try credentials(trusting: .make(commonName: "others", lifetime: 3_600))
    )
    try await withEnvoy(#"{"node":{"id":"shop.web-2.default"}}"#) { port, requests in
      func failure(_ credentials: AdministrationCredentials?) async throws -> EnvoyAdministrationError? {
        let result = try await withClient(port: port, credentials) {
          (client) async throws(EnvoyAdministrationError) in
          try await client.answer(to: .clusters(asJSON: false), of: Self.web, defaultPort: nil)
        }
        if case .failure(let error) = result { return error }
        return nil
      }
      let other = try #require(try await failure(own))
      #expect(other.code == .unexpectedAnswer)
      #expect(
        other.message
          == "127.0.0.1:\(port), where the administration interface of web-1.default's Envoy should be, belongs to the "
          + "Envoy of another proxy, shop.web-2.default; look whether the pod still has that address.")
      #expect(requests.all == ["GET /server_info HTTP/1.1"])
      let ended = try await withClient(port: port, own) { (client) async throws(EnvoyAdministrationError) in
        try await client.quit(Self.web.name, address: "127.0.0.1", port: port)
      }
      #expect(throws: EnvoyAdministrationError.self) { try ended.get() }
      #expect(requests.all == ["GET /server_info HTTP/1.1", "GET /server_info HTTP/1.1"])
      let stranger = try #require(try await failure(foreign))
      #expect(stranger.code == .unreachable, "\(stranger)")
      #expect(requests.all.count == 2)
      let early = try #require(try await failure(nil))
      #expect(early.code == .busy && early.message.contains("has not read its certificates"), "\(early)")
    }
  }
}
