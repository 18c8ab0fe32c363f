import Foundation
import HTTPTypes
import Testing
import TraceAnalysis
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What the collector says of its senders, and that it says what it does not store or changes.
@Suite struct SendersAPITests {
  private struct Answer: Decodable {
    var found: Int
    var senders: [Sender]
  }

  private struct Sender: Decodable {
    struct Listener: Decodable, Equatable {
      var side: String
      var cluster: String
      var spans: Int
    }
    struct Refusal: Decodable, Equatable {
      var reason: String
      var spans: Int
      var requests: Int
    }
    struct Last: Decodable {
      var reason: String
      var status: Int
      var time: Int64
    }

    var id: String
    var kind: String
    var node: String?
    var services: [String]
    var formats: [String]
    var userAgent: String
    var spans: Int
    var listeners: [Listener]
    var refusedSpans: Int
    var refused: [Refusal]
    var lastRefusal: Last?
    var lastStored: Int64?
    var clockOffset: Int64?
    var wrongUnit: String?
    var brokenIds: Int
    var remarks: [String: Int]
    var unknownKeys: [String]
    var newestTrace: String?
    var advice: [String]
  }

  private func senders(_ collector: TestCollector, _ query: String = "") async throws -> [Sender] {
    try await collector.get("/api/senders\(query)").json(Answer.self).senders
  }

  private func otlp(_ collector: TestCollector, _ json: String) async -> Reply {
    await collector.send(.post, "/v1/traces", Array(json.utf8), fields: [.contentType: "application/json"])
  }

  private struct Partial: Decodable {
    struct Inner: Decodable {
      var rejectedSpans: String
      var errorMessage: String
    }
    var partialSuccess: Inner
  }

