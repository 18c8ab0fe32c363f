import HTTPService
import HTTPTypes
import JSONText
import TraceAnalysis
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Zipkin's queries, and the queries of the page.
  static let queryRoutes: [CollectorRoute] = [
    .get("/api/v2/services", "Lists the services.", canFail: false, CollectorAPI.services),
    .get(
      "/api/v2/spans", "Lists the operations of a service.", query: [.serviceName], canFail: false,
      CollectorAPI.spanNames),
    .get(
      "/api/v2/remoteServices", "Lists the services at the other ends of a service's spans.", query: [.serviceName],
      canFail: false, CollectorAPI.remoteServices),
    .get("/api/v2/traces", "Finds traces, the newest first.", query: Operation.Parameter.search, CollectorAPI.traces),
    .get(
      "/api/v2/traceMany", "Returns several traces.",
      query: [.init(name: "traceIds", summary: "The ids, separated by commas.", requiredExample: "a,b")],
      CollectorAPI.traceMany),
    .get("/api/v2/trace/{id}", "Returns a trace.", CollectorAPI.trace),
    .get(
      "/api/v2/dependencies", "Counts the calls between services.",
      query: [
        .init(name: "endTs", summary: Operation.Parameter.endTs.summary, requiredExample: "1790812800000"), .lookback,
      ], CollectorAPI.dependencies),
    .get(
      "/api/v2/autocompleteKeys", "Lists the tags whose values can be completed.", canFail: false,
      CollectorAPI.autocompleteKeys),
    .get(
      "/api/v2/autocompleteValues", "Lists the values of such a tag.",
      query: [.init(name: "key", summary: "The tag.", requiredExample: "env")], canFail: false,
      CollectorAPI.autocompleteValues),
    .get(
      "/api/summaries",
      "Finds traces and returns a summary of each; the answer has a cursor and says whether there are more.",
      query: Operation.Parameter.search + [
        .init(
          name: "order",
          summary:
            "Which matching traces come first: newest (when absent), longest, spans (the most), errors (the most)."
        ),
        .init(name: "after", summary: "The cursor of the last answer; the request waits for a different answer."),
        .init(name: "wait", summary: "How many seconds to wait for a different answer, 30 at most; 0 when absent."),
      ], CollectorAPI.summaries),
    .get(
      "/api/trees/{id}",
      "Returns a trace as a tree, as the page shows it, with traces that are probably parts of it, or the request that "
        + "probably caused it.", CollectorAPI.tree),
  ]

  // MARK: Names

  private func services(_ request: RoutedRequest) -> Answer {
    names(store.serviceNames(), evicted: store.evictedCount(.service, of: ""))
  }

  private func spanNames(_ request: RoutedRequest) throws(CollectorError) -> Answer {
    let service = try request.query.required("serviceName")
    return names(store.spanNames(service: service), evicted: store.evictedCount(.operation, of: service))
  }

  private func remoteServices(_ request: RoutedRequest) throws(CollectorError) -> Answer {
    let service = try request.query.required("serviceName")
    return names(
      store.remoteServiceNames(service: service), evicted: store.evictedCount(.remoteService, of: service))
  }

  private func autocompleteKeys(_ request: RoutedRequest) -> Answer { names(store.autocompleteKeys) }

  private func autocompleteValues(_ request: RoutedRequest) throws(CollectorError) -> Answer {
    let key = try request.query.required("key")
    return names(store.autocompleteValues(key: key), evicted: store.evictedCount(.tagValue, of: key))
  }

  /// A list of names. A header field says how many names were evicted, because Zipkin's answer has no place for it.
  private func names(_ names: [String], evicted: Int = 0) -> Answer {
    var answer = Answer.json { $0.strings(names) }
    if evicted > 0, let name = HTTPField.Name("Names-Forgotten") { answer.fields[name] = "\(evicted)" }
    return answer
  }

  func id(_ text: String, _ what: String) throws(CollectorError) -> TraceID {
    guard let id = TraceID(text) else {
      throw CollectorError(
        code: .invalid, message: "\(what) must have 1 to 32 hexadecimal digits and not be zero: '\(text.prefix(64))'")
    }
    return id
  }

  // MARK: Traces

  /// The spans of the trace that a path names.
  func spans(_ request: RoutedRequest) async throws(CollectorError) -> [Span] {
    let id = try id(request.decodedParameter("id"), "the id of a trace")
    guard let spans = try await store.trace(id) else {
      throw CollectorError(code: .notFound, message: "there is no trace \(id)")
    }
    return spans
  }

  private func trace(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let spans = try await spans(request)
    return .json { $0.spans(spans) }
  }

  func traces(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let query = try TraceQuery(request.query, now: clock.milliseconds(), limits: limits)
    let result = try await store.search(query)
    var answer = Answer.json { json in
      json.beginArray()
      for trace in result.traces { json.spans(trace) }
      json.endArray()
    }
    // A header field, because Zipkin's answer has no place for it.
    if !result.isComplete, let name = HTTPField.Name("Search-Incomplete") { answer.fields[name] = "true" }
    return answer
  }

  private func traceMany(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    var ids: [TraceID] = []
    for text in try request.query.required("traceIds").split(separator: ",") {
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
    return .json { json in
      json.beginArray()
      for trace in traces { json.spans(trace) }
      json.endArray()
    }
  }

  private func dependencies(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let (endTs, lookback) = try request.query.time(now: clock.milliseconds(), endIsRequired: true)
    let links = try await store.dependencies(endTs: endTs, lookback: lookback)
    return .json { json in
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

  private func tree(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    Answer(type: MediaType.json, body: try await treeJSON(request).json)
  }

  /// A trace as a tree, as `/api/trees/{id}` answers it.
  func treeJSON(_ request: RoutedRequest) async throws(CollectorError) -> (id: TraceID, json: [UInt8]) {
    let tree = SpanTree(try await spans(request))
    let (pieces, isComplete) = try await brokenTraces.pieces(of: tree)
    let parent = try await brokenTraces.probableParent(of: tree)
    var json = JSONWriter()
    json.beginObject()
    let summary = TraceSummary(tree)
    if let summary { json.summary(summary) }
    json.nodes(of: tree)
    if let parent { json.probableParent(parent) }
    if !pieces.isEmpty { json.pieces(pieces) }
    if !isComplete {
      json.key("piecesAreIncomplete")
      json.bool(true)
    }
    let detached = tree.detachedCalls
    if !detached.isEmpty { json.detachedCalls(detached) }
    json.endObject()
    return (summary?.traceID ?? TraceID(low: 0), json.bytes)
  }
}
