import Deflate
import HTTPService
import HTTPTypes
import PrometheusMetrics
import Testing

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// OpenTelemetry's protocol over HTTP, in protobuf and in JSON.
@Suite struct OTLPTests {
  static let start: UInt64 = 1_790_812_740_000_000_123

  static let protobuf = ProtobufBytes { request in
    request.message(1) { resource in
      // Spans before what they belong to: fields may come in any order.
      resource.message(2) { scope in
        scope.message(2) { span in
          span.id(1, 0x5982_fe77_0083_10cc, 0x80f1_da5e_1014_7517)
          span.id(2, 0x67fa_e425_7153_5f60)
          span.text(3, "vendor=x")
          span.id(4, 0x9039_4f6b_cffb_5d13)
          span.text(5, "GET /Cart")
          span.number(6, 3)
          span.fixed(7, start)
          span.fixed(8, start + 2_500_999)
          span.attribute(9, "text", "a\"b")
          span.attribute(9, "yes") { $0.number(2, 1) }
          span.attribute(9, "count") { $0.number(3, UInt64(bitPattern: -5)) }
          span.attribute(9, "ratio") { $0.fixed(4, (0.25).bitPattern) }
          span.attribute(9, "whole") { $0.fixed(4, (3.0).bitPattern) }
          span.attribute(9, "nan") { $0.fixed(4, Double.nan.bitPattern) }
          span.attribute(9, "list") { value in
            value.message(5) { list in
              list.message(1) { $0.text(1, "x\n") }
              list.message(1) { $0.number(3, 7) }
              list.message(1) { $0.message(5) { _ in } }
            }
          }
          span.attribute(9, "map") { $0.message(6) { $0.attribute(1, "k", "v") } }
          span.attribute(9, "bytes") { $0.data(7, [1, 2, 255]) }
          span.attribute(9, "server.address", "Cart.example")
          span.attribute(9, "server.port") { $0.number(3, 8_443) }
          span.attribute(9, "network.peer.address", "10.1.2.3")
          span.number(10, 2)
          span.message(11) { event in
            event.fixed(1, start + 1_000)
            event.text(2, "exception")
            event.attribute(3, "exception.type", "Oops")
          }
          span.message(11) { event in
            event.fixed(1, start + 2_000)
            event.text(2, "retry")
          }
          span.message(13) { link in
            link.id(1, 0, 9)
            link.id(2, 8)
          }
          span.message(15) {
            $0.text(2, "it broke")
            $0.number(3, 2)
          }
        }
        scope.message(1) {
          $0.text(1, "lib")
          $0.text(2, "1.2")
        }
      }
      resource.message(1) {
        $0.attribute(1, "service.name", "Shop")
        $0.attribute(1, "host.name", "h1")
      }
    }
  }.bytes

