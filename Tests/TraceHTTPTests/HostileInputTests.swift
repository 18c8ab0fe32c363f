import Deflate
import HTTPTypes
import JSONText
import PrometheusMetrics
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// Input that means harm, in every format: it is refused or stored as it is, and what is well stays well.
@Suite(.heavy) struct HostileInputTests {
  private static let script = #"</script><script>alert(1)</script>"'&\u{202E}"#

  /// The requests that a hostile sender would make of one text.
  private static func requests(_ text: String) -> [(path: String, type: String, body: [UInt8])] {
    var quoted = JSONWriter()
    quoted.string(text)
    let json = String(decoding: quoted.bytes, as: UTF8.self)
    let v2 = """
      [{"traceId":"a1","id":"1","name":\(json),"localEndpoint":{"serviceName":\(json),"ipv4":\(json)},
      "remoteEndpoint":{"serviceName":\(json)},"annotations":[{"timestamp":1,"value":\(json)}],"tags":{\(json):\(json)}}]
      """
    let v1 = """
      [{"traceId":"a2","id":"1","name":\(json),"annotations":[{"timestamp":1,"value":\(json),
      "endpoint":{"serviceName":\(json),"ipv6":\(json)}}],"binaryAnnotations":[{"key":\(json),"value":\(json)}]}]
      """
    let otlp = """
      {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":\(json)}},
      {"key":\(json),"value":{"stringValue":\(json)}}]},"scopeSpans":[{"scope":{"name":\(json),"version":\(json)},
      "spans":[{"traceId":"a3","spanId":"1","name":\(json),"traceState":\(json),"status":{"code":2,"message":\(json)},
      "kind":3,"attributes":[{"key":\(json),"value":{"stringValue":\(json)}},
      {"key":"peer.service","value":{"stringValue":\(json)}}],"events":[{"name":\(json)}]}]}]}]}
      """
    let zipkin = ProtobufBytes { list in
      list.message(1) { span in
        span.id(1, 0xa4)
        span.id(3, 1)
        span.text(5, text)
        span.message(8) { $0.text(1, text) }
        span.message(11) {
          $0.text(1, text)
          $0.text(2, text)
        }
      }
    }.bytes
    let protobuf = ProtobufBytes.request(service: text) {
      $0.id(1, 0, 0xa5)
      $0.id(2, 1)
      $0.text(5, text)
      $0.attribute(9, text, text)
    }
    return [
      ("/api/v2/spans", "application/json", Array(v2.utf8)), ("/api/v1/spans", "application/json", Array(v1.utf8)),
      ("/v1/traces", "application/json", Array(otlp.utf8)), ("/api/v2/spans", "application/x-protobuf", zipkin),
      ("/v1/traces", "application/x-protobuf", protobuf),
    ]
  }

  private func post(_ collector: TestCollector, _ request: (path: String, type: String, body: [UInt8])) async -> Reply {
    await collector.send(.post, request.path, request.body, fields: [.contentType: request.type])
  }

  @Test("Script in every field is stored as text and answered as JSON") func script() async throws {
    let collector = try TestCollector()
    for (index, request) in Self.requests(Self.script).enumerated() {
      let stored = await post(collector, request)
      #expect(stored.status == 202 || stored.status == 200)
      #expect(collector.store.spanCount == index + 1)
    }
    for id in ["a1", "a2", "a3", "a4", "a5"] {
      let trace = await collector.get("/api/v2/trace/\(id)")
      #expect(trace.status == 200)
      #expect(trace.field("Content-Type") == "application/json")
      #expect(trace.field("X-Content-Type-Options") == "nosniff")
      struct Named: Decodable {
        let name: String
        let tags: [String: String]?
      }
      #expect(try trace.json([Named].self).map(\.name) == [Self.script.lowercased()])
      let jaeger = await collector.get("/api/export/jaeger/\(id)")
      #expect(jaeger.field("Content-Disposition")?.contains("script") == false)
    }
  }

  @Test(
    "Zero bytes and names of a megabyte are refused in every format",
    arguments: [
      "a\u{0}b", String(repeating: "n", count: 1_000_000),
    ])
  func names(name: String) async throws {
    let collector = try TestCollector()
    for request in Self.requests(name) {
      let reply = await post(collector, request)
      #expect(reply.status == (request.body.count > 10 << 20 ? 413 : 400), "\(request.path) \(request.type)")
    }
    #expect(collector.store.spanCount == 0)
    #expect(await collector.post(#"[{"traceId":"1","id":"1"}]"#).status == 202)
  }

