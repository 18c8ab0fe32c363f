import Certificates
import EnvoyAPI
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import HTTPTypes
import Logging
import MeshTestSupport
import MeshXDS
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ServiceLifecycle
import SwiftProtobuf
import Synchronization
import Testing

@testable import HTTPService
@testable import MeshTransport

/// Notes what happens to streams, and refuses one proxy.
final class SessionRecorder: ProxySessionObserver {
  private let lines = Mutex<[String]>([])
  var events: [String] { lines.withLock { $0 } }
  private func note(_ line: String) { lines.withLock { $0.append(line) } }

  func sessionOpened(_ session: ProxySession, _ introduction: ProxyIntroduction) async throws(SessionRefusal) {
    if session.nodeID == "refused" { throw SessionRefusal(code: .permissionDenied, message: "not you") }
    note("open \(introduction.nodeID)")
    if session.nodeID == "revoked" {
      session.end(SessionRefusal(code: .unauthenticated, message: "not any more", reason: "it is revoked"))
    }
  }
  func responseSent(_ session: ProxySession, typeURL: String) { note("sent") }
  func acknowledged(_ session: ProxySession, typeURL: String) { note("acknowledged") }
  func rejected(_ session: ProxySession, typeURL: String, message: String) { note("rejected \(message)") }
  func sessionClosed(_ session: ProxySession, end: SessionEnd) async { note("close \(end)") }
}

/// Lines that several tasks write.
private final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func append(_ more: [String]) { lines.withLock { $0 += more } }
}

private struct ProtobufSerializer: MessageSerializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: Envoy_Service_Discovery_V3_DiscoveryRequest) throws -> Bytes {
    Bytes(try message.serializedBytes() as [UInt8])
  }
}

private struct ProtobufDeserializer: MessageDeserializer {
  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Envoy_Service_Discovery_V3_DiscoveryResponse {
    try Envoy_Service_Discovery_V3_DiscoveryResponse(serializedBytes: bytes.withUnsafeBytes { Data($0) })
  }
}

@Suite("Data plane server", .serialized, .timeLimit(.minutes(15)))
struct DataplaneServerTests {
  let cache = SnapshotCache()
  let recorder = SessionRecorder()

  /// Runs a server on a free port while a body runs.
  func withServer(
    certificate: ServerCertificate? = nil, classification: Duration = .seconds(600),
    budgets: DataplaneServer.Budgets = .init(), _ body: (Int) async throws -> Void
  ) async throws {
    let started = try server(certificate: certificate, classification: classification, budgets: budgets)
    try await run(started) { port, _ in try await body(port) }
  }

