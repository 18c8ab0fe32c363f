import Foundation
import HTTPService
import HTTPTypes
import Testing
import TraceAnalysis

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What control planes ask the collector.
@Suite struct ReceiverTests {
  private struct Receiver: Decodable {
    let product: String
    let version: String
    let instance: String
    let formats: [String]
  }

  private struct Senders: Decodable {
    struct Sender: Decodable, Equatable {
      let node: String
      let age: Int
      let format: String
    }
    let instance: String
    let senders: [Sender]
  }

  private static func ask(_ collector: TestCollector, _ body: String, type: String = "application/json") async -> Reply
  {
    await collector.send(.post, "/receiver/senders", Array(body.utf8), fields: [.contentType: type])
  }

  private static func known(_ collector: TestCollector, _ nodes: [String]) async throws -> [String: String] {
    let list = nodes.map { "\"\($0)\"" }.joined(separator: ",")
    let reply = await ask(collector, #"{"authority":"127.0.0.1","nodes":[\#(list)],"later":1}"#)
    let senders = try reply.json(Senders.self).senders
    #expect(senders.map(\.node) == nodes.filter { node in senders.contains { $0.node == node } })
    #expect(senders.allSatisfy { $0.age >= 0 })
    return Dictionary(uniqueKeysWithValues: senders.map { ($0.node, $0.format) })
  }

  @Test("the collector says which product, run and formats it is") func identity() async throws {
    let collector = try TestCollector()
    let first = try await collector.get("/receiver").json(Receiver.self)
    #expect(first.product == "kuma-trace")
    #expect(UUID(uuidString: first.instance) != nil)
    #expect(first.formats == ["zipkin-json", "zipkin-protobuf-envoy", "otlp"])
    #expect(first.instance == collector.api.identity.instance)
    // Each run has another instance, and what a question about senders answers is of the same run.
    #expect(try await TestCollector().get("/receiver").json(Receiver.self).instance != first.instance)
    let senders = try await Self.ask(collector, #"{"authority":"a","nodes":[]}"#).json(Senders.self)
    #expect(senders.instance == first.instance)
    #expect(senders.senders.isEmpty)
  }

  @Test("a report of every format is remembered by its Envoy, and one of another sender is not")
  func formats() async throws {
    let collector = try TestCollector()
    func json(_ id: Int, _ tags: String) -> String { #"{"traceId":"\#(id)","id":"\#(id)","tags":{\#(tags)}}"# }
    // Zipkin's JSON, small and large. Each valid span counts for its own Envoy.
    let other = json(2, #""node_id":"other""#)
    let invalid = #"{"id":"1","tags":{"node_id":"invalid"}}"#
    let small = "[\(invalid),\(json(1, #""component":"proxy","node_id":"json""#)),\(other)]"
    #expect(await collector.post(small).status == 202)
    let long = String(repeating: "x", count: 20_000)
    #expect(await collector.post("[\(json(3, #""node_id":"large","x":"\#(long)""#))]").status == 202)
    #expect(
      await collector.post("[\(json(4, #""component":"proxy""#)),\(json(5, #""node_id":"second""#))]").status == 202)
    // Refused reports do not count.
    #expect(await collector.post(#"[{"id":"1","tags":{"node_id":"refused"}}]"#).status == 400)
    let version1 =
      #"[{"traceId":"6","id":"6","name":"x","binaryAnnotations":[{"key":"node_id","value":"v1"}]}]"#
    #expect(await collector.send(.post, "/api/v1/spans", Array(version1.utf8)).status == 202)
    // Protobuf: a list (1) of one span with trace_id (1), id (3) and a tag (11).
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    let tag = field(11, field(1, Array("node_id".utf8)) + field(2, Array("protobuf".utf8)))
    let id: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 7]
    let list = field(1, field(1, id) + field(3, id) + tag)
    #expect(await collector.post(list, fields: [.contentType: "application/x-protobuf"]).status == 202)
    let otlp =
      #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000008","#
      + #""spanId":"0000000000000008","name":"x","startTimeUnixNano":"1","endTimeUnixNano":"2","#
      + #""attributes":[{"key":"node_id","value":{"stringValue":"otlp"}}]}]}]}]}"#
    let reply = await collector.send(
      .post, "/v1/traces", Array(otlp.utf8), fields: [.contentType: "application/json"])
    #expect(reply.status == 200)
    let file = Array("[\(json(9, #""node_id":"file""#))]".utf8)
    #expect(await collector.send(.post, "/api/import", file).status == 202)
    let nodes = ["otlp", "json", "large", "v1", "protobuf", "other", "invalid", "second", "refused", "file", ""]
    #expect(
      try await Self.known(collector, nodes) == [
        "otlp": "otlp-json", "json": "zipkin-json", "other": "zipkin-json", "second": "zipkin-json",
        "large": "zipkin-json", "v1": "zipkin-v1-json", "protobuf": "zipkin-protobuf",
      ])
    // In this process the same is known.
    #expect(collector.api.senders.arrivals(of: nodes, at: "127.0.0.1").count == 7)
    #expect(collector.api.senders.arrivals(of: nodes, at: "127.0.0.1:9411").isEmpty)
  }

  @Test("a wrong question gets a sentence that names the field")
  func wrongQuestions() async throws {
    let collector = try TestCollector()
    let many = Array(repeating: #""a""#, count: 10_001).joined(separator: ",")
    for (body, status, problem) in [
      ("", 400, "the body is not valid JSON"), ("nonsense", 400, "the body is not valid JSON"),
      ("[]", 400, "the body must be an object"), (#"{"nodes":[]}"#, 400, "authority is missing"),
      (#"{"authority":"a"}"#, 400, "nodes is missing"),
      (#"{"authority":1,"nodes":[]}"#, 400, "authority must be a text"),
      (#"{"authority":"a","nodes":{}}"#, 400, "nodes must be a list of texts"),
      (#"{"authority":"a","nodes":["a",null]}"#, 400, "nodes[1] must be a text"),
      (#"{"authority":"a","nodes":[\#(many)]}"#, 400, "nodes has 10001 elements; ask for at most 10000 at once"),
      (String(repeating: "[", count: 100_000), 400, "the body is not valid JSON"),
      (String(repeating: " ", count: 1 << 20) + "{}", 413, "the body is larger than 1048576 bytes"),
    ] {
      let reply = await Self.ask(collector, body)
      #expect(reply.status == status, "\(body.prefix(60))")
      #expect(reply.text.hasPrefix(problem), "\(body.prefix(60)): \(reply.text)")
    }
    let text = await Self.ask(collector, "{}", type: "text/plain")
    #expect(text.status == 415)
    #expect(text.text.contains("application/json"))
    #expect(await collector.get("/receiver/senders").status == 405)
    #expect(await collector.send(.post, "/receiver").status == 405)
  }
}