  @Test("100,000 tags in one span concern that span only, in every format") func manyTags() async throws {
    let collector = try TestCollector()
    let count = 100_000
    let plain = (0..<count).map { #""t\#($0)":"v""# }.joined(separator: ",")
    let binary = (0..<count).map { #"{"key":"t\#($0)","value":"v"}"# }.joined(separator: ",")
    let attributes = (0..<count).map { #"{"key":"t\#($0)","value":{"stringValue":"v"}}"# }.joined(separator: ",")
    let zipkin = ProtobufBytes { list in
      list.message(1) { span in
        span.id(1, 1)
        span.id(3, 1)
        for index in 0..<count {
          span.message(11) {
            $0.text(1, "t\(index)")
            $0.text(2, "v")
          }
        }
      }
      list.message(1) {
        $0.id(1, 2)
        $0.id(3, 2)
      }
    }.bytes
    let otlp = ProtobufBytes.request(
      { span in
        span.id(1, 0, 1)
        span.id(2, 1)
        for index in 0..<count { span.attribute(9, "t\(index)", "v") }
      },
      {
        $0.id(1, 0, 2)
        $0.id(2, 2)
      })
    let good = #"{"traceId":"2","id":"2"}"#
    let requests: [(path: String, type: String, body: [UInt8])] = [
      ("/api/v2/spans", "application/json", Array(#"[{"traceId":"1","id":"1","tags":{\#(plain)}},\#(good)]"#.utf8)),
      (
        "/api/v1/spans", "application/json",
        Array(#"[{"traceId":"1","id":"1","binaryAnnotations":[\#(binary)]},\#(good)]"#.utf8)
      ),
      (
        "/v1/traces", "application/json",
        Array(
          (#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1","spanId":"1","attributes":[\#(attributes)]},"#
            + #"{"traceId":"2","spanId":"2"}]}]}]}"#).utf8)
      ),
      ("/api/v2/spans", "application/x-protobuf", zipkin), ("/v1/traces", "application/x-protobuf", otlp),
    ]
    for (index, request) in requests.enumerated() {
      let reply = await post(collector, request)
      #expect(reply.status == 202 || reply.status == 200)
      #expect(reply.text.contains("more than 512 tags"), "\(request.path) \(request.type)")
      #expect(collector.store.spanCount == index + 1)
    }
  }

  @Test("100,000 attributes of a resource are refused for all its spans") func manyResourceAttributes() async throws {
    let collector = try TestCollector()
    let body = ProtobufBytes { request in
      request.message(1) { resource in
        resource.message(1) { for index in 0..<100_000 { $0.attribute(1, "t\(index)", "v") } }
        resource.message(2) { scope in
          for id in 1...3 {
            scope.message(2) {
              $0.id(1, 0, 1)
              $0.id(2, UInt64(id))
            }
          }
        }
      }
    }.bytes
    let reply = await post(collector, ("/v1/traces", "application/x-protobuf", body))
    #expect(reply.status == 400)
    #expect(reply.text.contains("span 2: more than 512 tags"))
  }

  @Test("A bomb of 100 MB is refused in every format, however it is packed") func bombs() async throws {
    let collector = try TestCollector()
    let bomb = try Gzip.compress([UInt8](repeating: 0x20, count: 100 << 20))
    // Many members that are small by themselves.
    let members = Array(repeatElement(try Gzip.compress([UInt8](repeating: 0x20, count: 1 << 20)), count: 100).joined())
    for packed in [bomb, members] {
      #expect(packed.count < 1 << 20)
      for request in Self.requests("x") {
        let reply = await collector.send(
          .post, request.path, packed, fields: [.contentType: request.type, .contentEncoding: "gzip"])
        #expect(reply.status == 413)
        // Long before the bound of 10 MiB is reached.
        #expect(reply.text.contains("the decompressed body is larger than 200 times the compressed one"))
      }
    }
    #expect(collector.store.spanCount == 0)
  }

  @Test("JSON nested without end is refused in every format") func nesting() async throws {
    let collector = try TestCollector()
    for open in ["[", #"{"a":"#, #"[{"tags":"#, #"{"resourceSpans":["#] {
      let body = Array(String(repeating: open, count: 100_000).utf8)
      for path in ["/api/v2/spans", "/api/v1/spans", "/api/import", "/v1/traces"] {
        let reply = await post(collector, (path, "application/json", body))
        #expect(reply.status == 400)
      }
    }
  }

  @Test("Before anything is parsed, what cannot be stored is refused") func admission() async throws {
    let collector = try TestCollector { $0.limits.waitingSpans = 0 }
    for request in Self.requests("x") {
      let reply = await post(collector, request)
      #expect(reply.status == 503)
      #expect(reply.field("Retry-After") == "1")
    }
    #expect(collector.api.metrics.requestsFailed.value == 5)
  }
}
