import Deflate
import HTTPService
import HTTPTypes
import PrometheusMetrics
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// OpenTelemetry's protocol over HTTP: what is answered, and the bounds on what is sent.
@Suite struct OTLPAnswerTests {
  private func send(
    _ collector: TestCollector, _ body: [UInt8], type: String = "application/x-protobuf", path: String = "/v1/traces",
    method: HTTPRequest.Method = .post, encoding: String? = nil
  ) async -> Reply {
    var request = HTTPRequest(method: method, scheme: "http", authority: "127.0.0.1", path: path)
    request.headerFields[.contentType] = type
    if let encoding { request.headerFields[.contentEncoding] = encoding }
    let (response, body) = await collector.api.respondToOTLP(request, body: body).message(to: request)
    return Reply(status: response.status.code, fields: response.headerFields, body: body)
  }

  @Test("What is stored whole gets an empty response, of the request's type, on both ports") func success() async throws
  {
    let collector = try TestCollector()
    let protobuf = await send(collector, OTLPSample.protobuf)
    #expect(protobuf.status == 200)
    #expect(protobuf.body == [])
    #expect(protobuf.field("Content-Type") == "application/x-protobuf")
    let json = await collector.send(
      .post, "/v1/traces", Array(OTLPSample.json.utf8), fields: [.contentType: "application/json; charset=utf-8"])
    #expect(json.status == 200)
    #expect(json.text == "{}")
    #expect(json.field("Content-Type") == "application/json")
    #expect(await send(collector, []).status == 200)
    #expect(await send(collector, Array("{}".utf8), type: "application/json").status == 200)
    let packed = try Gzip.compress(OTLPSample.protobuf)
    #expect(await send(collector, packed, encoding: "gzip").status == 200)
    // The same span three times.
    #expect(collector.store.spanCount == 3)
    #expect(try await collector.store.trace(TraceID(low: 0x80f1_da5e_1014_7517)) == [OTLPSample.expected])
  }

