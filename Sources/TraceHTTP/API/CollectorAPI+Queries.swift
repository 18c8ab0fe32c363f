import JSONText
import TraceAnalysis
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Answers a query; nil if the path is none.
  func query(_ parameters: QueryParameters) async throws(CollectorError) -> Answer? {
    switch parameters.path {
    case "/api/v2/services": return names(store.serviceNames(), forgotten: store.forgottenServiceCount)
    case "/api/v2/spans":
      let service = try parameters.required("serviceName")
      return names(store.spanNames(service: service), forgotten: store.forgottenCount(.operation, of: service))
    case "/api/v2/remoteServices":
      let service = try parameters.required("serviceName")
      return names(
        store.remoteServiceNames(service: service), forgotten: store.forgottenCount(.remoteService, of: service))
    case "/api/v2/autocompleteKeys": return names(store.settings.autocompleteKeys)
    case "/api/v2/autocompleteValues":
      let key = try parameters.required("key")
      return names(store.autocompleteValues(key: key), forgotten: store.forgottenCount(.tagValue, of: key))
    case "/api/v2/traces": return try await traces(parameters)
    case "/api/v2/traceMany": return try await traceMany(parameters)
    case "/api/v2/dependencies": return try await dependencies(parameters)
    case "/api/summaries": return try await summaries(parameters)
    case "/api/propagation": return try await propagationReport(parameters)
    case "/api/graph": return try await graph(parameters)
    case "/api/operations": return try await operations(parameters)
    default: break
    }
    if let text = parameters.path.element(after: "/api/v2/trace/") {
      let spans = try await trace(text)
      return Answer { $0.spans(spans) }
    }
    if let text = parameters.path.element(after: "/api/trees/") { return try await tree(text) }
    if let text = parameters.path.element(after: "/api/export/html/") { return try await document(text) }
    return nil
  }

  /// A list of names. That there were more, Zipkin's answer has no place for.
  private func names(_ names: [String], forgotten: Int = 0) -> Answer {
    var answer = Answer { $0.strings(names) }
    if forgotten > 0 { answer.fields.append(("Names-Forgotten", "\(forgotten)")) }
    return answer
  }

  func id(_ text: String, _ what: String) throws(CollectorError) -> TraceID {
    guard let id = TraceID(text) else {
      throw CollectorError(
        code: .invalid, message: "\(what) must have 1 to 32 hexadecimal digits and not be zero: '\(text.prefix(64))'")
    }
    return id
  }

  func trace(_ text: String) async throws(CollectorError) -> [Span] {
    let id = try id(text, "the id of a trace")
    guard let spans = try await store.trace(id) else {
      throw CollectorError(code: .notFound, message: "there is no trace \(id)")
    }
    return spans
  }

  func traces(_ parameters: QueryParameters) async throws(CollectorError) -> Answer {
    let query = try TraceQuery(parameters, now: clock.milliseconds(), limits: limits)
    let result = try await store.search(query)
    var answer = Answer { json in
      json.beginArray()
      for trace in result.traces { json.spans(trace) }
      json.endArray()
    }
    // Zipkin's answer has no place for it.
    if !result.isComplete { answer.fields.append(("Search-Incomplete", "true")) }
    return answer
  }

  private func traceMany(_ parameters: QueryParameters) async throws(CollectorError) -> Answer {
    var ids: [TraceID] = []
    for text in try parameters.required("traceIds").split(separator: ",") {
      let id = try id(String(text), "each id in the parameter traceIds")
      guard !ids.contains(id) else {
        throw CollectorError(code: .invalid, message: "the parameter traceIds names \(id) twice")
      }
      ids.append(id)
      guard ids.count <= limits.tracesPerQuery else {
        throw CollectorError(
          code: .invalid, message: "the parameter traceIds must name at most \(limits.tracesPerQuery) traces")
      }
    }
    let traces = try await store.traces(ids)
    return Answer { json in
      json.beginArray()
      for trace in traces { json.spans(trace) }
      json.endArray()
    }
  }

  private func dependencies(_ parameters: QueryParameters) async throws(CollectorError) -> Answer {
    let (endTs, lookback) = try parameters.time(now: clock.milliseconds(), endIsRequired: true)
    let links = try await store.dependencies(endTs: endTs, lookback: lookback)
    return Answer { json in
      json.beginArray()
      for link in links {
        json.beginObject()
        json.key("parent")
        json.string(link.parent)
        json.key("child")
        json.string(link.child)
        json.key("callCount")
        json.number(link.callCount)
        if link.errorCount > 0 {
          json.key("errorCount")
          json.number(link.errorCount)
        }
        json.endObject()
      }
      json.endArray()
    }
  }

  // MARK: For the page

  private func tree(_ text: String) async throws(CollectorError) -> Answer {
    let tree = try await treeJSON(text)
    return Answer { $0.raw(tree.json) }
  }

  /// A trace as a tree, as `/api/trees/{id}` answers it.
  func treeJSON(_ text: String) async throws(CollectorError) -> (id: TraceID, json: [UInt8]) {
    let tree = SpanTree(try await trace(text))
    let pieces = try await brokenTraces.pieces(of: tree)
    let parent = try await brokenTraces.probableParent(of: tree)
    var json = JSONWriter()
    json.beginObject()
    let summary = TraceSummary(tree)
    if let summary { json.summary(summary) }
    json.nodes(of: tree)
    if let parent { json.probableParent(parent) }
    if !pieces.isEmpty { json.pieces(pieces) }
    json.endObject()
    return (summary?.traceID ?? TraceID(low: 0), json.bytes)
  }
}

extension String {
  /// The one path element behind a prefix, its escapes undone; nil if there is none or more.
  func element(after prefix: String) -> String? {
    guard hasPrefix(prefix) else { return nil }
    let rest = dropFirst(prefix.count)
    return rest.isEmpty || rest.contains("/") ? nil : QueryParameters.decoded(rest)
  }
}
