import HTTPService
import JSONText
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  private static let listedTraces = 1_000
  private static let listedRejections = 20

  /// Parses a file of spans as `/api/import` does, but stores nothing. Answers with summaries of its traces, and with the trace that
  /// the parameter `id` names, or the only one, as a tree.
  func file(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    try await withTaskExecutorPreference(readingThreads) { () async throws(CollectorError) in try self.read(request) }
  }

  private func read(_ request: RoutedRequest) throws(CollectorError) -> Answer {
    let wanted = try request.query["id"].map { text throws(CollectorError) in try id(text, "the parameter id") }
    let format = try Self.format(of: request.head, json: .file)
    var parsed = try format.parse(try unpacked(request, format), limits: limits)
    // What is shown of a file can be exported, and holds as little as what is stored.
    parsed.spans = store.privacy.hidden(parsed.spans)
    guard !parsed.spans.isEmpty else {
      let reason = parsed.rejections.first.map { "; the first one: \($0.reason)" } ?? ""
      throw CollectorError(code: .invalid, message: "the file has no valid span\(reason)")
    }
    let found = Dictionary(grouping: parsed.spans) { $0.traceID.low }.values.flatMap { TraceAssembly.traces($0) }
      .compactMap { spans in
        let tree = SpanTree(spans)
        return TraceSummary(tree).map { (tree: tree, summary: $0) }
      }
      .sorted {
        ($0.summary.timestamp, $0.summary.traceID.high, $0.summary.traceID.low)
          > ($1.summary.timestamp, $1.summary.traceID.high, $1.summary.traceID.low)
      }
    let shown =
      wanted.map { id in found.first { $0.summary.traceID.isSame(as: id) } } ?? (found.count == 1 ? found.first : nil)
    if let wanted, shown == nil {
      throw CollectorError(code: .notFound, message: "there is no trace \(wanted) in the file")
    }
    return .json { json in
      json.beginObject()
      for (name, value) in [
        ("spanCount", found.reduce(0) { $0 + $1.summary.spanCount }), ("traceCount", found.count),
        ("rejectedCount", parsed.rejections.count),
      ] {
        json.key(name)
        json.number(value)
      }
      json.key("rejected")
      json.rejections(parsed.rejections.prefix(Self.listedRejections))
      json.key("traces")
      json.beginArray()
      for (_, summary) in found.prefix(Self.listedTraces) {
        json.beginObject()
        json.summary(summary)
        json.endObject()
      }
      json.endArray()
      if let shown {
        json.key("tree")
        json.beginObject()
        json.summary(shown.summary)
        json.nodes(of: shown.tree)
        json.endObject()
      }
      json.endObject()
    }
  }
}

extension TraceID {
  /// Whether two ids may belong to one trace: some senders truncate ids to 64 bits.
  fileprivate func isSame(as other: TraceID) -> Bool {
    low == other.low && (high == other.high || high == 0 || other.high == 0)
  }
}
