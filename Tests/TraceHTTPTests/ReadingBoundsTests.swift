import Deflate
import Dispatch
import HTTPTypes
import Synchronization
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// How many requests were answered.
private final class AnswerCount: Sendable {
  let count = Mutex(0)
}

/// What a request may cost, counted: values that are read or repeated, spans that are made, threads that read.
@Suite struct ReadingBoundsTests {
  private static func span(_ id: UInt64, _ more: @escaping (inout ProtobufBytes) -> Void = { _ in }) -> (
    inout ProtobufBytes
  ) -> Void {
    {
      $0.id(1, 0, 7)
      $0.id(2, id)
      more(&$0)
    }
  }

  private static func limits(values: Int = 500_000, spans: Int = 20_000) -> CollectorLimits {
    var limits = CollectorLimits()
    limits.valuesPerRequest = values
    limits.spansPerRequest = spans
    return limits
  }

  @Test("A resource's attributes count once for each of its spans, and nothing is made of what is beyond")
  func resource() throws {
    let body = ProtobufBytes { request in
      request.message(1) { resource in
        resource.message(1) { for index in 0..<100 { $0.attribute(1, "a\(index)", "v") } }
        resource.message(2) { scope in for id in 1...50 { scope.message(2, Self.span(UInt64(id))) } }
      }
    }.bytes
    let result = try OTLPProtobufParser.parse(body, limits: Self.limits(values: 1_250))
    // Read once, for the library once, and then for each span.
    #expect(result.values.count == 1_200)
    #expect(result.values.isBeyond)
    #expect(result.spans.count == 10)
    #expect(result.rejections.count == 40)
    #expect(result.rejections.allSatisfy { $0.reason.contains("more than 1250 tags, annotations and other values") })
    let whole = try OTLPProtobufParser.parse(body, limits: Self.limits())
    #expect(whole.spans.count == 50)
    #expect(whole.values.count == 5_200)
  }

  @Test("Texts of a resource are looked at before they are repeated") func resourceTexts() throws {
    var limits = Self.limits()
    limits.textBytesPerSpan = 1_000
    for length in [900, 2_000] {
      let body = ProtobufBytes { request in
        request.message(1) { resource in
          resource.message(1) { $0.attribute(1, "a", String(repeating: "x", count: length)) }
          resource.message(2) { scope in
            for id in 1...3 {
              scope.message(2, Self.span(UInt64(id)) { $0.text(5, String(repeating: "n", count: 200)) })
            }
          }
        }
      }.bytes
      let result = try OTLPProtobufParser.parse(body, limits: limits)
      #expect(result.spans.isEmpty)
      #expect(result.rejections.map(\.reason) == Array(repeating: "its texts are longer than 1000 bytes", count: 3))
    }
  }

  @Test("Resources and scopes without spans are counted") func emptyScopes() throws {
    let limits = Self.limits(spans: 10)
    func body(_ scopes: Int) -> [UInt8] {
      ProtobufBytes { $0.message(1) { resource in for _ in 0..<scopes { resource.data(2, []) } } }.bytes
    }
    #expect(try OTLPProtobufParser.parse(body(19), limits: limits) == ParsedSpans())
    #expect(throws: CollectorError.self) { try OTLPProtobufParser.parse(body(20), limits: limits) }
    let json = Array(#"{"resourceSpans":[\#(Array(repeating: "{}", count: 21).joined(separator: ","))]}"#.utf8)
    do {
      _ = try OTLPJSONParser.parse(json, limits: limits)
      Issue.record("21 resources for 10 spans")
    } catch {
      #expect(error.code == .tooLarge)
      #expect(
        error.message
          == "the request has more than 20 resources and scopes; send fewer per request, or raise collector.limits.spansPerRequest"
      )
    }
  }

