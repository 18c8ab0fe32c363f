import Certificates
import Foundation
import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import HTTPService

@Suite("Ports that take TLS", .timeLimit(.minutes(15)))
struct EncryptionTests: HTTPServerTesting {
  private static let authority = Result {
    try CertificateAuthority.make(commonName: "authority", lifetime: 1_000_000)
  }

  /// A service that says what it knows of its caller.
  private func service() -> RequestService {
    var service = service(requests: Requests())
    service.responder = { request, _, caller in
      let name = caller.certificate == nil ? "nobody" : "a certificate"
      return .text("\(request.scheme ?? "") \(caller.isSecure) \(name)")
    }
    return service
  }

  private func server(_ clients: ClientTrust = ClientTrust()) throws -> NIOSSLContext {
    try Self.authority.get().issue(commonName: "cp", hosts: ["127.0.0.1"], lifetime: 1_000_000)
      .makeContext(protocols: ["http/1.1"], clients: clients)
  }

  /// Sends a request over TLS and returns what comes back until the server has closed the connection; nil if there is no
  /// connection.
  private func secureExchange(
    _ port: Int, certificate: (certificatePEM: String, privateKeyPEM: String)? = nil, text: String? = nil
  ) async throws -> String? {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .certificates(
      try NIOSSLCertificate.fromPEMBytes(Array(Self.authority.get().certificatePEM.utf8)))
    if let certificate {
      configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
        .map { .certificate($0) }
      configuration.privateKey = .privateKey(
        try NIOSSLPrivateKey(bytes: Array(certificate.privateKeyPEM.utf8), format: .pem))
    }
    let context = try NIOSSLContext(configuration: configuration)
    let received = Mutex("")
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
          try channel.pipeline.syncOperations.addHandler(Receiver { text in received.withLock { $0 += text } })
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    try? await channel.writeAndFlush(ByteBuffer(string: text ?? get()))
    try await channel.closeFuture.get()
    return received.withLock { $0.isEmpty ? nil : $0 }
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let receive: @Sendable (String) -> Void
    init(_ receive: @escaping @Sendable (String) -> Void) { self.receive = receive }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(String(buffer: unwrapInboundIn(data))) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  @Test("TLS and plaintext are told apart on one port where both are allowed")
  func both() async throws {
    for rule in [PlaintextRule.allowed, .fromLoopback] {
      try await serving(service(), encryption: Encryption(tls: try server(), plaintext: rule)) { port in
        let secure = try await secureExchange(port)
        #expect(secure?.hasSuffix("https true nobody") == true)
        let plain = try await exchange(port, get())
        #expect(plain.hasSuffix("http false nobody"))
      }
    }
  }

  @Test("a client that may not do without TLS is told so in HTTP, counted and logged, and its request reaches nobody")
  func refused() async throws {
    let log = LogRecorder()
    var service = service()
    service.logger = log.logger(.info)
    try await serving(service, encryption: Encryption(tls: try server(), plaintext: .refused)) { port in
      let answer = try await exchange(port, get("/secret"))
      #expect(answer.hasPrefix("HTTP/1.1 400 "))
      #expect(answer.hasSuffix("This port takes TLS; use https://.\n"))
      let preface = try await exchange(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      #expect(preface.hasSuffix("\u{C}This port takes TLS; use https://."), "GOAWAY with INADEQUATE_SECURITY")
      let secure = try await secureExchange(port)
      #expect(secure?.hasSuffix("https true nobody") == true)
    }
    #expect(service.counts[.plaintext] == 2)
    let line = log.lines.first { $0.metadata["reason"] == "plaintext" }
    #expect(line?.message.contains("without TLS from 127.0.0.1") == true)
  }

  @Test("a client for which there is no connection is told so within TLS, over HTTP/1.1 and HTTP/2")
  func fullHouse() async throws {
    let gate = Gate()
    let service = service(connections: 1, gate: gate)
    try await serving(service, encryption: Encryption(tls: try server(), plaintext: .allowed)) { port in
      let busy = try await RawConnection(port: port)
      busy.send(get("/wait"))
      try await eventually { gate.count == 1 }
      let sentence = "The server is receiving too many requests; send the request again later."
      let answer = try await secureExchange(port)
      #expect(answer?.hasPrefix("HTTP/1.1 503 ") == true && answer?.hasSuffix(sentence + "\n") == true)
      // A client that says nothing for half a second is answered in HTTP/1.1, which happens on a busy machine.
      try await eventually("a refusal in HTTP/2") {
        let preface = try await secureExchange(port, text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        return preface?.hasSuffix("\u{B}" + sentence) == true
      }
      gate.open()
      try await eventually { busy.isClosed }
    }
    #expect(service.counts[.full] >= 2)
  }

  @Test(
    "rules for plaintext",
    arguments: [(PlaintextRule.allowed, true, true), (.fromLoopback, true, false), (.refused, false, false)])
  func rules(rule: PlaintextRule, here: Bool, elsewhere: Bool) {
    #expect(rule.allows(isLoopback: true) == here)
    #expect(rule.allows(isLoopback: false) == elsewhere)
  }

  @Test("a client that sends a part of a handshake, or nothing, is closed at the deadline")
  func slow() async throws {
    var service = service()
    service.limits.head = .milliseconds(100)
    try await serving(service, encryption: Encryption(tls: try server(), plaintext: .refused)) { port in
      for text in ["", "\u{16}", "\u{16}\u{3}\u{1}"] {
        let answer = try await exchange(port, text)
        #expect(answer == "")
      }
    }
    try await eventually { service.connections.count == 0 }
  }

  @Test("what is not a handshake is closed, and ends nothing")
  func nonsense() async throws {
    try await serving(service(), encryption: Encryption(tls: try server(), plaintext: .allowed)) { port in
      _ = try await exchange(port, "\u{16}" + String(repeating: "nonsense", count: 1_000))
      let secure = try await secureExchange(port)
      #expect(secure?.hasSuffix("https true nobody") == true)
    }
  }

  @Test(
    "the certificate of a client reaches the responder when TLS has verified it, and any other one ends the connection")
  func clientCertificates() async throws {
    let trusted = try CertificateAuthority.make(commonName: "clients", lifetime: 1_000_000)
    let other = try CertificateAuthority.make(commonName: "clients", lifetime: 1_000_000)
    let trust = ClientTrust(certificates: [trusted.certificatePEM])
    try await serving(service(), encryption: Encryption(tls: try server(trust), plaintext: .refused)) { port in
      let known = try trusted.issueClient(name: "ali", lifetime: 100_000)
      let answer = try await secureExchange(port, certificate: known)
      #expect(answer?.hasSuffix("https true a certificate") == true)
      let secure = try await secureExchange(port)
      #expect(secure?.hasSuffix("https true nobody") == true)
      for bad in [
        try other.issueClient(name: "ali", lifetime: 100_000),
        try trusted.issueClient(name: "ali", lifetime: 10, now: Date(timeIntervalSinceNow: -100_000)),
        try trusted.issueClient(name: "ali", lifetime: 10, now: Date(timeIntervalSinceNow: 100_000)),
      ] {
        let refused = try await secureExchange(port, certificate: bad)
        #expect(refused == nil)
      }
      // The certificate of a server is not that of a client.
      let server = try trusted.issue(commonName: "ali", hosts: ["ali"], lifetime: 100_000)
      let wrong = (certificatePEM: server.certificatePEM, privateKeyPEM: server.privateKeyPEM)
      let refused = try await secureExchange(port, certificate: wrong)
      #expect(refused == nil)
    }
  }

  @Test("a certificate can be required, and one that signs itself can be listed itself")
  func required() async throws {
    let own = try CertificateAuthority.make(commonName: "ali", lifetime: 1_000_000)
    let pair = (certificatePEM: own.certificatePEM, privateKeyPEM: own.privateKeyPEM)
    let cases = [
      (ClientTrust(certificates: [own.certificatePEM], isRequired: true), true), (ClientTrust(isRequired: true), false),
    ]
    for (trust, isServed) in cases {
      try await serving(service(), encryption: Encryption(tls: try server(trust), plaintext: .refused)) { port in
        let without = try await secureExchange(port)
        #expect(without == nil)
        let answer = try await secureExchange(port, certificate: pair)
        #expect((answer?.hasSuffix("https true a certificate") == true) == isServed, "\(answer ?? "")")
      }
    }
  }
}
