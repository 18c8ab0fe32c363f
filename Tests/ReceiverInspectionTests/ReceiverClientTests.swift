import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshControl
import MeshModel
import MeshPolicy
import NIOCore
import NIOPosix
import ReceiverInspection
import Synchronization
import TestSupport
import Testing

/// Answers of receivers.
private enum Sample {
  static let ours = #"{"product":"kuma-trace","version":"1","instance":"i-1","formats":["zipkin-protobuf-envoy"]}"#
  static let foreign = "GET /receiver with something other than the description of a kuma-trace collector"

  static func response(_ status: String, _ body: String, _ headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\ncontent-length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
  }
}

/// What is made of the answers of receivers, whatever they are. Real collectors answer in the integration tests.
@Suite("Questions to receivers of spans", .timeLimit(.minutes(15)))
struct ReceiverClientTests {
  private static let web = ProxyID(mesh: "shop", name: "web")

  /// Many tests share a machine.
  private static let patient: ReceiverClient.Limits = {
    var limits = ReceiverClient.Limits()
    limits.time = .seconds(60)
    return limits
  }()

  private static let lookup: AddressResolver.Lookup = { name, answer in
    Thread.detachNewThread { answer(try? SocketAddress.makeAddressResolvingHost(name, port: 0).ipAddress) }
  }

