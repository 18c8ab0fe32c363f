import Deflate
import Dispatch
import HTTPService
import HTTPTypes
import PrometheusMetrics
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// `POST /api/v2/spans`.
@Suite struct IngestTests {
  private static let good = #"{"traceId":"1","id":"1","localEndpoint":{"serviceName":"a"}}"#

  @Test func spansAreStored() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(ZipkinSample.json, fields: [.contentType: "application/json"])
    #expect(reply.status == 202)
    #expect(reply.body.isEmpty)
    #expect(reply.field("Content-Length") == "0")
    let sent = try ParsedSpans.parse(Array(ZipkinSample.json.utf8), limits: CollectorLimits()).spans
    #expect(try await collector.store.trace(TraceID(low: 0x80f1_da5e_1014_7517)) == sent)
    #expect(collector.api.metrics.spansAccepted.value == 1)
  }

  @Test("An empty list is fine and stores nothing", arguments: ["[]", " [ ] \n", "\u{FEFF}[]"])
  func emptyList(body: String) async throws {
    let collector = try TestCollector()
    #expect(await collector.post(body).status == 202)
    #expect(collector.store.spanCount == 0)
  }

  @Test(
    "What is no list of spans is refused whole",
    arguments: ["", "null", "{}", "[", #"{"traceId":"1","id":"1"}"#, "[\(good),", "[\(good)] []", "\u{0}"])
  func noList(body: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.post(body)
    #expect(reply.status == 400)
    #expect(reply.field("Content-Type") == "text/plain; charset=utf-8")
    #expect(reply.text.hasPrefix("the body is not a JSON list of spans: line 1, column "))
    #expect(collector.store.spanCount == 0)
  }

  @Test("The good spans of a list are stored, the bad ones named")
  func partlyBad() async throws {
    struct Report: Decodable, Equatable {
      struct Rejection: Decodable, Equatable {
        let index: Int
        let reason: String
      }
      let stored: Int
      let rejected: [Rejection]
    }
    let collector = try TestCollector()
    let reply = await collector.post(#"[{"id":"1"},\#(Self.good),7]"#)
    #expect(reply.status == 202)
    let expected = Report(
      stored: 1,
      rejected: [
        .init(index: 0, reason: "traceId is missing"), .init(index: 2, reason: "a span must be an object"),
      ])
    #expect(try reply.json() == expected)
    #expect(collector.store.spanCount == 1)

    let allBad = await collector.post(#"[{"id":"1"}]"#)
    #expect(allBad.status == 400)
    #expect(try allBad.json(Report.self).stored == 0)
    let metrics = collector.api.metrics
    #expect([metrics.requests, metrics.spansAccepted, metrics.spansRejected].map(\.value) == [2, 1, 3])
  }

  @Test("JSON nested without end is refused", arguments: ["[", #"[{"a":"#, #"[{"tags":{"a":["#])
  func nesting(opening: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.post(String(repeating: opening, count: 50_000))
    #expect(reply.status == 400)
    #expect(reply.text.contains("nested deeper than 32 levels"))
  }

  // MARK: Kinds of bodies

  @Test(
    "Anything may be JSON but what says that it is something else",
    arguments: [
      (nil, 202), ("application/json", 202), ("application/json; charset=utf-8", 202), ("text/plain", 202),
      ("application/x-www-form-urlencoded", 202), ("application/x-protobuf", 400), ("Application/X-Thrift", 415),
    ] as [(String?, Int)])
  func contentTypes(type: String?, status: Int) async throws {
    let collector = try TestCollector()
    let reply = await collector.post("[\(Self.good)]", fields: type.map { [.contentType: $0] } ?? [:])
    #expect(reply.status == status)
    if status == 415 {
      #expect(reply.text.hasPrefix("spans must be sent as application/json or application/x-protobuf, not as "))
    }
    #expect(collector.store.spanCount == (status == 202 ? 1 : 0))
  }

  @Test("Packed bodies are unpacked", arguments: ["gzip", "x-gzip", "GZIP"])
  func gzipped(encoding: String) async throws {
    let collector = try TestCollector()
    let body = try Gzip.compress(Array("[\(Self.good)]".utf8))
    #expect(await collector.post(body, fields: [.contentEncoding: encoding]).status == 202)
    #expect(collector.store.spanCount == 1)
  }

  @Test("Several members of gzip make one body")
  func members() async throws {
    let collector = try TestCollector()
    let body = try Gzip.compress(Array("[\(Self.good),".utf8)) + Gzip.compress(Array("\(Self.good)]".utf8))
    #expect(await collector.post(body, fields: [.contentEncoding: "gzip"]).status == 202)
    #expect(collector.store.spanCount == 2)
  }

  @Test("A damaged packed body is refused, wherever it is cut or changed")
  func damagedGzip() async throws {
    let collector = try TestCollector()
    let body = try Gzip.compress(Array("[\(Self.good)]".utf8))
    for count in 0..<body.count {
      let reply = await collector.post(Array(body[..<count]), fields: [.contentEncoding: "gzip"])
      #expect(reply.status == 400)
      #expect(reply.text == "the body is not valid gzip: it ends too early\n")
    }
    var changed = body
    changed[body.count - 6] ^= 0xFF
    let damaged = await collector.post(changed, fields: [.contentEncoding: "gzip"])
    #expect(damaged.text == "the body is not valid gzip: it is damaged\n")
    let trailing = await collector.post(body + [1, 2, 3], fields: [.contentEncoding: "gzip"])
    #expect(trailing.status == 400)
    #expect(collector.store.spanCount == 0)
  }

  @Test("A body that unpacks to too much is refused while it is unpacked")
  func bomb() async throws {
    let collector = try TestCollector()
    // 300 MB in a few hundred kilobytes, of members that share their bytes.
    let member = try Gzip.compress([UInt8](repeating: 0x20, count: 10 << 20))
    let bomb = Array([[UInt8]](repeating: member, count: 30).joined())
    #expect(bomb.count < collector.api.limits.bodyBytes)
    let reply = await collector.post(bomb, fields: [.contentEncoding: "gzip"])
    #expect(reply.status == 413)
    #expect(
      reply.text == "the decompressed body is larger than 200 times the compressed one; send fewer spans at once\n")
  }

  @Test("Other encodings are refused", arguments: ["br", "zstd", "gzip, gzip"])
  func encodings(encoding: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.post("[]", fields: [.contentEncoding: encoding])
    #expect(reply.status == 415)
    #expect(reply.text == "the content encoding must be gzip or identity, not \(encoding)\n")
  }

  // MARK: Limits

  @Test func largeBody() async throws {
    let collector = try TestCollector { $0.limits.bodyBytes = 100 }
    let fitting = "[\(Self.good)]"
    #expect(await collector.post(fitting + String(repeating: " ", count: 100 - fitting.utf8.count)).status == 202)
    let reply = await collector.post(String(repeating: " ", count: 101))
    #expect(reply.status == 413)
    #expect(
      reply.text == "the body is larger than 100 bytes; send fewer spans at once, or raise collector.limits.bodySize\n")
    let answer = collector.api.refuse(
      HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/api/v2/spans"), because: .tooLarge)
    #expect(answer.status.code == 413)
    #expect(answer.body == reply.body)
  }

  @Test func manySpans() async throws {
    let collector = try TestCollector { $0.limits.spansPerRequest = 2 }
    let reply = await collector.post("[\(Self.good),\(Self.good),\(Self.good)]")
    #expect(reply.status == 413)
    #expect(
      reply.text
        == "the request has more than 2 spans; send fewer per request, or raise collector.limits.spansPerRequest\n")
    #expect(collector.store.spanCount == 0)
  }

  @Test("More than what may wait for the disk is refused with 503 and comes through later")
  func overload() async throws {
    let collector = try TestCollector { $0.limits.waitingSpans = 2 }
    let release = collector.holdWriter()
    let api = collector.api
    let body = Array("[\(Self.good),\(Self.good)]".utf8)
    async let first = TestCollector.send(to: api, .post, "/api/v2/spans", body)
    try await eventually { collector.store.waitingSpanCount == 2 }
    let refused = await collector.post(body)
    #expect(refused.status == 503)
    #expect(refused.field("Retry-After") == "1")
    #expect(collector.api.metrics.requestsFailed.value == 1)
    release.signal()
    #expect(await first.status == 202)
    #expect(await collector.post(body).status == 202)
    #expect(collector.store.spanCount == 4)
  }

  @Test("Bytes that wait for the disk are bounded too")
  func overloadByBytes() async throws {
    let collector = try TestCollector { $0.limits.waitingBytes = 100 }
    let release = collector.holdWriter()
    let api = collector.api
    let body = Array("[\(Self.good)]".utf8)
    async let first = TestCollector.send(to: api, .post, "/api/v2/spans", body)
    try await eventually { collector.store.waitingSpanCount == 1 }
    #expect(await collector.post(body).status == 503)
    release.signal()
    #expect(await first.status == 202)
    #expect(await collector.post(body).status == 202)
  }

  @Test("Methods that a path does not know are refused")
  func methods() async throws {
    let collector = try TestCollector()
    let put = await collector.send(.put, "/api/v2/spans", Array("[]".utf8))
    #expect(put.status == 405)
    #expect(put.field("Allow") == "GET, HEAD, POST")
    let post = await collector.send(.post, "/api/v2/traces", Array("[]".utf8))
    #expect(post.status == 405)
    #expect(post.field("Allow") == "GET, HEAD")
  }
}
