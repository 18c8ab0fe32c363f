import HTTPService
import HTTPTypes
import JSONText
import TraceFormats
import TraceModel

extension CollectorAPI {
  /// Paths that export traces as files.
  static let exportRoutes: [CollectorRoute] = [
    .get(
      "/api/export/zipkin", "Finds traces and returns them as a file, in Zipkin's v2 JSON.",
      query: Operation.Parameter.search,
      CollectorAPI.exportFound),
    .get("/api/export/zipkin/{id}", "Returns a trace as a file, in Zipkin's v2 JSON.", CollectorAPI.exportZipkin),
    .get("/api/export/jaeger/{id}", "Returns a trace as a file that Jaeger's page opens.", CollectorAPI.exportJaeger),
    .get(
      "/api/export/html/{id}", "Returns a trace as a file that browsers show without a collector.",
      types: [MediaType.htmlUTF8], CollectorAPI.exportHTML),
  ]

  private func exportFound(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    .download(try await traces(request), "traces.json")
  }

  private func exportZipkin(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let spans = try await spans(request)
    return .download(.json { $0.spans(spans) }, "trace-\(Self.name(spans)).json")
  }

  private func exportJaeger(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let spans = try await spans(request)
    return .download(.json { JaegerExport(spans).write(to: &$0) }, "trace-\(Self.name(spans)).jaeger.json")
  }

  private func exportHTML(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let tree = try await treeJSON(request)
    var answer = Answer(type: MediaType.htmlUTF8, body: TraceDocument.html(id: tree.id, tree: tree.json))
    answer.fields[.contentSecurityPolicy] = Answer.contentSecurityPolicy
    return .download(answer, "trace-\(tree.id).html")
  }

  private static func name(_ spans: [Span]) -> String {
    (spans.first { $0.traceID.high != 0 } ?? spans.first)?.traceID.description ?? "empty"
  }
}