  /// Runs a client.
  private func withClient<Value: Sendable>(
    _ limits: ReceiverClient.Limits = Self.patient, lookup: @escaping AddressResolver.Lookup = Self.lookup,
    _ body: @escaping @Sendable (ReceiverClient) async throws -> Value
  ) async throws -> Value {
    let client = ReceiverClient(limits: limits, lookup: lookup)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await client.run() }
      defer { group.cancelAll() }
      let nobody = try CollectorURL("http://127.0.0.1:1")
      try await eventually("the client's start") {
        await client.identity(at: nobody) != .silent(why: "the control plane is starting or stopping")
      }
      return try await body(client)
    }
  }

  /// Serves one text for every connection, without a look at the request, and keeps the connection open.
  private func withBytes<Value: Sendable>(
    _ answer: String, isClosed: Bool = true, _ body: @escaping @Sendable (CollectorURL) async throws -> Value
  ) async throws -> Value {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    let port = try #require(server.channel.localAddress?.port)
    let url = try CollectorURL("http://127.0.0.1:\(port)/api/v2/spans")
    return try await server.executeThenClose { connections in
      try await withServer {
        try await withThrowingDiscardingTaskGroup { group in
          for try await connection in connections {
            group.addTask {
              try? await connection.executeThenClose { inbound, outbound in
                for try await _ in inbound {
                  if !answer.isEmpty { try await outbound.write(ByteBuffer(string: answer)) }
                  if isClosed { return }
                }
              }
            }
          }
        }
      } close: {
        try? await server.channel.close().get()
      } _: {
        try await body(url)
      }
    }
  }

  private func identity(of answer: String, isClosed: Bool = true, _ limits: ReceiverClient.Limits = Self.patient)
    async throws -> ReceiverAnswer
  {
    try await withBytes(answer, isClosed: isClosed) { url in
      try await self.withClient(limits) { await $0.identity(at: url) }
    }
  }

  @Test("A collector of ours is recognised by its product and by the form that it reads")
  func ours() async throws {
    #expect(try await identity(of: Sample.response("200 OK", Sample.ours)) == .collector(instance: "i-1"))
    let old = #"{"product":"kuma-trace","instance":"i-1","formats":["zipkin-json"]}"#
    #expect(
      try await identity(of: Sample.response("200 OK", old))
        == .other(what: "as a kuma-trace collector that does not store the protobuf of Envoy"))
  }

  @Test("The question goes to the host and port of the backend, whatever its path")
  func question() async throws {
    let heads = Mutex<[HTTPRequest]>([])
    let answer = try await LoopbackServer.run { request, _ in
      heads.withLock { $0.append(request) }
      return (HTTPResponse(status: .ok), Array(Sample.ours.utf8))
    } _: { base in
      let url = try CollectorURL("\(base)/api/v2/spans")
      return try await self.withClient { await $0.identity(at: url) }
    }
    #expect(answer == .collector(instance: "i-1"))
    let head = try #require(heads.withLock { $0.first })
    #expect(head.method == .get && head.path == "/receiver" && head.authority?.hasPrefix("127.0.0.1:") == true)
    #expect(head.headerFields[.origin] == nil)
  }

  @Test(
    "Anything else that answers is another product",
    arguments: [
      (Sample.response("404 Not Found", "nothing"), "GET /receiver with status 404"),
      (Sample.response("500 Internal Server Error", Sample.ours), "GET /receiver with status 500"),
      (Sample.response("403 Forbidden", Sample.ours), "GET /receiver with status 403"),
      (Sample.response("302 Found", "", "location: http://127.0.0.1:1/receiver\r\n"), "GET /receiver with status 302"),
      (Sample.response("202 Accepted", Sample.ours), "GET /receiver with status 202"),
      (Sample.response("200 OK", "<html>"), Sample.foreign),
      (Sample.response("200 OK", ""), Sample.foreign),
      (Sample.response("200 OK", "[]"), Sample.foreign),
      (Sample.response("200 OK", #"{"product":"zipkin"}"#), Sample.foreign),
      (Sample.response("200 OK", #"{"product":{"product":"kuma-trace"}}"#), Sample.foreign),
      (
        Sample.response("200 OK", #"{"product":"kuma-trace","formats":"zipkin-protobuf-envoy"}"#),
        "as a kuma-trace collector that does not store the protobuf of Envoy"
      ),
      (Sample.response("200 OK", String(repeating: "[", count: 4_000)), Sample.foreign),
      (
        Sample.response("200 OK", Sample.ours + String(repeating: " ", count: 5_000)),
        "GET /receiver with more than 4096 bytes"
      ),
      ("SSH-2.0-OpenSSH_9.6\r\n", "GET /receiver with something that is not HTTP"),
    ])
  func others(answer: String, what: String) async throws {
    #expect(try await identity(of: answer) == .other(what: what))
  }

  @Test(
    "A gateway that reaches nobody, or an overloaded receiver, tells nothing",
    arguments: ["408 Request Timeout", "429 Too Many Requests", "502 Bad Gateway", "503 Busy", "504 Gateway Timeout"])
  func gateways(status: String) async throws {
    let code = status.prefix(3)
    #expect(
      try await identity(of: Sample.response(status, Sample.ours)) == .silent(why: "it answers with status \(code)"))
  }

  @Test("Whoever does not answer whole and in time tells nothing")
  func silent() async throws {
    var limits = Self.patient
    limits.time = .milliseconds(200)
    let late = ReceiverAnswer.silent(why: "it has not answered within 200 ms")
    #expect(try await identity(of: "", isClosed: false, limits) == late)
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"
    #expect(try await identity(of: endless, isClosed: false, limits) == late)
    let free = try CollectorURL("http://127.0.0.1:1")
    let refused = try await withClient { await $0.identity(at: free) }
    guard case .silent(let why) = refused else {
      Issue.record("\(refused)")
      return
    }
    #expect(why.lowercased().contains("refused"))
    let unknown = try CollectorURL("http://no-such-host.invalid:9411")
    let unresolved = try await withClient { await $0.identity(at: unknown) }
    #expect(unresolved == .silent(why: "its host name does not resolve"))
    // Cut off in the middle of the answer.
    guard case .silent = try await identity(of: endless) else {
      Issue.record("half an answer counts")
      return
    }
  }

  @Test("A name whose servers do not answer is looked up once at a time, and keeps no other name waiting")
  func deadNames() async throws {
    let lookups = Mutex<[String: Int]>([:])
    let pending = Mutex<[@Sendable (String?) -> Void]>([])
    let lookup: AddressResolver.Lookup = { name, answer in
      lookups.withLock { $0[name, default: 0] += 1 }
      guard name.hasPrefix("dead") else { return Self.lookup(name, answer) }
      pending.withLock { $0.append(answer) }
    }
    var short = Self.patient
    short.time = .milliseconds(50)
    try await withClient(short, lookup: lookup) { client in
      for number in 0..<20 {
        let url = try CollectorURL("http://dead\(number).example:9411")
        #expect(await client.identity(at: url) == .silent(why: "it has not answered within 50 ms"))
        #expect(await client.identity(at: url) == .silent(why: "it has not answered within 50 ms"))
      }
      pending.withLock { $0 }.first?(nil)
      let first = try CollectorURL("http://dead0.example:9411")
      _ = await client.identity(at: first)
    }
    #expect(lookups.withLock { $0["dead0.example"] == 2 && $0["dead1.example"] == 1 })
    let answer = try await withBytes(Sample.response("200 OK", Sample.ours)) { url in
      let url = try CollectorURL("http://localhost:\(url.port)")
      return try await self.withClient(lookup: lookup) { await $0.identity(at: url) }
    }
    #expect(answer == .collector(instance: "i-1"))
  }

  @Test("A receiver that should speak TLS and does not tells nothing")
  func plaintext() async throws {
    let answer = try await withBytes(Sample.response("200 OK", Sample.ours)) { url in
      let url = try CollectorURL("https://\(url.authority)")
      return try await self.withClient { await $0.identity(at: url) }
    }
    guard case .silent = answer else {
      Issue.record("\(answer)")
      return
    }
  }

  // MARK: Reports

  private func ages(_ answer: String, of proxies: [ProxyID] = [Self.web]) async throws -> [ProxyID: Duration]? {
    try await withBytes(answer) { url in
      try await self.withClient { await $0.reportAges(of: proxies, at: url) }
    }
  }

  @Test("Only ages of the proxies that were asked for are taken")
  func hostileAges() async throws {
    func senders(_ text: String) -> String { Sample.response("200 OK", #"{"instance":"i","senders":\#(text)}"#) }
    #expect(try await ages(senders(#"[{"node":"shop.web","age":1500}]"#)) == [Self.web: .milliseconds(1500)])
    #expect(try await ages(senders(#"[{"node":"shop.web","age":-5}]"#)) == [Self.web: .zero])
    #expect(try await ages(senders(#"[{"node":"shop.web","age":1e300}]"#)) == [:])
    #expect(
      try await ages(senders(#"[{"node":"shop.web","age":9223372036854775807}]"#))
        == [Self.web: .milliseconds(Int64.max)])
    #expect(try await ages(senders(#"[{"node":"shop.other","age":1},{"node":7,"age":1},{"age":1},null,"web"]"#)) == [:])
    #expect(try await ages(senders(#""shop.web""#)) == nil)
    #expect(try await ages(Sample.response("404 Not Found", "")) == nil)
    let blanks = String(repeating: " ", count: 8_192)
    #expect(try await ages(senders(blanks + "[]")) == nil, "an answer about one proxy is short")
  }

  @Test("Many proxies are asked for in parts")
  func parts() async throws {
    let proxies = (0..<2_500).map { ProxyID(mesh: "shop", name: "p\($0)") }
    let sizes = Mutex<[Int]>([])
    let ages = try await LoopbackServer.run { request, body in
      let question = try? DocumentValue(json: body)
      let nodes = question?["nodes"]?.array ?? []
      sizes.withLock { $0.append(nodes.count) }
      guard request.method == .post, request.path == "/receiver/senders",
        question?["authority"]?.string == request.authority
      else { return (HTTPResponse(status: .badRequest), []) }
      let senders = nodes.map { node -> DocumentValue in ["node": node, "age": 3] }
      let answer: DocumentValue = ["senders": .array(senders)]
      return (HTTPResponse(status: .ok), Array(answer.json().utf8))
    } _: { base in
      let url = try CollectorURL("\(base)/api/v2/spans")
      return try await self.withClient { await $0.reportAges(of: proxies, at: url) }
    }
    #expect(ages?.count == 2_500 && sizes.withLock { $0 } == [1_000, 1_000, 500])
  }
}