  static let json = #"""
    {"resourceSpans":[{"scopeSpans":[{"spans":[{
      "traceId":"5982FE77008310CC80F1DA5E10147517","spanId":"67fae42571535f60","traceState":"vendor=x",
      "parentSpanId":"90394f6bcffb5d13","name":"GET /Cart","kind":"SPAN_KIND_CLIENT",
      "startTimeUnixNano":"1790812740000000123","endTimeUnixNano":1790812740002501122,
      "attributes":[
        {"key":"text","value":{"stringValue":"a\"b"}},{"key":"yes","value":{"boolValue":true}},
        {"key":"count","value":{"intValue":"-5"}},{"key":"ratio","value":{"doubleValue":0.25}},
        {"key":"whole","value":{"doubleValue":3}},{"key":"nan","value":{"doubleValue":"NaN"}},
        {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x\n"},{"intValue":7},{"arrayValue":{}}]}}},
        {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}},
        {"key":"bytes","value":{"bytesValue":"AQL/"}},
        {"key":"server.address","value":{"stringValue":"Cart.example"}},
        {"key":"server.port","value":{"intValue":8443}},
        {"key":"network.peer.address","value":{"stringValue":"10.1.2.3"}}],
      "droppedAttributesCount":2,
      "events":[{"timeUnixNano":"1790812740000001123","name":"exception",
          "attributes":[{"key":"exception.type","value":{"stringValue":"Oops"}}]},
        {"timeUnixNano":1790812740000002123,"name":"retry"}],
      "links":[{"traceId":"00000000000000000000000000000009","spanId":"0000000000000008"}],
      "status":{"message":"it broke","code":2},"flags":257,"new":{"a":[1]}}],
      "scope":{"name":"lib","version":"1.2"}}],
     "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"Shop"}},
       {"key":"host.name","value":{"stringValue":"h1"}}]},"schemaUrl":"x"}]}
    """#

  static let expected = Span(
    traceID: TraceID(high: 0x5982_fe77_0083_10cc, low: 0x80f1_da5e_1014_7517), id: 0x67fa_e425_7153_5f60,
    parentID: 0x9039_4f6b_cffb_5d13, kind: .client, name: "get /cart", timestamp: 1_790_812_740_000_000,
    duration: 2_500, localEndpoint: Endpoint(serviceName: "shop"),
    remoteEndpoint: Endpoint(serviceName: "cart.example", ipv4: "10.1.2.3", port: 8_443),
    annotations: [
      .init(timestamp: 1_790_812_740_000_001, value: #""exception": {"exception.type":"Oops"}"#),
      .init(timestamp: 1_790_812_740_000_002, value: "retry"),
    ],
    tags: [
      .init("host.name", "h1"), .init("otel.scope.name", "lib"), .init("otel.scope.version", "1.2"),
      .init("text", "a\"b"), .init("yes", "true"), .init("count", "-5"), .init("ratio", "0.25"), .init("whole", "3"),
      .init("nan", "NaN"), .init("list", #"["x\n",7,[]]"#), .init("map", #"{"k":"v"}"#), .init("bytes", "AQL/"),
      .init("server.address", "Cart.example"), .init("server.port", "8443"),
      .init("network.peer.address", "10.1.2.3"), .init("otel.status_code", "ERROR"), .init("error", "it broke"),
      .init("otlp.link.0", "0000000000000009|0000000000000008||{}|0"), .init("w3c.tracestate", "vendor=x"),
      .init("otel.dropped_attributes_count", "2"),
    ])

  @Test("Every field is read, from protobuf and from JSON") func everyField() throws {
    let limits = CollectorLimits()
    let fromProtobuf = try OTLPProtobufParser.parse(Self.protobuf, limits: limits)
    let fromJSON = try OTLPJSONParser.parse(Array(Self.json.utf8), limits: limits)
    for result in [fromProtobuf, fromJSON] {
      #expect(result.rejections == [])
      #expect(result.indices == [0])
      let span = try #require(result.spans.first)
      #expect(span.tags == Self.expected.tags)
      #expect(span == Self.expected)
      #expect(span.isError)
    }
  }

  private func convert(
    service: String? = "shop", _ build: @escaping (inout ProtobufBytes) -> Void
  ) throws -> Span {
    let body = ProtobufBytes.request(service: service) { span in
      span.id(1, 1, 2)
      span.id(2, 3)
      build(&span)
    }
    return try #require(try OTLPProtobufParser.parse(body, limits: CollectorLimits()).spans.first)
  }

  @Test("Kinds, and what is not known of one") func kinds() throws {
    let kinds: [(UInt64, Span.Kind?)] = [
      (0, nil), (1, nil), (2, .server), (3, .client), (4, .producer), (5, .consumer), (99, nil),
    ]
    for (number, kind) in kinds { #expect(try convert { $0.number(6, number) }.kind == kind) }
    #expect(try convert(service: nil) { _ in }.serviceName == "unknown_service")
    #expect(try convert(service: "") { _ in }.serviceName == "unknown_service")
  }

  @Test("Only a failed status makes an error") func statuses() throws {
    func span(_ status: UInt64, _ message: String, error: String? = nil) throws -> Span {
      try convert {
        if let error { $0.attribute(9, "error", error) }
        $0.message(15) {
          $0.text(2, message)
          $0.number(3, status)
        }
      }
    }
    #expect(try span(0, "").tags == [])
    #expect(try span(1, "").tags == [.init("otel.status_code", "OK")])
    #expect(try span(2, "").tags == [.init("otel.status_code", "ERROR"), .init("error", "")])
    #expect(try span(2, "").isError)
    #expect(try span(0, "", error: "false").tags == [])
    #expect(try span(1, "", error: "true").isError == false)
    #expect(try span(0, "", error: "true").isError)
  }

  @Test("An empty value is no text: it is left out, and null within a list or a map", arguments: [true, false])
  func emptyValues(isJSON: Bool) throws {
    let body: [UInt8]
    if isJSON {
      body = Array(
        #"""
        {"resourceSpans":[{"resource":{"attributes":[{"key":"r","value":null},{"key":"service.name","value":{}}]},
        "scopeSpans":[{"spans":[{"traceId":"1","spanId":"3","attributes":[{"key":"a"},{"key":"b","value":null},
        {"key":"c","value":{}},{"key":"d","value":{"stringValue":""}},
        {"key":"e","value":{"arrayValue":{"values":[{"stringValue":"x"},null,{},{"stringValue":""}]}}},
        {"key":"f","value":{"kvlistValue":{"values":[{"key":"k"},{"value":{"intValue":1},"key":"l"},{"key":"m","value":{}}]}}}],
        "events":[{"name":"n","attributes":[{"key":"z"}]}]}]}]}]}
        """#.utf8)
    } else {
      body =
        ProtobufBytes { request in
          request.message(1) { resource in
            resource.message(1) {
              $0.message(1) { $0.text(1, "r") }
              $0.attribute(1, "service.name") { _ in }
            }
            resource.message(2) {
              $0.message(2) { span in
                span.id(1, 0, 1)
                span.id(2, 3)
                span.message(9) { $0.text(1, "a") }
                span.attribute(9, "b") { _ in }
                span.attribute(9, "d", "")
                span.attribute(9, "e") { value in
                  value.message(5) {
                    $0.message(1) { $0.text(1, "x") }
                    $0.data(1, [])
                    $0.data(1, [])
                    $0.message(1) { $0.text(1, "") }
                  }
                }
                span.attribute(9, "f") { value in
                  value.message(6) {
                    $0.message(1) { $0.text(1, "k") }
                    $0.message(1) {
                      $0.message(2) { $0.number(3, 1) }
                      $0.text(1, "l")
                    }
                    $0.attribute(1, "m") { _ in }
                  }
                }
                span.message(11) { event in
                  event.text(2, "n")
                  event.message(3) { $0.text(1, "z") }
                }
              }
            }
          }
        }.bytes
    }
    let format = isJSON ? SpanFormat.otlpJSON : .otlpProtobuf
    let span = try #require(try format.parse(body, limits: CollectorLimits()).spans.first)
    #expect(
      span.tags == [
        .init("d", ""), .init("e", #"["x",null,null,""]"#), .init("f", #"{"k":null,"l":1,"m":null}"#),
      ])
    #expect(span.serviceName == "unknown_service")
    #expect(span.annotations.map(\.value) == [#""n": {"z":null}"#])
  }

  @Test("A failure without a text is told by its exception, or its type") func exceptions() throws {
    func error(_ status: UInt64, _ message: String, _ build: @escaping (inout ProtobufBytes) -> Void) throws -> String?
    {
      try convert {
        build(&$0)
        $0.message(15) {
          $0.text(2, message)
          $0.number(3, status)
        }
      }.tag("error")
    }
    func exception(_ attributes: [(String, String)]) -> (inout ProtobufBytes) -> Void {
      { span in
        span.attribute(9, "error.type", "500")
        span.message(11) { event in
          event.text(2, "exception")
          for (key, value) in attributes { event.attribute(3, key, value) }
        }
      }
    }
    let both = [("exception.type", "Oops"), ("exception.message", "no room")]
    #expect(try error(2, "", exception(both)) == "no room")
    #expect(try error(2, "", exception([("exception.type", "Oops"), ("exception.message", "")])) == "Oops")
    #expect(try error(2, "", exception([])) == "500")
    #expect(try error(2, "said", exception(both)) == "said")
    #expect(try error(2, "") { $0.attribute(9, "error.message", "of Datadog") } == "of Datadog")
    // An exception that was caught is no failure.
    #expect(try error(0, "", exception(both)) == nil)
    #expect(try error(1, "", exception(both)) == nil)
    #expect(
      try error(2, "") { span in
        for text in ["first", "last"] {
          span.message(11) { event in
            event.text(2, "exception")
            event.attribute(3, "exception.message", text)
          }
        }
      } == "last")
  }

  @Test("Spans name their service where the resource does not, and Datadog's the host that they call")
  func datadog() throws {
    func span(_ service: String?) throws -> Span {
      try convert(service: service) {
        $0.number(6, 3)
        $0.attribute(9, "service.name", "Shop")
        $0.attribute(9, "out.host", "Inventory.example")
        $0.attribute(9, "network.destination.port") { $0.number(3, 8_080) }
        $0.attribute(9, "peer.service", "")
      }
    }
    for service in [nil, "", "unknown_service", "unknown_service:python"] {
      let span = try span(service)
      #expect(span.serviceName == "shop")
      #expect(span.tag("service.name") == nil)
      #expect(span.remoteEndpoint == Endpoint(serviceName: "inventory.example", port: 8_080))
    }
    #expect(try span("checkout").serviceName == "checkout")
    #expect(try span("checkout").tag("service.name") == "Shop")
    #expect(try convert(service: "unknown_service:python") { _ in }.serviceName == "unknown_service:python")
    #expect(
      try convert {
        $0.number(6, 3)
        $0.attribute(9, "out.host", "10.0.0.9")
        $0.attribute(9, "db.name", "orders")
      }.remoteEndpoint == Endpoint(serviceName: "orders", ipv4: "10.0.0.9"))
  }

  @Test("Times: less than a microsecond is one, an end before the start is none") func times() throws {
    func duration(_ start: UInt64, _ end: UInt64) throws -> Int64 {
      try convert {
        $0.fixed(7, start)
        $0.fixed(8, end)
      }.duration
    }
    #expect(try duration(5_000, 5_000) == 1)
    #expect(try duration(5_000, 5_999) == 1)
    #expect(try duration(5_000, 4_000) == 0)
    #expect(try duration(0, 4_000) == 0)
    #expect(try duration(1, .max) == 18_446_744_073_709_551)
  }

  @Test("The other side") func peers() throws {
    func peer(_ kind: UInt64, _ attributes: [(String, String)]) throws -> Endpoint? {
      try convert {
        $0.number(6, kind)
        for (key, value) in attributes { $0.attribute(9, key, value) }
      }.remoteEndpoint
    }
    #expect(
      try peer(3, [("db.name", "d"), ("peer.service", "Users"), ("server.address", "x")])
        == Endpoint(serviceName: "users"))
    #expect(
      try peer(3, [("net.peer.name", "old"), ("net.peer.port", "1")]) == Endpoint(serviceName: "old", port: 1))
    #expect(
      try peer(3, [("network.peer.address", "2001:DB8::1"), ("network.peer.port", "99999")])
        == Endpoint(ipv6: "2001:db8::1"))
    #expect(
      try peer(3, [("server.address", "10.0.0.5"), ("server.port", "5432"), ("db.name", "Orders")])
        == Endpoint(serviceName: "orders", ipv4: "10.0.0.5", port: 5_432))
    // Envoy's, which names its caller so.
    #expect(try peer(3, [("peer.address", "10.0.0.9"), ("upstream_cluster", "API")]) == Endpoint(serviceName: "api"))
    #expect(try peer(3, [("peer.address", "10.0.0.9"), ("upstream_cluster", "-")]) == nil)
    #expect(try peer(2, [("server.address", "me"), ("client.address", "1.2.3.4")]) == Endpoint(ipv4: "1.2.3.4"))
    #expect(try peer(2, [("client.address", "somebody")]) == nil)
    #expect(try peer(1, [("server.address", "x")]) == nil)
    #expect(try peer(4, [("peer.service", "q")]) == Endpoint(serviceName: "q"))
  }

  // MARK: Answers

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
    let protobuf = await send(collector, Self.protobuf)
    #expect(protobuf.status == 200)
    #expect(protobuf.body == [])
    #expect(protobuf.field("Content-Type") == "application/x-protobuf")
    let json = await collector.send(
      .post, "/v1/traces", Array(Self.json.utf8), fields: [.contentType: "application/json; charset=utf-8"])
    #expect(json.status == 200)
    #expect(json.text == "{}")
    #expect(json.field("Content-Type") == "application/json")
    #expect(await send(collector, []).status == 200)
    #expect(await send(collector, Array("{}".utf8), type: "application/json").status == 200)
    let packed = try Gzip.compress(Self.protobuf)
    #expect(await send(collector, packed, encoding: "gzip").status == 200)
    // The same span three times.
    #expect(collector.store.spanCount == 3)
    #expect(try await collector.store.trace(TraceID(low: 0x80f1_da5e_1014_7517)) == [Self.expected])
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
        + #"(byte 19): a value or the end is missing: the text ends"}"#)
    let wrong = await send(collector, Array(#"{"resourceSpans":7}"#.utf8), type: "application/json")
    #expect(wrong.status == 400)
    #expect(wrong.text.contains("resourceSpans must be a list"))
    let none = await send(collector, ProtobufBytes.request({ $0.id(1, 1, 2) }))
    #expect(none.status == 400)
    #expect(none.body == status(3, "none of the spans was stored: span 0: id is missing"))
    let many = await send(collector, ProtobufBytes.request({ _ in }, { _ in }))
    #expect(many.status == 413)
    #expect(many.body == status(8, "the request has more than 1 spans; send fewer at once"))
    #expect(await send(collector, [], type: "text/plain").status == 415)
    let get = await send(collector, [], method: .get)
    #expect(get.status == 405)
    #expect(get.field("Allow") == "POST")
    #expect(await send(collector, [], path: "/api/v2/services", method: .get).status == 404)
    try collector.store.close()
    let closed = await send(collector, Self.protobuf)
    #expect(closed.status == 503)
    #expect(closed.field("Retry-After") == "1")
    #expect(closed.body == status(14, "the trace store has been closed; send again when it is open"))
    var request = HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/v1/traces")
    request.headerFields[.contentType] = "application/json"
    let overloaded = collector.api.refuse(request, because: .overloaded)
    #expect(overloaded.status.code == 503)
    #expect(
      String(decoding: overloaded.body, as: UTF8.self)
        == #"{"code":14,"message":"more spans come than can be stored; send again later"}"#)
    // Exporters do not send again after 408.
    let late = collector.api.refuse(request, because: .late)
    #expect(late.status.code == 503)
    #expect(late.fields[.retryAfter] == "1")
    #expect(
      String(decoding: late.body, as: UTF8.self)
        == #"{"code":14,"message":"the request did not come in time; send it again, faster or in smaller parts"}"#)
  }

  // MARK: Bounds

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

  @Test("Values nested without end concern their span only, or are refused") func nesting() async throws {
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
