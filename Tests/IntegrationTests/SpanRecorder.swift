import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import Synchronization

/// A collector that remembers what it was sent: the second collector of the tests, with nothing of ours in it.
final class SpanRecorder: Sendable {
  /// What the tests look at in a span.
  struct Span: Sendable, Hashable {
    var traceID: String
    var service: String
    var kind: String
    /// The request's path, which tells the phase of a test.
    var path: String
  }

  private let spans = Mutex<[Span]>([])

  /// The spans of requests with a path.
  func spans(path: String) -> [Span] { spans.withLock { spans in spans.filter { $0.path == path } } }

  func serve(onPort: @escaping @Sendable (Int) -> Void) async throws {
    try await LoopbackServer.serve(
      { [self] request, body in
        guard request.method == .post, request.path == "/api/v2/spans" else {
          return (HTTPResponse(status: .notFound), [])
        }
        let items = (try? DocumentValue(json: body))?.array ?? []
        spans.withLock { $0 += items.map(Self.span) }
        return (HTTPResponse(status: .accepted), [])
      }, onPort: onPort)
  }

  static func span(_ item: DocumentValue) -> Span {
    let url = item["tags"]?["http.url"]?.string ?? ""
    return Span(
      traceID: item["traceId"]?.string ?? "", service: item["localEndpoint"]?["serviceName"]?.string ?? "",
      kind: item["kind"]?.string ?? "", path: URLComponents(string: url)?.path ?? "")
  }
}

/// An agent of Datadog as far as a proxy sees one: it takes traces and says that it did.
final class AgentRecorder: Sendable {
  private let bodies = Mutex<[[UInt8]]>([])

  /// Whether any message so far holds a text; MessagePack keeps texts as they are.
  func hasReceived(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    return bodies.withLock { bodies in bodies.contains { !$0.ranges(of: wanted).isEmpty } }
  }

  func serve(onPort: @escaping @Sendable (Int) -> Void) async throws {
    try await LoopbackServer.serve(
      { [self] request, body in
        if [.post, .put].contains(request.method) { bodies.withLock { $0.append(body) } }
        return (
          HTTPResponse(status: .ok, headerFields: [.contentType: "application/json"]),
          Array(#"{"rate_by_service":{}}"#.utf8)
        )
      }, onPort: onPort)
  }
}

/// A service that answers every request with its name; one for `/held` when a gate is opened.
enum EchoService {
  static func serve(_ name: String, holding gate: Gate, onPort: @escaping @Sendable (Int) -> Void) async throws {
    try await LoopbackServer.serve(
      { request, _ in
        if request.path == "/held" { await gate.wait() }
        return (HTTPResponse(status: .ok), Array("hello from \(name)\n".utf8))
      }, onPort: onPort)
  }
}
