import Foundation
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

extension PrivacyTests {
  @Test("in OpenTelemetry's events and links are hidden too", arguments: [true, false])
  func eventsAndLinks(isProtobuf: Bool) async throws {
    let collector = try TestCollector()
    let sent = isProtobuf ? Self.protobufEvents : Self.jsonEvents
    let reply = await Self.post(
      ("/v1/traces", isProtobuf ? "application/x-protobuf" : "application/json", sent), to: collector)
    try #require(reply.status == 200, "\(reply.text)")
    for place in try await Self.everything(collector) {
      #expect(place.bytes.range(of: Data("s3cret".utf8)) == nil, "\(place.place)")
    }
    let trace = try #require(try await collector.store.trace(TraceID(low: 0xA))?.first)
    let annotation = try #require(trace.annotations.first?.value)
    #expect(annotation.contains(#""http.url":"http://h/?sig=REDACTED&x=1""#), "\(annotation)")
    #expect(annotation.contains(#""password":"REDACTED""#) && annotation.contains(#""kept":"1""#), "\(annotation)")
    let link = try #require(trace.tag("otlp.link.0"))
    #expect(link.hasSuffix(#"|token=REDACTED|{"api_key":"REDACTED","kept":"1"}|0"#), "\(link)")
  }

  /// A span with an event and a link, each with secrets.
  private static let jsonEvents = Array(
    """
    {"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000a","spanId":"0000000000000001",
      "name":"x","startTimeUnixNano":"\((TestCollector.now - 1_000) * 1_000_000)",
      "events":[{"timeUnixNano":"1","name":"token=s3cret-0","attributes":[
        {"key":"http.url","value":{"stringValue":"http://h/?sig=s3cret-1&x=1"}},
        {"key":"password","value":{"stringValue":"s3cret-2"}},{"key":"kept","value":{"stringValue":"1"}}]}],
      "links":[{"traceId":"0000000000000000000000000000000b","spanId":"0000000000000002","traceState":"token=s3cret-3",
        "attributes":[{"key":"api_key","value":{"stringValue":"s3cret-4"}},{"key":"kept","value":{"stringValue":"1"}}]}]
    }]}]}]}
    """.utf8)

  private static let protobufEvents = ProtobufBytes { request in
    request.message(1) { resource in
      resource.message(2) { scope in
        scope.message(2) { span in
          span.id(1, 0, 0xA)
          span.id(2, 1)
          span.fixed(7, UInt64(TestCollector.now - 1_000) * 1_000_000)
          span.message(11) { event in
            event.text(2, "token=s3cret-0")
            event.attribute(3, "http.url", "http://h/?sig=s3cret-1&x=1")
            event.attribute(3, "password", "s3cret-2")
            event.attribute(3, "kept", "1")
          }
          span.message(13) { link in
            link.id(1, 0, 0xB)
            link.id(2, 2)
            link.text(3, "token=s3cret-3")
            link.attribute(4, "api_key", "s3cret-4")
            link.attribute(4, "kept", "1")
          }
        }
      }
    }
  }.bytes
}
