import Foundation
import Hummingbird
import Logging
import MeshModel
import MeshTestSupport
import NIOCore
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
    let router = Hummingbird.Router()
    router.post("/api/v2/spans") { [self] request, _ in
      let body = try await request.body.collect(upTo: 16 << 20)
      let items = (try? DocumentValue(json: body.readableBytesView))?.array ?? []
      let parsed = items.map(Self.span)
      spans.withLock { $0 += parsed }
      return Response(status: .accepted)
    }
    try await TestServer.run(router, onPort: onPort)
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
    let router = Hummingbird.Router()
    for method in [HTTPRequest.Method.post, .put] {
      router.on("**", method: method) { [self] request, _ in
        let body = try await request.body.collect(upTo: 16 << 20)
        bodies.withLock { $0.append(Array(body.readableBytesView)) }
        return Response(
          status: .ok, headers: [.contentType: "application/json"],
          body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"rate_by_service":{}}"#)))
      }
    }
    try await TestServer.run(router, onPort: onPort)
  }
}

/// Servers of the tests, on free ports of loopback.
enum TestServer {
  static func run(_ router: Hummingbird.Router<BasicRequestContext>, onPort: @escaping @Sendable (Int) -> Void)
    async throws
  {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let application = Application(
      responder: router.buildResponder(),
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in onPort(channel.localAddress?.port ?? 0) }, logger: logger)
    try await application.run()
  }

  /// A service that answers every request with its name; one for `/held` when a gate is opened.
  static func echo(_ name: String, holding gate: Gate, onPort: @escaping @Sendable (Int) -> Void) async throws {
    let router = Hummingbird.Router()
    router.get("**") { request, _ in
      if request.uri.path == "/held" { await gate.wait() }
      return "hello from \(name)\n"
    }
    try await run(router, onPort: onPort)
  }
}
