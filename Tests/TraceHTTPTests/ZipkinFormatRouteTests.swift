import HTTPTypes
import Testing
import TraceTestSupport

/// Spans in the older encodings of Zipkin that are sent to the collector.
@Suite struct ZipkinFormatRouteTests {
  @Test("A bad span of version 1 is reported, the others are stored; the statuses are those of v2") func versionOne()
    async throws
  {
    let collector = try TestCollector()
    let good =
      #"{"traceId":"a000000000000000b","id":"1","annotations":[{"value":"sr","timestamp":1790812740000000,"#
      + #""endpoint":{"serviceName":"s"}}]}"#
    let reply = await collector.send(
      .post, "/api/v1/spans",
      Array(#"[{"id":"1"},\#(good),{"traceId":"1","id":"1","annotations":[{"value":"x"}]},3]"#.utf8))
    #expect(reply.status == 202)
    #expect(
      reply.text == #"{"stored":1,"rejected":[{"index":0,"reason":"traceId is missing"},"#
        + #"{"index":2,"reason":"an annotation must have a timestamp and a value"},"#
        + #"{"index":3,"reason":"a span must be an object"}]}"#)
    let trace = await collector.get("/api/v2/trace/b")
    #expect(trace.text.contains(#""traceId":"000000000000000a000000000000000b""#))
    #expect(await collector.send(.post, "/api/v1/spans", Array("{".utf8)).status == 400)
    let thrift = await collector.send(.post, "/api/v1/spans", [12], fields: [.contentType: "application/x-thrift"])
    #expect(thrift.status == 415)
    #expect(thrift.text == "spans must be sent as application/json, not as application/x-thrift\n")
    #expect(await collector.get("/api/v1/spans").status == 405)
  }

  @Test("A list of spans in protobuf is stored and found") func protobuf() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(ZipkinSample.protobuf, fields: [.contentType: "application/x-protobuf"])
    #expect(reply.status == 202)
    #expect(reply.body.isEmpty)
    let found = await collector.get("/api/v2/trace/80f1da5e10147517")
    #expect(found.text.contains(#""traceId":"5982fe77008310cc80f1da5e10147517""#))
    let partly = await collector.post(
      ProtobufBytes { list in
        list.message(1) { $0.id(1, 7) }
        list.message(1) {
          $0.id(1, 1)
          $0.id(3, 1)
        }
      }.bytes,
      fields: [.contentType: "application/x-protobuf; charset=binary"])
    #expect(partly.status == 202)
    #expect(partly.text == #"{"stored":1,"rejected":[{"index":0,"reason":"id is missing"}]}"#)
    let damaged = await collector.post([0x0a, 9], fields: [.contentType: "application/x-protobuf"])
    #expect(damaged.status == 400)
    #expect(
      damaged.text == "the body is not a list of spans in protobuf: byte 1: a value of 9 bytes goes beyond the end of "
        + "its message\n")
  }
}
