import Foundation
import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// Secrets in spans, from every way in to every way out.
@Suite("Secrets in spans") struct PrivacyTests {
  /// A way into the collector.
  enum Entry: String, CaseIterable, Sendable {
    case zipkinJSON, zipkinProtobuf, zipkinV1, otlpJSON, otlpProtobuf, zipkinFile, jaegerFile, otlpFile

    private static let start = (TestCollector.now - 1_000) * 1_000

    private static func quoted(_ text: String) -> String {
      var json = (try? JSONEncoder().encode([text])).map { String(decoding: $0, as: UTF8.self) } ?? "[\"\"]"
      json.removeFirst()
      json.removeLast()
      return json
    }

    /// A request with a trace, one span with one tag for each sample.
    func request(_ samples: [SecretSamples.Sample]) -> (path: String, type: String, body: [UInt8]) {
      let spans = samples.enumerated().map { (id: $0 + 1, key: $1.key, value: $1.value) }
      func list(_ text: (_ id: String, _ key: String, _ value: String) -> String) -> String {
        spans.map { text(Hexadecimal.text(UInt64($0.id)), Self.quoted($0.key), Self.quoted($0.value)) }
          .joined(separator: ",")
      }
      let zipkin =
        "["
        + list { id, key, value in
          #"{"traceId":"a","id":"\#(id)","timestamp":\#(Self.start),"duration":5,"localEndpoint":{"serviceName":"shop"},"#
            + #""tags":{\#(key):\#(value)}}"#
        } + "]"
      let otlp =
        #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"#
        + #""scopeSpans":[{"spans":["#
        + list { id, key, value in
          #"{"traceId":"0000000000000000000000000000000a","spanId":"\#(id)","startTimeUnixNano":"\#(Self.start)000","#
            + #""attributes":[{"key":\#(key),"value":{"stringValue":\#(value)}}]}"#
        } + "]}]}]}"
      switch self {
      case .zipkinJSON: return ("/api/v2/spans", "application/json", Array(zipkin.utf8))
      case .zipkinFile: return ("/api/import", "application/json", Array(zipkin.utf8))
      case .otlpJSON: return ("/v1/traces", "application/json", Array(otlp.utf8))
      case .otlpFile: return ("/api/import", "application/json", Array(otlp.utf8))
      case .zipkinV1:
        let text =
          "["
          + list { id, key, value in
            #"{"traceId":"a","id":"\#(id)","name":"x","timestamp":\#(Self.start),"duration":5,"binaryAnnotations":["#
              + #"{"key":\#(key),"value":\#(value),"endpoint":{"serviceName":"shop"}}]}"#
          } + "]"
        return ("/api/v1/spans", "application/json", Array(text.utf8))
      case .jaegerFile:
        let text =
          #"{"data":[{"traceID":"a","processes":{"p":{"serviceName":"shop","tags":[]}},"spans":["#
          + list { id, key, value in
            #"{"traceID":"a","spanID":"\#(id)","operationName":"x","startTime":\#(Self.start),"duration":5,"processID":"p","#
              + #""references":[],"logs":[],"tags":[{"key":\#(key),"type":"string","value":\#(value)}]}"#
          } + "]}]}"
        return ("/api/import", "application/json", Array(text.utf8))
      case .zipkinProtobuf:
        let list = ProtobufBytes { list in
          for span in spans {
            list.message(1) { message in
              message.id(1, 0, 0xA)
              message.id(3, UInt64(span.id))
              message.fixed(6, UInt64(Self.start))
              message.number(7, 5)
              message.message(8) { $0.text(1, "shop") }
              message.message(11) {
                $0.text(1, span.key)
                $0.text(2, span.value)
              }
            }
          }
        }
        return ("/api/v2/spans", "application/x-protobuf", list.bytes)
      case .otlpProtobuf:
        let request = ProtobufBytes { request in
          request.message(1) { resource in
            resource.message(1) { $0.attribute(1, "service.name", "shop") }
            resource.message(2) { scope in
              for span in spans {
                scope.message(2) { message in
                  message.id(1, 0, 0xA)
                  message.id(2, UInt64(span.id))
                  message.fixed(7, UInt64(Self.start) * 1_000)
                  message.attribute(9, span.key, span.value)
                }
              }
            }
          }
        }
        return ("/v1/traces", "application/x-protobuf", request.bytes)
      }
    }
  }

  /// Everything that can be had from a collector with the trace `a`: its files, and its answers.
  static func everything(_ collector: TestCollector) async throws -> [(place: String, bytes: Data)] {
    var places: [(String, Data)] = []
    for path in [
      "/api/v2/trace/a", "/api/v2/traces?lookback=86400000&limit=10", "/api/export/zipkin/a", "/api/export/zipkin",
      "/api/export/jaeger/a", "/api/export/html/a", "/api/trees/a", "/api/summaries?lookback=86400000",
      "/api/v2/services", "/api/v2/spans?serviceName=shop", "/api/v2/remoteServices?serviceName=shop",
      "/api/v2/autocompleteValues?key=http.url", "/api/graph", "/api/operations?serviceName=shop", "/api/propagation",
      "/api/hidden", "/api/senders", "/prometheus", "/metrics", "/health",
    ] {
      let reply = await collector.get(path)
      try #require(reply.status == 200, "\(path): \(reply.text)")
      places.append((path, Data(reply.body)))
    }
    let files = try FileManager.default.subpathsOfDirectory(atPath: collector.directory.path)
    for file in files {
      let url = collector.directory.appending(path: file)
      if let bytes = try? Data(contentsOf: url) { places.append((file, bytes)) }
    }
    try #require(places.contains { $0.0.hasSuffix("spans.db") })
    return places
  }

