import Foundation
import Logging
import LoopbackTestSupport
import MeshHTTP
import MeshPolicy
import MeshTestSupport
import MeshXDS
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Testing

@testable import EnvoyInspection

/// What is done about Envoys that are not there, or are not what they should be. A real one answers in the integration
/// tests.
@Suite("Administration of Envoys", .timeLimit(.minutes(15)))
struct EnvoyAdministrationClientTests {
  private static let web = ProxyID(mesh: "shop", name: "web")
  private static let ours = #"{"node":{"id":"shop.web"}}"#

  /// Serves answers, by path, on a port of loopback; those without an answer hang.
  private func withAnswers(
    _ answers: [String: String], _ body: @escaping @Sendable (UInt16) async throws -> Void
  ) async throws {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    let port = try #require(server.channel.localAddress?.port.flatMap { UInt16(exactly: $0) })
    try await server.executeThenClose { connections in
      try await withServer {
        try await withThrowingDiscardingTaskGroup { group in
          for try await connection in connections {
            group.addTask { try? await Self.serve(connection, answers) }
          }
        }
      } close: {
        try? await server.channel.close().get()
      } _: {
        try await body(port)
      }
    }
  }

  private static func serve(
    _ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ answers: [String: String]
  ) async throws {
    try await connection.executeThenClose { inbound, outbound in
      for try await part in inbound {
        let path = String(buffer: part).split(separator: " ").dropFirst().first.map(String.init) ?? ""
        guard let answer = answers[path] else { continue }
        try await outbound.write(ByteBuffer(string: answer))
        if answer.hasPrefix("HTTP/1.1 200 OK\r\ntransfer-encoding") { continue }
        break
      }
    }
  }

  private static func ok(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\nconnection: close\r\n\r\n\(body)"
  }

  /// Many tests share a machine.
  private static let patient: EnvoyAdministrationClient.Limits = {
    var limits = EnvoyAdministrationClient.Limits()
    limits.time = .seconds(60)
    return limits
  }()

  /// Runs a client that believes a proxy to be somewhere.
  private func ask(
    _ question: EnvoyQuestion = .statistics(asJSON: false), at address: ProxyAddress?,
    defaultPort: UInt16? = nil, limits: EnvoyAdministrationClient.Limits = Self.patient
  ) async throws -> Result<String, EnvoyAdministrationError> {
    try await withClient(at: address, limits) { (client) async throws(EnvoyAdministrationError) in
      String(decoding: try await client.answer(to: question, of: Self.web, defaultPort: defaultPort), as: UTF8.self)
    }
  }