  /// Runs a server while a body runs.
  func run(
    _ started: (ports: AsyncStream<Int>, server: DataplaneServer), _ body: (Int, DataplaneServer) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await started.server.run() }
      guard let port = await started.ports.first(where: { _ in true }) else { throw CancellationError() }
      try await body(port, started.server)
      group.cancelAll()
    }
  }

  /// A server for a free port, which it tells once it listens.
  func server(
    certificate: ServerCertificate? = nil, classification: Duration = .seconds(600),
    budgets: DataplaneServer.Budgets = .init(), shutdown: Duration = .seconds(5), connections: Int = 20_000
  ) throws -> (ports: AsyncStream<Int>, server: DataplaneServer) {
    var configuration = DataplaneServer.Configuration()
    configuration.port = 0
    configuration.encryption = try certificate.map {
      Encryption(tls: try $0.makeContext(protocols: DataplaneServer.protocols), plaintext: .allowed)
    }
    configuration.limits.classification = classification
    configuration.limits.bodyBytes = 1_000
    configuration.limits.shutdown = shutdown
    configuration.limits.connections = connections
    configuration.limits.runtimeAnswer = .milliseconds(100)
    configuration.budgets = budgets
    let (ports, listening) = AsyncStream<Int>.makeStream()
    let server = DataplaneServer(
      configuration: configuration, cache: cache, observer: recorder, logger: Logger(label: "test"),
      onListening: { listening.yield($0) }
    ) { request, body, _ in
      .text("\(request.method) \(request.path ?? "") \(body.count)")
    }
    return (ports, server)
  }

  /// Sends bytes and returns everything that comes back until the server closes the connection.
  private func exchange(_ port: Int, _ bytes: [UInt8], tls: NIOSSLContext? = nil) async throws -> String {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            let handler = try NIOSSLClientHandler(context: tls, serverHostname: "localhost")
            try channel.pipeline.syncOperations.addHandler(handler)
          }
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      var answer = ByteBuffer()
      do {
        if !bytes.isEmpty { try await outbound.write(ByteBuffer(bytes: bytes)) }
        for try await var part in inbound { answer.writeBuffer(&part) }
      } catch {
        // A reset is a close too.
      }
      return String(buffer: answer)
    }
  }

  private let request = Array(
    "POST /bootstrap HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab".utf8)

  @Test("HTTP/1.1 is answered without TLS and with, whether the client negotiates or not")
  func bootstrap() async throws {
    let certificate = try ServerCertificate.make(hosts: [])
    let root = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
    try await withServer(certificate: certificate) { port in
      let plain = try await exchange(port, request)
      #expect(plain.hasSuffix("POST /bootstrap 2"))
      for protocols in [[], ["http/1.1"], ["h2", "http/1.1"]] {
        var client = TLSConfiguration.makeClientConfiguration()
        client.trustRoots = .certificates(root)
        client.applicationProtocols = protocols
        let answer = try await exchange(port, request, tls: NIOSSLContext(configuration: client))
        #expect(answer.hasSuffix("POST /bootstrap 2"), "\(protocols)")
      }
    }
  }

  @Test(
    "Peers that say nothing, or nonsense, are closed and hurt no one",
    arguments: [
      "", "PRI * HT", "\u{16}\u{3}\u{1}", "\u{16}nonsense, and more than a handshake has room for", "nonsense\r\n\r\n",
    ])
  func nonsense(_ text: String) async throws {
    let certificate = try ServerCertificate.make(hosts: [])
    try await withServer(certificate: certificate, classification: .seconds(8)) { port in
      let answer = try await exchange(port, Array(text.utf8))
      #expect(!answer.contains("200 OK"))
      let next = try await exchange(port, request)
      #expect(next.contains("200 OK"))
    }
  }

  @Test("A body over the limit is refused, announced or not")
  func bodyLimit() async throws {
    let body = String(repeating: "x", count: 1_001)
    try await withServer { port in
      let announced = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n" + body
      let chunked = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n\(body)\r\n0\r\n\r\n"
      for text in [announced, chunked] {
        let answer = try await exchange(port, Array(text.utf8))
        #expect(answer.hasPrefix("HTTP/1.1 413"))
      }
    }
  }

  // MARK: Discovery

  /// Opens a stream, sends requests and gives each response to a closure, which answers it or ends the stream.
  func stream(
    _ port: Int, _ first: Envoy_Service_Discovery_V3_DiscoveryRequest, metadata: Metadata = [:],
    _ answer:
      @escaping @Sendable (Envoy_Service_Discovery_V3_DiscoveryResponse) ->
      Envoy_Service_Discovery_V3_DiscoveryRequest?
  ) async throws {
    let transport = try HTTP2ClientTransport.Posix(
      target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext)
    let method = MethodDescriptor(
      fullyQualifiedService: "envoy.service.discovery.v3.AggregatedDiscoveryService",
      method: "StreamAggregatedResources")
    try await withGRPCClient(transport: transport) { client in
      let (outbox, outgoing) = AsyncStream<Envoy_Service_Discovery_V3_DiscoveryRequest>.makeStream()
      outgoing.yield(first)
      let request = StreamingClientRequest<Envoy_Service_Discovery_V3_DiscoveryRequest>(metadata: metadata) { writer in
        for await message in outbox { try await writer.write(message) }
      }
      try await client.bidirectionalStreaming(
        request: request, descriptor: method, serializer: ProtobufSerializer(), deserializer: ProtobufDeserializer(),
        options: .defaults
      ) { response in
        for try await message in response.messages {
          if let next = answer(message) { outgoing.yield(next) } else { outgoing.finish() }
        }
      }
    }
  }

  func clusters(_ node: String) -> Envoy_Service_Discovery_V3_DiscoveryRequest {
    var request = Envoy_Service_Discovery_V3_DiscoveryRequest()
    request.node.id = node
    request.typeURL = ResourceTypeURL.cluster
    return request
  }

  func snapshot(_ content: String) -> ProxySnapshot {
    ProxySnapshot(
      clusters: ResourceSet([EncodedResource(name: "c", typeURL: ResourceTypeURL.cluster, bytes: Data(content.utf8))]))
  }

  @Test("A proxy gets its snapshot and its changes, and the observer learns of all")
  func discovery() async throws {
    cache.set(snapshot("one"), for: "p")
    let received = Lines()
    try await withServer { port in
      try await stream(port, clusters("p")) { [cache, snapshot = snapshot("two")] response in
        received.append(response.resources.map { String(decoding: $0.value, as: UTF8.self) })
        guard received.all.count == 1 else { return nil }
        var request = Envoy_Service_Discovery_V3_DiscoveryRequest()
        request.typeURL = response.typeURL
        request.responseNonce = response.nonce
        cache.set(snapshot, for: "p")
        return request
      }
    }
    #expect(received.all == ["one", "two"])
    #expect(recorder.events == ["open p", "sent", "acknowledged", "sent", "close closedByProxy"])
  }

  @Test("A refused proxy and one that breaks the protocol get a status that says so")
  func refusals() async throws {
    try await withServer { port in
      for (node, code) in [("refused", RPCError.Code.permissionDenied), ("", .invalidArgument)] {
        do {
          try await stream(port, clusters(node)) { _ in nil }
          Issue.record("no error for \(node)")
        } catch let error as RPCError {
          #expect(error.code == code)
        }
      }
    }
    #expect(recorder.events == [])
  }

  @Test("A stream that the control plane ends sends nothing more, and does not say why")
  func ended() async throws {
    cache.set(snapshot("one"), for: "revoked")
    try await withServer { port in
      await #expect(throws: RPCError(code: .unauthenticated, message: "not any more")) {
        try await stream(port, clusters("revoked")) { _ in nil }
      }
    }
    let refusal = SessionRefusal(code: .unauthenticated, message: "not any more", reason: "it is revoked")
    #expect(recorder.events == ["open revoked", "close \(SessionEnd.failed(refusal))"])
  }

  @Test("Of two tokens none counts")
  func twoTokens() async throws {
    var metadata = Metadata()
    for token in ["a", "b"] { metadata.addString(token, forKey: "authorization") }
    try await withServer { port in
      let text = "request must have exactly 1 \"authorization\" header, got 2"
      await #expect(throws: RPCError(code: .unauthenticated, message: text)) {
        try await stream(port, clusters("p"), metadata: metadata) { _ in nil }
      }
    }
    #expect(recorder.events == [])
  }

  @Test("A server that shuts down ends its streams so that proxies reconnect")
  func shutdown() async throws {
    cache.set(snapshot("one"), for: "p")
    let (responses, arrived) = AsyncStream<Void>.makeStream()
    let ended = Lines()
    try await withThrowingTaskGroup(of: Void.self) { group in
      try await withServer { port in
        group.addTask {
          do {
            try await stream(port, clusters("p")) { _ in
              arrived.yield()
              return clusters("p")
            }
          } catch let error as RPCError {
            ended.append(["\(error.code)"])
          }
        }
        for await _ in responses { break }
      }
      try await group.waitForAll()
    }
    #expect(ended.all == ["\(RPCError.Code.unavailable)"])
    #expect(recorder.events.last == "close shutdown")
  }

  @Test("A server stops although a peer, which has a stream open, reads nothing any more")
  func deafPeer() async throws {
    let (ports, server) = try server(shutdown: .milliseconds(100))
    let group = ServiceGroup(services: [server], logger: Logger(label: "test"))
    async let stopped: Void = group.run()
    let port = try #require(await ports.first { _ in true })
    let peer = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false).connect(host: "127.0.0.1", port: port).get()
    var bytes = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    bytes.writeImmutableBuffer(FrameConnection.frame(.settings))
    bytes.writeImmutableBuffer(try FrameConnection.open(1))
    bytes.writeImmutableBuffer(FrameConnection.message(try clusters("p").serializedBytes(), stream: 1))
    try await peer.writeAndFlush(bytes).get()
    try await eventually { recorder.events == ["open p"] }
    await group.triggerGracefulShutdown()
    try await stopped
    #expect(recorder.events == ["open p", "close shutdown"])
    try? await peer.close()
  }
}