  @Test("Elements of lists, events and links count, and end their span alone", arguments: [true, false])
  func elements(isJSON: Bool) throws {
    let limits = Self.limits(values: 100)
    let bodies: [[UInt8]]
    if isJSON {
      let elements = Array(repeating: "{}", count: 200).joined(separator: ",")
      bodies = [
        #""attributes":[{"key":"a","value":{"arrayValue":{"values":[\#(elements)]}}}]"#,
        #""attributes":[{"key":"a","value":{"kvlistValue":{"values":[\#(elements)]}}}]"#, #""events":[\#(elements)]"#,
        #""links":[\#(elements)]"#,
      ].map {
        let good = #"{"traceId":"1","spanId":"1"}"#
        return Array(
          #"{"resourceSpans":[{"scopeSpans":[{"spans":[\#(good),{"traceId":"1","spanId":"2",\#($0)}]}]}]}"#.utf8)
      }
    } else {
      let contents: [(inout ProtobufBytes) -> Void] = [
        { $0.attribute(9, "a") { $0.message(5) { list in for _ in 0..<200 { list.data(1, []) } } } },
        { $0.attribute(9, "a") { $0.message(6) { map in for _ in 0..<200 { map.data(1, []) } } } },
        { for _ in 0..<200 { $0.data(11, []) } }, { for _ in 0..<200 { $0.data(13, []) } },
      ]
      bodies = contents.map { content in ProtobufBytes.request(Self.span(1), Self.span(2, content)) }
    }
    for body in bodies {
      let result =
        try isJSON
        ? OTLPJSONParser.parse(body, limits: limits) : OTLPProtobufParser.parse(body, limits: limits)
      #expect(result.values.count <= 100)
      #expect(result.spans.map(\.id) == [1])
      #expect(result.rejections.map(\.index) == [1])
    }
  }

  @Test("Lists within lists are written once, and as far as a span may be long", arguments: [true, false])
  func nestedLists(isJSON: Bool) throws {
    var limits = Self.limits()
    limits.textBytesPerSpan = 1_000
    func result(_ count: Int) throws -> ParsedSpans {
      if isJSON {
        let elements = Array(repeating: #"{"intValue":7}"#, count: count).joined(separator: ",")
        let value = (0..<10).reduce(#"{"arrayValue":{"values":[\#(elements)]}}"#) { value, _ in
          #"{"arrayValue":{"values":[\#(value)]}}"#
        }
        let span = #"{"traceId":"7","spanId":"1","attributes":[{"key":"a","value":\#(value)}]}"#
        return try OTLPJSONParser.parse(
          Array(#"{"resourceSpans":[{"scopeSpans":[{"spans":[\#(span)]}]}]}"#.utf8), limits: limits)
      }
      let inner = ProtobufBytes { $0.message(5) { list in for _ in 0..<count { list.message(1) { $0.number(3, 7) } } } }
      let value = (0..<10).reduce(inner.bytes) { value, _ in ProtobufBytes { $0.message(5) { $0.data(1, value) } }.bytes
      }
      return try OTLPProtobufParser.parse(
        ProtobufBytes.request(
          Self.span(1) {
            $0.message(9) {
              $0.text(1, "a"); $0.data(2, value)
            }
          }), limits: limits)
    }
    let small = try result(2)
    #expect(small.spans.first?.tags == [.init("a", "[[[[[[[[[[[7,7]]]]]]]]]]]")])
    // The attribute and the elements, and the name of the resource's service.
    #expect(small.values.count == 1 + 10 + 2 + (isJSON ? 0 : 1))
    let large = try result(5_000)
    #expect(large.rejections.map(\.reason) == ["its texts are longer than 1000 bytes"])
    // It was left when it was too long: 500 elements are 1,000 bytes.
    #expect(large.values.count < 600)
  }

  @Test("Tags and annotations count in Zipkin's formats too") func zipkin() throws {
    let limits = Self.limits(values: 10)
    let tags = (0..<4).map { #""t\#($0)":"v""# }.joined(separator: ",")
    let v2 = Array(
      "[\((1...5).map { #"{"traceId":"1","id":"\#($0)","tags":{\#(tags)}}"# }.joined(separator: ","))]".utf8)
    let binary = (0..<4).map { #"{"key":"t\#($0)","value":"v"}"# }.joined(separator: ",")
    let v1 = Array(
      "[\((1...5).map { #"{"traceId":"1","id":"\#($0)","binaryAnnotations":[\#(binary)]}"# }.joined(separator: ","))]"
        .utf8)
    let protobuf = ProtobufBytes { list in
      for id in 1...5 {
        list.message(1) { span in
          span.id(1, 7)
          span.id(3, UInt64(id))
          for tag in 0..<4 { span.message(11) { $0.text(1, "t\(tag)") } }
        }
      }
    }.bytes
    for (format, body) in [(SpanFormat.zipkinJSON, v2), (.zipkinV1JSON, v1), (.zipkinProtobuf, protobuf), (.file, v1)] {
      let result = try format.parse(body, limits: limits)
      #expect(result.spans.count == 2, "\(format)")
      #expect(result.rejections.count == 3)
      #expect(result.values.count <= 10)
    }
  }

  @Test("Hundreds of tags are found by their keys, the last value of each counts") func manyTags() throws {
    let keys = (0..<500).map { "k\($0 % 300)" }
    let tags = keys.enumerated().map { #""\#($1)":"\#($0)""# }.joined(separator: ",")
    let parsed = try ParsedSpans.parse(
      Array(#"[{"traceId":"1","id":"1","tags":{\#(tags)}},{"traceId":"1","id":"2","tags":{\#(tags)}}]"#.utf8),
      limits: CollectorLimits())
    let expected = (0..<300).map { (number: Int) -> Span.Tag in
      Span.Tag("k\(number)", "\(number < 200 ? number + 300 : number)")
    }
    for span in parsed.spans {
      #expect(span.tags == expected)
    }
    #expect(parsed.spans.count == 2)
  }

  // MARK: Who waits

  @Test("While a large request is not read yet, small ones are answered, in every format") func others() async throws {
    let collector = try TestCollector()
    let threads = ReadingThreads(count: 1)
    let api = CollectorAPI(store: collector.store, readingThreads: threads)
    // The thread is held, as a large request would hold it.
    let release = DispatchSemaphore(value: 0)
    let isHeld = Mutex(false)
    let holder = Task(executorPreference: threads) {
      isHeld.withLock { $0 = true }
      Self.wait(for: release)
    }
    let answered = Mutex(false)
    let span = #"{"traceId":"2","id":"2","tags":{"large":"\#(String(repeating: "x", count: 80_000))"}}"#
    let large = Task {
      let reply = await TestCollector.send(to: api, .post, "/api/v2/spans", Array("[\(span)]".utf8))
      answered.withLock { $0 = true }
      return reply
    }
    let small: [(path: String, type: String, body: [UInt8])] = [
      ("/api/v2/spans", "application/json", Array(#"[{"traceId":"1","id":"1"}]"#.utf8)),
      ("/v1/traces", "application/x-protobuf", OTLPSample.protobuf),
      ("/v1/traces", "application/json", Array(OTLPSample.json.utf8)),
      ("/api/import", "application/json", Array(JaegerSample.json.utf8)),
    ]
    for request in small {
      let reply = await TestCollector.send(
        to: api, .post, request.path, request.body, fields: [.contentType: request.type])
      #expect(reply.status == 202 || reply.status == 200)
      let packed = await TestCollector.send(
        to: api, .post, request.path, try Gzip.compress(request.body),
        fields: [.contentType: request.type, .contentEncoding: "gzip"])
      #expect(packed.status == reply.status)
    }
    #expect(await TestCollector.send(to: api, .get, "/health").status == 200)
    #expect(answered.withLock { $0 } == false)
    release.signal()
    #expect(await large.value.status == 202)
    await holder.value
    #expect(isHeld.withLock { $0 })
    #expect(await collector.get("/api/v2/trace/2").status == 200)
  }

  private static func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }

  @Test("A small body that becomes large goes to the threads for large ones") func amplified() async throws {
    let collector = try TestCollector()
    let threads = ReadingThreads(count: 1)
    let api = CollectorAPI(store: collector.store, readingThreads: threads)
    let release = DispatchSemaphore(value: 0)
    let holder = Task(executorPreference: threads) { Self.wait(for: release) }
    let body = ProtobufBytes { request in
      request.message(1) { resource in
        resource.message(1) { for index in 0..<300 { $0.attribute(1, "a\(index)", "v") } }
        resource.message(2) { scope in for id in 1...50 { scope.message(2, Self.span(UInt64(id))) } }
      }
    }.bytes
    #expect(body.count < CollectorLimits().smallRequest.bytes)
    let answered = AnswerCount()
    let requests = [
      (body, nil), (try Gzip.compress(ProtobufBytes.request(Self.span(9)) + body + [UInt8](body)), "gzip"),
    ].map {
      body, encoding in
      Task {
        var fields: [HTTPField.Name: String] = [.contentType: "application/x-protobuf"]
        if let encoding { fields[.contentEncoding] = encoding }
        let reply = await TestCollector.send(to: api, .post, "/v1/traces", body, fields: fields)
        answered.count.withLock { $0 += 1 }
        return reply
      }
    }
    #expect(
      await TestCollector.send(to: api, .post, "/api/v2/spans", Array(#"[{"traceId":"1","id":"1"}]"#.utf8)).status
        == 202)
    #expect(answered.count.withLock { $0 } == 0)
    release.signal()
    for request in requests { #expect(await request.value.status == 200) }
    await holder.value
    #expect(collector.store.spanCount == 1 + 50 + 101)
  }

  @Test("Who is refused tries again in a second, and in two once it has lasted") func retryAfter() async throws {
    let age = RefusalAge()
    #expect(age.retryAfter(1_000) == 1)
    #expect(age.retryAfter(1_999) == 1)
    #expect(age.retryAfter(2_000) == 2)
    #expect(age.retryAfter(60_000) == 2)
    age.end()
    #expect(age.retryAfter(61_000) == 1)
    // The clock may be set back.
    #expect(age.retryAfter(0) == 1)
    let collector = try TestCollector { $0.limits.waitingSpans = 0 }
    for path in ["/v1/traces", "/api/v2/spans"] {
      let reply = await collector.send(.post, path, [], fields: [.contentType: "application/json"])
      #expect(reply.status == 503)
      #expect(reply.field("Retry-After") == "1")
    }
    let bad = await collector.send(.post, "/api/v2/trace/x")
    #expect(bad.field("Retry-After") == nil)
  }
}
