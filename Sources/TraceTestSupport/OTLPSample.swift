package import TraceModel

/// One span with every field, in both encodings of OpenTelemetry's protocol.
package enum OTLPSample {
  /// When the span starts, in nanoseconds since 1970.
  package static let start: UInt64 = 1_790_812_740_000_000_123

  /// The request in protobuf.
  package static let protobuf = ProtobufBytes { request in
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

  /// The request in JSON.
  package static let json = #"""
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

  /// The span that both parsers give.
  package static let expected = Span(
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
}
