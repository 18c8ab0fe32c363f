import TraceFormats
import TraceModel

extension CollectorAPI {
  /// Answers with traces as files to keep; nil if the path is none of those.
  func export(_ parameters: QueryParameters) async throws(CollectorError) -> Answer? {
    if parameters.path == "/api/export/zipkin" {
      return download(try await traces(parameters), "traces.json")
    }
    if let text = parameters.path.element(after: "/api/export/zipkin/") {
      let spans = try await trace(text)
      return download(Answer { $0.spans(spans) }, "trace-\(Self.name(spans)).json")
    }
    if let text = parameters.path.element(after: "/api/export/jaeger/") {
      let spans = try await trace(text)
      return download(Answer { JaegerExport(spans).write(to: &$0) }, "trace-\(Self.name(spans)).jaeger.json")
    }
    return nil
  }

  private static func name(_ spans: [Span]) -> String {
    (spans.first { $0.traceID.high != 0 } ?? spans.first)?.traceID.description ?? "empty"
  }

  private func download(_ answer: Answer, _ name: String) -> Answer {
    var answer = answer
    answer.fields.append(("Content-Disposition", "attachment; filename=\"\(name)\""))
    return answer
  }
}
