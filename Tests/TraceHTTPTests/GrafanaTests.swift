import Foundation
import HTTPTypes
import JSONText
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What Grafana's Zipkin data source asks for, and what it makes of the answers, as its sources say: `pkg/tsdb/zipkin` (requests of its
/// server) and `public/app/plugins/datasource/zipkin` (the search, the view of a trace, the node graph).
@Suite("Grafana's Zipkin data source")
struct GrafanaTests {
  /// A span as its server reads it, with zipkin-go's rules: ids are hexadecimal, times are microseconds.
  private struct Span: Decodable {
    struct Endpoint: Decodable {
      var serviceName: String?
      var ipv4: String?
      var port: Int?
    }
    struct Annotation: Decodable {
      var timestamp: Int
      var value: String
    }
    var traceId: String
    var id: String
    var parentId: String?
    var name: String
    var kind: String?
    var timestamp: Int
    var duration: Int
    var localEndpoint: Endpoint?
    var remoteEndpoint: Endpoint?
    var annotations: [Annotation]?
    var tags: [String: String]?
    var shared: Bool?
  }

  private struct Node: Hashable {
    var title: String
    var subtitle: String
    /// The duration without that of children, in microseconds.
    var own: Int
  }

  /// Asks as the data source does, below an address with a path or without one.
  private func get<Value: Decodable>(
    _ collector: TestCollector, _ path: String, prefix: String, as type: Value.Type
  ) async throws -> Value {
    let reply = await collector.get(prefix + path, fields: [.userAgent: "Grafana/12.1.0", .acceptEncoding: "gzip"])
    #expect(reply.status == 200, "\(path): \(reply.text)")
    return try JSONDecoder().decode(type, from: Data(reply.body))
  }

  private static func escaped(_ text: String) throws -> String {
    try #require(text.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
  }

  /// The spans of a page of a shop: 100 ms, of which 60 ms are in the two calls that overlap.
  private static let spans = """
    [
      {"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a","name":"get /","kind":"SERVER","timestamp":BEGIN,
       "duration":100000,"localEndpoint":{"serviceName":"page & more","ipv4":"10.0.0.1","port":80},
       "annotations":[{"timestamp":BEGIN,"value":"begun"}],"tags":{"http.method":"GET"}},
      {"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"b","parentId":"a","name":"get price","kind":"CLIENT",
       "timestamp":PLUS10,"duration":40000,"localEndpoint":{"serviceName":"page & more"},
       "remoteEndpoint":{"serviceName":"prices"},"tags":{"error":"no price"}},
      {"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"c","parentId":"a","name":"get stock","kind":"CLIENT",
       "timestamp":PLUS30,"duration":40000,"localEndpoint":{"serviceName":"page & more"},
       "remoteEndpoint":{"serviceName":"stock"}}
    ]
    """

  private func filled() async throws -> TestCollector {
    let collector = try TestCollector()
    let begin = (Int(TestCollector.now) - 60_000) * 1_000
    let text = Self.spans.replacingOccurrences(of: "BEGIN", with: "\(begin)")
      .replacingOccurrences(of: "PLUS10", with: "\(begin + 10_000)")
      .replacingOccurrences(of: "PLUS30", with: "\(begin + 30_000)")
    #expect(await collector.post(text).status == 202)
    return collector
  }

  @Test(
    "its search finds services, spans and traces, at both addresses that people give it", arguments: ["", "/zipkin"])
  func search(prefix: String) async throws {
    let collector = try await filled()
    // The test of the data source, and the first list.
    #expect(try await get(collector, "/api/v2/services", prefix: prefix, as: [String].self) == ["page & more"])
    let service = try Self.escaped("page & more")
    let names = try await get(
      collector, "/api/v2/spans?serviceName=\(service)", prefix: prefix, as: [String].self)
    #expect(names == ["get /", "get price", "get stock"])
    let traces = try await get(
      collector, "/api/v2/traces?serviceName=\(service)&spanName=\(Self.escaped("get price"))", prefix: prefix,
      as: [[Span]].self)
    // Each trace is listed by the span without a parent.
    let roots = traces.map { $0.first { $0.parentId == nil } }
    #expect(roots.map { "\($0?.name ?? "") [\(($0?.duration ?? 0) / 1_000) ms]" } == ["get / [100 ms]"])
    #expect(roots.first??.traceId == "463ac35c9f6413ad48485a3953bb6124")
  }

  @Test("a trace has what its view and its node graph are made of", arguments: ["", "/zipkin"])
  func trace(prefix: String) async throws {
    let collector = try await filled()
    let spans = try await get(
      collector, "/api/v2/trace/463ac35c9f6413ad48485a3953bb6124", prefix: prefix, as: [Span].self)
    #expect(spans.count == 3)
    #expect(spans.allSatisfy { $0.id.utf8.count == 16 && $0.traceId.utf8.count == 32 })
    let root = try #require(spans.first { $0.parentId == nil })
    #expect(root.kind == "SERVER" && root.localEndpoint?.ipv4 == "10.0.0.1" && root.localEndpoint?.port == 80)
    #expect(root.annotations?.map(\.value) == ["begun"] && root.tags == ["http.method": "GET"])
    // The mark of an error is the tag.
    #expect(spans.filter { $0.tags?["error"] != nil }.map(\.name) == ["get price"])
    // Nodes and edges, as utils/graphTransform.ts makes them.
    let byID = Dictionary(spans.map { ($0.id, $0) }) { first, _ in first }
    #expect(byID.count == spans.count)
    let nodes = spans.map { span in
      var (end, covered) = (0, 0)
      for child in spans.filter({ $0.parentId == span.id }).sorted(by: { $0.timestamp < $1.timestamp }) {
        covered += max(0, child.timestamp + child.duration - max(end, child.timestamp))
        end = max(end, child.timestamp + child.duration)
      }
      return Node(
        title: span.localEndpoint?.serviceName ?? span.remoteEndpoint?.serviceName ?? "unknown", subtitle: span.name,
        own: span.duration - covered)
    }
    #expect(
      Set(nodes) == [
        Node(title: "page & more", subtitle: "get /", own: 40_000),
        Node(title: "page & more", subtitle: "get price", own: 40_000),
        Node(title: "page & more", subtitle: "get stock", own: 40_000),
      ])
    let edges = spans.compactMap { span in span.parentId.flatMap { byID[$0] }.map { "\($0.name)--\(span.name)" } }
    #expect(edges.sorted() == ["get /--get price", "get /--get stock"])
  }

  @Test("an id that nothing has is an error that the data source shows") func unknown() async throws {
    let reply = try await filled().get("/api/v2/trace/1")
    #expect(reply.status == 404 && !reply.text.isEmpty)
  }

  @Test("a span without times is no hole in its view: both are there or the span cannot be drawn anywhere")
  func withoutTimes() async throws {
    let collector = try TestCollector()
    let begin = (Int(TestCollector.now) - 60_000) * 1_000
    let text = #"[{"traceId":"d","id":"1","name":"a","timestamp":\#(begin),"localEndpoint":{"serviceName":"s"}}]"#
    #expect(await collector.post(text).status == 202)
    let reply = await collector.get("/api/v2/trace/d")
    // As Zipkin's own server: what was not sent is not made up.
    #expect(reply.status == 200 && !reply.text.contains("duration"))
  }
}
