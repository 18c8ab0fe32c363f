import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel

/// OpenTelemetry's protocol, parsed from protobuf and from JSON.
@Suite struct OTLPTests {
  @Test("Every field is parsed, from protobuf and from JSON") func everyField() throws {
    let limits = CollectorLimits()
    let fromProtobuf = try OTLPProtobufParser.parse(OTLPSample.protobuf, limits: limits)
    let fromJSON = try OTLPJSONParser.parse(Array(OTLPSample.json.utf8), limits: limits)
    for result in [fromProtobuf, fromJSON] {
      #expect(result.rejections == [])
      #expect(result.indices == [0])
      let span = try #require(result.spans.first)
      #expect(span.tags == OTLPSample.expected.tags)
      #expect(span == OTLPSample.expected)
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

  @Test("Kinds, and unknown kinds and services") func kinds() throws {
    let kinds: [(UInt64, Span.Kind?)] = [
      (0, nil), (1, nil), (2, .server), (3, .client), (4, .producer), (5, .consumer), (99, nil),
    ]
    for (number, kind) in kinds { #expect(try convert { $0.number(6, number) }.kind == kind) }
    #expect(try convert(service: nil) { _ in }.serviceName == "unknown_service")
    #expect(try convert(service: "") { _ in }.serviceName == "unknown_service")
  }

  @Test("A sender is told of a kind that is not known", arguments: [0, 5, 6, 99] as [UInt64])
  func unknownKind(_ number: UInt64) throws {
    let protobuf = ProtobufBytes.request { span in
      span.id(1, 1, 2)
      span.id(2, 3)
      span.number(6, number)
    }
    let json =
      #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000010000000000000002","#
      + #""spanId":"0000000000000003","kind":\#(number)}]}]}]}"#
    for result in [
      try OTLPProtobufParser.parse(protobuf, limits: CollectorLimits()),
      try OTLPJSONParser.parse(Array(json.utf8), limits: CollectorLimits()),
    ] {
      #expect(result.spans.count == 1 && result.remarks[.unknownKind] == (number > 5 ? 1 : 0))
    }
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

  @Test("An empty value is left out, and is null within a list or a map", arguments: [true, false])
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

  @Test("A failure without a message takes that of its exception, or its type") func exceptions() throws {
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

  @Test("The remote endpoint") func peers() throws {
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
}