  @Test("A proxy's spans are counted by listener in every format, when they are stored") func listeners() async throws {
    let collector = try TestCollector()
    let time = TestCollector.now * 1_000
    let json = """
      [{"traceId":"a","id":"1","kind":"SERVER","timestamp":\(time),"duration":5,"localEndpoint":{"serviceName":"Web"},
        "tags":{"component":"proxy","node_id":"default.web-1","upstream_cluster":"localhost:8080"}},
       {"traceId":"a","id":"2","kind":"CLIENT","timestamp":\(time),"localEndpoint":{"serviceName":"web"},
        "tags":{"node_id":"default.web-1","upstream_cluster":"backend"}}]
      """
    #expect(await collector.post(json).status == 202)
    let request =
      #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"#
      + #""scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000b","spanId":"0000000000000003","name":"x","kind":2,"#
      + #""attributes":[{"key":"node_id","value":{"stringValue":"default.web-1"}},"#
      + #"{"key":"upstream_cluster","value":{"stringValue":"localhost:8080"}}]}]}]}]}"#
    #expect(await otlp(collector, request).text == "{}")
    let sender = try #require(try await senders(collector, "?node=default.web-1").first)
    #expect(sender.kind == "proxy")
    #expect(sender.node == "default.web-1")
    #expect(sender.services == ["web"])
    #expect(sender.formats == ["zipkin-json", "otlp-json"])
    #expect(sender.spans == 3)
    #expect(
      sender.listeners == [
        .init(side: "client", cluster: "backend", spans: 1),
        .init(side: "server", cluster: "localhost:8080", spans: 2),
      ])
    #expect(sender.clockOffset == 0)
    #expect(sender.newestTrace == "000000000000000b")
    #expect(sender.advice == [])
    #expect(try await senders(collector, "?service=WEB").count == 1)
    #expect(try await senders(collector, "?service=other").isEmpty)
    #expect(try await senders(collector, "?node=default.web-2").isEmpty)
    #expect(await collector.get("/api/senders?limit=0").status == 400)
    #expect(await collector.get("/api/senders?limit=10001").status == 400)
  }

  @Test("What is refused is counted for its sender with the reason, stored spans beside it or not") func refusals()
    async throws
  {
    let collector = try TestCollector { $0.limits.tagsPerSpan = 2 }
    let many = #""node_id":"default.web-1","upstream_cluster":"a","third":"x""#
    #expect(await collector.post("[{\"traceId\":\"a\",\"id\":\"1\",\"tags\":{\(many)}}]").status == 400)
    let reply = await collector.post(
      #"[{"traceId":"a","id":"1","tags":{"node_id":"default.web-1"}},"#
        + #"{"traceId":"a","id":"zz","tags":{"node_id":"default.web-1"}}]"#)
    #expect(reply.status == 202)
    let sender = try #require(try await senders(collector, "?node=default.web-1").first)
    #expect(sender.spans == 1)
    #expect(sender.refusedSpans == 2)
    #expect(sender.brokenIds == 1)
    #expect(
      Set(sender.refused.map(\.reason)) == [
        "more than 2 tags", "id must have 1 to 16 hexadecimal digits and not be zero",
      ])
    #expect(sender.lastRefusal?.status == 202)
    // Of a body that cannot be read only the program is known.
    let agent = [HTTPField.Name.userAgent: "tracer/1.0"]
    #expect(await collector.post("{", fields: agent).status == 400)
    #expect(
      await collector.send(.post, "/api/v2/spans", [], fields: [.contentType: "application/x-thrift"]).status == 415)
    let unreadable = try #require(try await senders(collector).first { $0.id == "tracer/1.0" })
    #expect(unreadable.kind == "unknown")
    #expect(unreadable.lastRefusal?.status == 400)
    #expect(unreadable.refused.map(\.requests) == [1])
  }

  @Test("OTLP with keys of another spelling gets a partial success that names them and counts the spans")
  func keys() async throws {
    let collector = try TestCollector()
    let span = #"{"traceId":"0000000000000000000000000000000a","spanId":"0000000000000001","name":"x"}"#
    for (body, rejected, words) in [
      (
        #"{"resource_spans":[{"scope_spans":[{"spans":[\#(span),\#(span)]}]}]}"#, 2,
        ["resource_spans", "resourceSpans"]
      ),
      (#"{"resourceSpans":[{"scope_spans":[{"spans":[\#(span)]}]}]}"#, 1, ["scope_spans"]),
      (
        #"{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{},"spans":[\#(span),\#(span),\#(span)]}]}]}"#,
        3, ["instrumentationLibrarySpans"]
      ),
      (
        #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"trace_id":"0000000000000000000000000000000a","spanId":"0000000000000001"}]}]}]}"#,
        1, ["trace_id", "traceId is missing"]
      ),
      (
        #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000a","spanId":"0000000000000001","start_time_unix_nano":"5"}]}]}]}"#,
        0, ["start_time_unix_nano"]
      ),
    ] {
      let reply = await otlp(collector, body)
      #expect(reply.status == 200, "\(body)")
      let partial = try reply.json(Partial.self).partialSuccess
      #expect(partial.rejectedSpans == String(rejected), "\(body)")
      for word in words { #expect(partial.errorMessage.contains(word), "\(partial.errorMessage)") }
    }
    #expect(collector.store.spanCount == 1)
    // A key of a later version of the protocol is ignored, as it demands, and the sender is not told each time.
    #expect(
      await otlp(collector, #"{"resourceSpans":[{"scopeSpans":[{"spans":[],"later":1}],"schemaUrl":"x"}]}"#).text
        == "{}")
    let known = try await senders(collector)
    #expect(known.contains { $0.kind == "unknown" && $0.refused.contains { $0.requests == 3 } })
    #expect(known.contains { $0.unknownKeys.contains("start_time_unix_nano") })
  }

  @Test("OTLP in protobuf with texts in the place of bytes, or of the old library spans, gets the same") func bytes()
    async throws
  {
    let collector = try TestCollector()
    let text = ProtobufBytes.request { span in
      span.data(1, Array("0000000000000000000000000000000a".utf8))
      span.data(2, Array("0000000000000001".utf8))
    }
    let type = [HTTPField.Name.contentType: "application/x-protobuf"]
    let reply = await collector.send(.post, "/v1/traces", text, fields: type)
    #expect(reply.status == 200)
    #expect(reply.text.contains("trace_id has 32 hexadecimal digits in the place of 16 bytes"))
    // ResourceSpans with field 1000, which has two spans (2).
    let library: [UInt8] = [0x12, 0, 0x12, 0]
    let resource: [UInt8] = [0xC2, 0x3E, UInt8(library.count)] + library
    let old = await collector.send(.post, "/v1/traces", [0x0A, UInt8(resource.count)] + resource, fields: type)
    #expect(old.status == 200)
    #expect(old.text.contains("2 spans were not read, since OTLP has not had instrumentation_library_spans"))
    #expect(!old.text.contains("JSON"))
    #expect(old.text.contains("instrumentation_library_spans"))
    // An id of a wrong length that is no text stays an error.
    let wrong = ProtobufBytes.request { $0.data(1, [1, 2, 3]) }
    #expect(await collector.send(.post, "/v1/traces", wrong, fields: type).status == 400)
  }

  @Test("What is changed in a span is said in the answer and counted for the sender") func remarks() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(
      #"[{"traceId":"a","id":"1","parentId":"1","timestamp":-5,"localEndpoint":{"serviceName":"odd","ipv4":"here"},"Spanid":1}]"#
    )
    #expect(reply.status == 202)
    for word in ["the parent was the span's own id", "negative", "not an IP address", "Spanid"] {
      #expect(reply.text.contains(word), "\(reply.text)")
    }
    let time = TestCollector.now
    let unit = await collector.post(
      #"[{"traceId":"a","id":"2","timestamp":\#(time),"localEndpoint":{"serviceName":"millis"}}]"#)
    #expect(unit.text.contains("another unit"))
    let known = try await senders(collector)
    let odd = try #require(known.first { $0.services == ["odd"] })
    #expect(
      odd.remarks == ["parent-is-itself": 1, "negative-time": 1, "no-address": 1, "unknown-key": 1])
    let millis = try #require(known.first { $0.services == ["millis"] })
    #expect(millis.wrongUnit == "milliseconds")
    #expect(millis.advice.contains { $0.contains("microseconds") })
  }

  @Test("Secrets in names are hidden, and a file that a person brings has no sender") func names() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(
      #"[{"traceId":"a","id":"1","localEndpoint":{"serviceName":"a?access_token=s3cret-1"},"#
        + #""tags":{"node_id":"https://ada:s3cret-2@h/"}}]"#, fields: [.userAgent: "x?access_token=s3cret-3"])
    #expect(reply.status == 202)
    #expect(await collector.send(.post, "/api/import", Array(#"[{"traceId":"b","id":"2"}]"#.utf8)).status == 202)
    let text = await collector.get("/api/senders").text
    #expect(text.contains("REDACTED"))
    #expect(!text.contains("s3cret"))
    #expect(try await senders(collector).count == 1)
  }
}