  static func post(
    _ request: (path: String, type: String, body: [UInt8]), to collector: TestCollector, path: String? = nil
  ) async -> Reply {
    await collector.send(.post, path ?? request.path, request.body, fields: [.contentType: request.type])
  }

  /// The values of a trace's tags, by the spans' ids.
  private static func values(_ reply: Reply) throws -> [String: String] {
    struct Tagged: Decodable {
      let id: String
      let tags: [String: String]?
    }
    let spans: [Tagged] = try reply.json()
    return Dictionary(uniqueKeysWithValues: spans.map { ($0.id, $0.tags?.values.joined() ?? "") })
  }

  @Test("are in no file, answer, export or metric, whatever the format", arguments: Entry.allCases)
  func nowhere(entry: Entry) async throws {
    let samples = SecretSamples.all
    let collector = try TestCollector { $0.autocompleteKeys = ["http.url"] }
    let reply = await Self.post(entry.request(samples), to: collector)
    try #require(reply.status < 300, "\(reply.text)")
    #expect(collector.store.spanCount == samples.count)
    let values = try Self.values(await collector.get("/api/v2/trace/a"))
    for (index, sample) in samples.enumerated() {
      let value = values[Hexadecimal.text(UInt64(index + 1))] ?? ""
      #expect(value.contains(sample.hidden), "\(sample): \(value)")
    }
    let places = try await Self.everything(collector)
    for sample in samples {
      for place in places {
        #expect(place.bytes.range(of: Data(sample.secret.utf8)) == nil, "\(sample) is in \(place.place)")
      }
    }
    let html = try #require(places.first { $0.place.contains("html") })
    #expect(String(decoding: html.bytes, as: UTF8.self).contains("REDACTED"))
  }

  /// Without this, the test above could look in the wrong places.
  @Test("are where one would look for them, if nothing is hidden")
  func everywhere() async throws {
    let samples = SecretSamples.all
    let collector = try TestCollector { $0.privacy.isEnabled = false }
    #expect(await Self.post(Entry.zipkinJSON.request(samples), to: collector).status == 202)
    let places = try await Self.everything(collector)
    for place in ["/api/v2/trace/a", "/api/export/jaeger/a", "/api/export/html/a", "spans.db-wal"] {
      let bytes = try #require(places.first { $0.place.hasSuffix(place) }).bytes
      let found = samples.count { bytes.range(of: Data($0.secret.utf8)) != nil }
      #expect(found > samples.count * 8 / 10, "\(place): \(found)")
    }
    #expect(collector.store.privacy.report.snapshot().values == 0)
    #expect(await collector.get("/api/hidden").text.hasPrefix(#"{"enabled":false,"spans":0"#))
  }

  @Test("are not shown of a file that is not stored")
  func shownFile() async throws {
    let collector = try TestCollector()
    for entry in [Entry.zipkinFile, .jaegerFile, .otlpFile] {
      let reply = await Self.post(entry.request(SecretSamples.all), to: collector, path: "/api/trees")
      #expect(reply.status == 200)
      for sample in SecretSamples.all { #expect(!reply.text.contains(sample.secret), "\(sample)") }
      #expect(reply.text.contains("REDACTED"))
    }
    #expect(collector.store.privacy.report.snapshot().values == 0)
  }

  @Test("Harmless tags are stored as they came")
  func harmless() async throws {
    let collector = try TestCollector()
    let samples = SecretSamples.harmless
    try await collector.store.add(
      samples.enumerated().map { index, tag in
        span(UInt64(index + 1), service: "shop", at: Int64(index), tags: [.init(tag.key, tag.value)])
      })
    let values = try Self.values(await collector.get("/api/v2/trace/a"))
    for (index, tag) in samples.enumerated() {
      #expect(values[Hexadecimal.text(UInt64(index + 1))] == tag.value, "\(tag)")
    }
    #expect(
      await collector.get("/api/hidden").text
        == #"{"enabled":true,"spans":0,"values":0,"others":0,"forgotten":0,"places":[]}"#)
  }

  @Test("in names and annotations are hidden too, also in the lists of names")
  func names() async throws {
    let collector = try TestCollector()
    let sent = """
      [{"traceId":"a","id":"1","name":"GET /a?token=s3cret-1","timestamp":\((TestCollector.now - 9) * 1_000),"duration":7,
        "kind":"CLIENT","localEndpoint":{"serviceName":"shop"},
        "remoteEndpoint":{"serviceName":"postgres://ada:s3cret-2@db"},
        "annotations":[{"timestamp":1,"value":"exception: {\\"message\\":\\"password=s3cret-3\\"}"}],
        "tags":{"https://ada:s3cret-4@h/":"x","authorization":"Bearer s3cret-5","upstream_cluster":"a?sig=s3cret-6"}},
       {"traceId":"a","id":"2","name":"x","localEndpoint":{"serviceName":"token=s3cret-7"}}]
      """
    #expect(await collector.post(sent).status == 202)
    for place in try await Self.everything(collector) {
      #expect(place.bytes.range(of: Data("s3cret".utf8)) == nil, "\(place.place)")
    }
    #expect(await collector.get("/api/v2/spans?serviceName=shop").text == #"["get /a?token=REDACTED"]"#)
    let remote = await collector.get("/api/v2/remoteServices?serviceName=shop").text
    #expect(remote.contains("postgres://REDACTED:REDACTED@db") && remote.contains("a?sig=redacted"), "\(remote)")
    let places = collector.store.privacy.report.snapshot().rows.map {
      "\($0.value.service) \($0.value.place) \($0.value.key)"
    }
    #expect(
      places.sorted() == [
        "shop (annotation) password", "shop (key of a tag) ", "shop (name) token", "shop (remote service) ",
        "shop authorization authorization", "shop upstream_cluster sig", "token=REDACTED (service) token",
      ], "\(places)")
  }