  @Test("A bad span leaves the others, and the answer says which and why") func partial() async throws {
    let collector = try TestCollector()
    let good: (inout ProtobufBytes) -> Void = {
      $0.id(1, 1, 2)
      $0.id(2, 3)
    }
    let body = ProtobufBytes.request(
      { $0.id(1, 1, 2) }, good, { $0.data(1, [1]) },
      {
        good(&$0)
        $0.raw([0x3a, 0x7f])
      })
    let reply = await send(collector, body)
    #expect(reply.status == 200)
    let reasons =
      "span 0: id is missing; span 2: trace_id must have 16 bytes and not be zero; "
      + "span 3: byte \(body.count - 1): a value of 127 bytes goes beyond the end of its message"
    #expect(
      reply.body
        == ProtobufBytes {
          $0.message(1) {
            $0.number(1, 3)
            $0.text(2, reasons)
          }
        }.bytes)
    #expect(collector.store.spanCount == 1)
    let json = await send(
      collector,
      Array(
        #"{"resourceSpans":[{"scopeSpans":[{"spans":[7,{"traceId":"01","spanId":"02","kind":"X"},{"traceId":"1","spanId":"1"}]}]}]}"#
          .utf8),
      type: "application/json")
    #expect(json.status == 200)
    #expect(
      json.text == #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"span 0: a span must be an object; "#
        + #"span 1: kind must be a number or a name such as SPAN_KIND_CONSUMER"}}"#)
    #expect(collector.store.spanCount == 2)
    #expect(collector.api.metrics.spansRejected.value == 5)
  }

  @Test("Errors are google.rpc.Status in the request's type") func errors() async throws {
    let collector = try TestCollector { $0.limits.spansPerRequest = 1 }
    func status(_ code: UInt64, _ message: String) -> [UInt8] {
      ProtobufBytes {
        $0.number(1, code)
        $0.text(2, message)
      }.bytes
    }
    let damaged = await send(collector, [0x0a, 1])
    #expect(damaged.status == 400)
    #expect(damaged.field("Content-Type") == "application/x-protobuf")
    #expect(
      damaged.body
        == status(
          3,
          "the body is not an ExportTraceServiceRequest in protobuf: byte 1: a value of 1 bytes goes beyond the end "
            + "of its message"))
    let noJSON = await send(collector, Array("{\n\"resourceSpans\":[".utf8), type: "application/json")
    #expect(noJSON.status == 400)
    #expect(
      noJSON.text == #"{"code":3,"message":"the body is not an ExportTraceServiceRequest in JSON: line 2, column 18 "#
        + #"(byte 19): a value or the end is missing: the input ends"}"#)
    let wrong = await send(collector, Array(#"{"resourceSpans":7}"#.utf8), type: "application/json")
    #expect(wrong.status == 400)
    #expect(wrong.text.contains("resourceSpans must be a list"))
    let none = await send(collector, ProtobufBytes.request({ $0.id(1, 1, 2) }))
    #expect(none.status == 400)
    #expect(none.body == status(3, "none of the spans was stored: span 0: id is missing"))
    let many = await send(collector, ProtobufBytes.request({ _ in }, { _ in }))
    #expect(many.status == 413)
    #expect(
      many.body
        == status(
          8, "the request has more than 1 spans; send fewer per request, or raise collector.limits.spansPerRequest"))
    #expect(await send(collector, [], type: "text/plain").status == 415)
    let get = await send(collector, [], method: .get)
    #expect(get.status == 405)
    #expect(get.field("Allow") == "POST")
    #expect(await send(collector, [], path: "/api/v2/services", method: .get).status == 404)
    try collector.store.close()
    let closed = await send(collector, OTLPSample.protobuf)
    #expect(closed.status == 503)
    #expect(closed.field("Retry-After") == "1")
    #expect(closed.body == status(14, "the trace store has been closed; send again when it is open"))
    var request = HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/v1/traces")
    request.headerFields[.contentType] = "application/json"
    let overloaded = collector.api.refuse(request, because: .overloaded)
    #expect(overloaded.status.code == 503)
    #expect(
      String(decoding: overloaded.body, as: UTF8.self)
        == #"{"code":14,"message":"spans arrive faster than they can be stored; send again later"}"#)
    // Exporters do not send again after 408.
    let late = collector.api.refuse(request, because: .late)
    #expect(late.status.code == 503)
    #expect(late.fields[.retryAfter] == "1")
    #expect(
      String(decoding: late.body, as: UTF8.self)
        == #"{"code":14,"message":"the request did not arrive in time; send it again, faster or in smaller parts"}"#)
  }

  @Test("A large resource repeated in many spans is bounded") func amplification() async throws {
    let collector = try TestCollector { $0.limits.textBytesPerRequest = 10_000 }
    let body = ProtobufBytes { request in
      request.message(1) { resource in
        resource.message(1) { $0.attribute(1, "big", String(repeating: "x", count: 3_000)) }
        resource.message(2) { scope in
          for id in 1...5 {
            scope.message(2) {
              $0.id(1, 1, 2)
              $0.id(2, UInt64(id))
            }
          }
        }
      }
    }.bytes
    let reply = await send(collector, body)
    #expect(reply.status == 200)
    #expect(reply.text.contains("the request is larger than 10000 bytes"))
    #expect(collector.store.spanCount == 3)
  }

  @Test("Deeply nested values reject their span only, or the request") func nesting() async throws {
    let collector = try TestCollector()
    func nested(_ depth: Int) -> [UInt8] {
      (0..<depth).reduce(into: ProtobufBytes { $0.text(1, "x") }.bytes) { value, _ in
        let inner = value
        value = ProtobufBytes { $0.message(5) { $0.data(1, inner) } }.bytes
      }
    }
    func body(_ depth: Int) -> [UInt8] {
      let value = nested(depth)
      return ProtobufBytes.request(
        {
          $0.id(1, 1, 2)
          $0.id(2, 3)
          $0.message(9) {
            $0.text(1, "deep")
            $0.data(2, value)
          }
        },
        {
          $0.id(1, 1, 2)
          $0.id(2, 4)
        })
    }
    #expect(await send(collector, body(32)).body == [])
    let deep = await send(collector, body(10_000))
    #expect(deep.status == 200)
    #expect(deep.text.contains("nested deeper than 32 levels"))
    #expect(collector.store.spanCount == 3)
    let json =
      #"{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":"#
      + String(repeating: #"{"arrayValue":{"values":["#, count: 50_000)
    #expect(await send(collector, Array(json.utf8), type: "application/json").status == 400)
  }
}