  private func withClient<Value: Sendable>(
    at address: ProxyAddress?, _ limits: EnvoyAdministrationClient.Limits = Self.patient,
    _ question: (EnvoyAdministrationClient) async throws(EnvoyAdministrationError) -> Value
  ) async throws -> Result<Value, EnvoyAdministrationError> {
    let client = EnvoyAdministrationClient(limits: limits, address: { $0 == Self.web ? address : nil })
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await client.run() }
      defer { group.cancelAll() }
      return try await eventually("the client's start") { () async -> Result<Value, EnvoyAdministrationError>? in
        do throws(EnvoyAdministrationError) {
          return .success(try await question(client))
        } catch {
          return error.code == .busy ? nil : .failure(error)
        }
      }
    }
  }

  private func failure(
    _ result: Result<String, EnvoyAdministrationError>, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> EnvoyAdministrationError {
    switch result {
    case .failure(let error): return error
    case .success(let text):
      Issue.record("it answered: \(text)", sourceLocation: sourceLocation)
      throw CancellationError()
    }
  }

  private static func local(_ port: UInt16?) -> ProxyAddress {
    ProxyAddress(remotePeer: "ipv4:127.0.0.1:40000", adminPort: port)
  }

  @Test(
    "the answer of the proxy's own Envoy is passed on",
    arguments: [
      (EnvoyQuestion.configuration(withEndpoints: false), "/config_dump"),
      (.configuration(withEndpoints: true), "/config_dump?include_eds"), (.statistics(asJSON: false), "/stats"),
      (.statistics(asJSON: true), "/stats?format=json"), (.clusters(asJSON: false), "/clusters"),
      (.clusters(asJSON: true), "/clusters?format=json"),
    ])
  func answers(question: EnvoyQuestion, path: String) async throws {
    try await withAnswers(["/server_info": Self.ok(Self.ours), path: Self.ok("it is \(path)")]) { port in
      var text = try await ask(question, at: Self.local(port)).get()
      #expect(text == "it is \(path)")
      // A proxy that has named no port is asked at that of its Dataplane, one that has at its own.
      text = try await ask(question, at: Self.local(nil), defaultPort: port).get()
      #expect(text == "it is \(path)")
      text = try await ask(question, at: Self.local(port), defaultPort: 1).get()
      #expect(text == "it is \(path)")
    }
  }

  @Test("the answered reports of a backend are counted, and no others")
  func answeredReports() async throws {
    let path = "/stats?filter=%5Ecluster%5C.tracing-auto_.*%5C.upstream_rq_%5B24%5Dxx%24"
    let statistics = """
      cluster.tracing-auto_my_backend.upstream_rq_2xx: 40
      cluster.tracing-auto_my_backend.internal.upstream_rq_2xx: 40
      cluster.tracing-auto_my_backend.upstream_rq_4xx: 2
      cluster.tracing-auto_my_backend.upstream_rq_5xx: 100
      cluster.tracing-auto_my_backend_2.upstream_rq_2xx: 1000
      cluster.tracing-auto_my_backend.upstream_rq_2xx: much

      """
    try await withAnswers(["/server_info": Self.ok(Self.ours), path: Self.ok(statistics)]) { port in
      for (backend, count) in [("my.backend", 42), ("other", 0)] as [(String, UInt64)] {
        let counted = try await withClient(at: Self.local(port)) { (client) async throws(EnvoyAdministrationError) in
          try await client.answeredReports(of: Self.web, toBackend: backend)
        }
        #expect(try counted.get() == count)
      }
    }
  }

  @Test("a proxy that is not connected") func notConnected() async throws {
    let error = try failure(try await ask(at: nil, defaultPort: 9901))
    #expect(error.code == .notConnected)
    #expect(error.message.contains("kumactl inspect dataplanes"))
  }

  @Test("a proxy without an administration interface") func noInterface() async throws {
    let error = try failure(try await ask(at: Self.local(nil)))
    #expect(error.code == .noInterface)
    #expect(error.message.contains("--admin-port"))
  }

  @Test("a proxy on another machine", arguments: ["ipv4:203.0.113.7:40000", "ipv6:[2001:db8::7]:40000", "?"])
  func elsewhere(peer: String) async throws {
    let error = try failure(try await ask(at: ProxyAddress(remotePeer: peer, adminPort: 9901)))
    #expect(error.code == .elsewhere)
    #expect(error.message.contains("http://127.0.0.1:9901/stats"))
  }

  @Test("no listener") func refused() async throws {
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let port = try #require(UInt16(exactly: occupied.number))
    let error = try failure(try await ask(at: Self.local(port)))
    #expect(error.code == .unreachable)
    #expect(error.message.contains("127.0.0.1:\(port), cannot be asked: connection refused. Is"), "\(error.message)")
  }

  @Test(
    "something else listens",
    arguments: [
      (#"{"node":{"id":"shop.api"}}"#, "another proxy, shop.api"), ("[]", "a program that is not an Envoy"),
      ("hello", "a program that is not an Envoy"), ("", "a program that is not an Envoy"),
    ])
  func stranger(information: String, owner: String) async throws {
    try await withAnswers(["/server_info": Self.ok(information), "/stats": Self.ok("a secret")]) { port in
      let error = try failure(try await ask(at: Self.local(port)))
      #expect(error.code == .unexpectedAnswer)
      #expect(error.message.contains(owner))
    }
  }

  @Test(
    "answers that are none",
    arguments: ["HTTP/1.1 404 Not Found", "HTTP/1.1 302 Found\r\nlocation: http://203.0.113.7/", "HTTP/1.1 500 No"])
  func statuses(head: String) async throws {
    let answer = "\(head)\r\ncontent-length: 0\r\n\r\n"
    try await withAnswers(["/server_info": answer]) { port in
      let error = try failure(try await ask(at: Self.local(port)))
      #expect(error.code == .unexpectedAnswer)
    }
    try await withAnswers(["/server_info": Self.ok(Self.ours), "/stats": answer]) { port in
      let error = try failure(try await ask(at: Self.local(port)))
      #expect(error.code == .unexpectedAnswer)
    }
    try await withAnswers(["/server_info": "SSH-2.0-OpenSSH_9.2\r\n"]) { port in
      let error = try failure(try await ask(at: Self.local(port)))
      #expect(error.code == .unreachable)
    }
  }

  @Test("an answer beyond the limit") func tooLarge() async throws {
    var limits = Self.patient
    limits.bytes = 1000
    try await withAnswers(["/server_info": Self.ok(Self.ours), "/stats": Self.ok(String(repeating: "x", count: 1001))])
    {
      [limits] port in
      let error = try failure(try await ask(at: Self.local(port), limits: limits))
      #expect(error.code == .unexpectedAnswer)
      #expect(error.message.contains("more than 1000 bytes"))
    }
  }

  @Test("an answer that does not come, and one that does not end") func hanging() async throws {
    var limits = EnvoyAdministrationClient.Limits()
    limits.time = .seconds(2)
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
    for answers in [[:], ["/server_info": endless], ["/server_info": Self.ok(Self.ours), "/stats": endless]] {
      try await withAnswers(answers) { [limits] port in
        let error = try failure(try await ask(at: Self.local(port), limits: limits))
        #expect(error.code == .timedOut)
      }
    }
  }

  @Test("more questions than are answered at a time") func busy() async throws {
    var limits = EnvoyAdministrationClient.Limits()
    limits.questions = 1
    let client = EnvoyAdministrationClient(limits: limits) { _ in Self.local(9) }
    await #expect {
      _ = try await client.answer(to: .statistics(asJSON: false), of: Self.web, defaultPort: nil)
    } throws: {
      ($0 as? EnvoyAdministrationError)?.code == .busy
    }
    limits.time = .milliseconds(500)
    try await withAnswers([:]) { [limits] port in
      let client = EnvoyAdministrationClient(limits: limits) { _ in Self.local(port) }
      @Sendable func outcome() async -> EnvoyAdministrationError.Code? {
        do {
          _ = try await client.answer(to: .statistics(asJSON: false), of: Self.web, defaultPort: nil)
          return nil
        } catch {
          return error.code
        }
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.run() }
        defer { group.cancelAll() }
        try await eventually("one question that is asked and one that is not") {
          async let first = outcome()
          async let second = outcome()
          return Set([await first, await second]) == [.busy, .timedOut]
        }
      }
    }
  }

  @Test(
    "which peers are on this machine",
    arguments: [
      ("ipv4:127.0.0.1:1", true), ("ipv4:127.8.9.10:1", true), ("ipv6:[::1]:1", true), ("unix:/run/x", true),
      ("ipv6:[::ffff:127.0.0.1]:1", true), ("ipv4:203.0.113.7:1", false), ("ipv6:[::ffff:203.0.113.7]:1", false),
      ("ipv6:[2001:db8::1]:1", false), ("", false), (":", false), ("ipv4:", false), ("ipv4::1", false),
      ("ipv4:localhost:1", false), ("<unknown>", false),
    ])
  func local(peer: String, isLocal: Bool) { #expect(LocalMachine.has(peer: peer) == isLocal) }

  @Test("this machine's own addresses are on this machine") func ownAddresses() throws {
    for address in try System.enumerateDevices().compactMap({ $0.address?.ipAddress }) where !address.contains("%") {
      let host = address.contains(":") ? "ipv6:[\(address)]" : "ipv4:\(address)"
      #expect(LocalMachine.has(peer: "\(host):40000"), "\(address)")
    }
  }
}