  @Test("are counted by service, place and key when they are stored")
  func report() async throws {
    let collector = try TestCollector()
    func body(_ service: String, _ tags: String) -> String {
      #"[{"traceId":"a","id":"1","localEndpoint":{"serviceName":"\#(service)"},"tags":{\#(tags)}}]"#
    }
    for _ in 0..<2 {
      #expect(
        await collector.post(
          body("shop", #""http.url":"http://h/?access_token=s3cret&x=1&sig=s3cret","cookie":"s3cret","n":"1""#)
        ).status == 202)
    }
    #expect(await collector.post(body("web", #""http.url":"http://h/?access_token=s3cret""#)).status == 202)
    let reply = await collector.get("/api/hidden")
    #expect(reply.field("Content-Type") == "application/json")
    let now = TestCollector.now
    #expect(
      reply.text == #"{"enabled":true,"spans":3,"values":7,"others":0,"forgotten":0,"places":["#
        + #"{"service":"shop","place":"cookie","key":"cookie","kind":"tag","count":2,"last":\#(now)},"#
        + #"{"service":"shop","place":"http.url","key":"access_token","kind":"parameter","count":2,"last":\#(now)},"#
        + #"{"service":"shop","place":"http.url","key":"sig","kind":"parameter","count":2,"last":\#(now)},"#
        + #"{"service":"web","place":"http.url","key":"access_token","kind":"parameter","count":1,"last":\#(now)}]}"#)

    try collector.store.close()
    #expect(await collector.post(body("late", #""cookie":"s3cret""#)).status == 503)
    #expect(collector.store.privacy.report.snapshot().values == 7)
  }

  @Test("Settings add keys and make exceptions")
  func settings() async throws {
    let collector = try TestCollector {
      $0.privacy.queryKeys = ["Voucher-Code"]
      $0.privacy.tagKeys = ["iban", "customer.tax.id"]
      $0.privacy.keepKeys = ["sig", "x-api-key", "http.request.header.cookie"]
    }
    let tags = [
      ("http.url", "http://h/?voucher_code=s3cret&sig=kept1", "http://h/?voucher_code=REDACTED&sig=kept1"),
      ("payment.iban", "s3cret", "REDACTED"), ("customer.tax_id", "plain", "plain"),
      ("customer.tax.id", "s3cret", "REDACTED"),
      ("x-api-key", "http://h/?token=kept2", "http://h/?token=kept2"), ("http.request.header.cookie", "kept3", "kept3"),
      ("cookie", "s3cret", "REDACTED"), ("password", "s3cret", "REDACTED"),
    ]
    try await collector.store.add(
      tags.enumerated().map { index, tag in span(UInt64(index + 1), at: Int64(index), tags: [.init(tag.0, tag.1)]) })
    let values = try Self.values(await collector.get("/api/v2/trace/a"))
    for (index, tag) in tags.enumerated() { #expect(values[Hexadecimal.text(UInt64(index + 1))] == tag.2, "\(tag)") }
  }

  @Test("Spans that are read again from the file are neither changed nor counted")
  func reopened() async throws {
    var collector: TestCollector? = try TestCollector { $0.privacy.isEnabled = false }
    try await collector?.store.add([span(1, tags: [.init("cookie", "s3cret")])])
    try collector?.store.close()
    let (path, old) = try #require(collector.map { ($0.path, $0.settings) })
    var settings = old
    settings.privacy.isEnabled = true
    let store = try SegmentStore(path: path, settings: settings)
    #expect(try await store.trace(TraceID(low: 0xA))?.first?.tag("cookie") == "s3cret")
    #expect(store.privacy.report.snapshot().values == 0)
    try store.close()
    collector = nil
  }
}
