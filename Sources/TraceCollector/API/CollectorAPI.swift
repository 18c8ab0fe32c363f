public import HTTPTypes

/// The collector as HTTP sees it: spans in, Zipkin's queries and the page out. It knows requests and answers, no server.
///
/// | Path | Answer |
/// |---|---|
/// | `POST /api/v2/spans` | stores spans |
/// | `GET /api/v2/…` | Zipkin's v2 queries |
/// | `GET /api/summaries`, `GET /api/trees/{id}` | what the page shows |
/// | `GET /`, `/traces/{id}`, `/assets/…` | the page |
/// | `GET /health` | whether it is up |
public final class CollectorAPI: Sendable {
  /// What is let in. Whoever reads the body should stop at ``CollectorLimits/bodyBytes``, and answer
  /// with ``tooLarge()``.
  public let limits: CollectorLimits
  /// What is counted.
  public var metrics: CollectorMetrics { store.metrics }
  let store: SpanStore
  let clock: WallClock

  /// Makes the collector of a store.
  public init(store: SpanStore) {
    self.store = store
    limits = store.settings.limits
    clock = store.settings.clock
  }

  /// Answers a request. Never throws, and answers everything.
  public func respond(to request: HTTPRequest, body: [UInt8] = []) async -> (HTTPResponse, [UInt8]) {
    let answer: Answer
    do {
      answer = try await route(request, body)
    } catch {
      answer = Answer(error)
    }
    return answer.rendered(withBody: request.method != .head)
  }

  /// The answer to a body that is too large to be read.
  public func tooLarge() -> (HTTPResponse, [UInt8]) {
    Answer(bodyError).rendered(withBody: true)
  }

  private var bodyError: CollectorError {
    CollectorError(
      code: .tooLarge, message: "the body is larger than \(limits.bodyBytes) bytes; send fewer spans at once")
  }

  private func route(_ request: HTTPRequest, _ body: [UInt8]) async throws(CollectorError) -> Answer {
    let parameters = QueryParameters(request.path ?? "/")
    let isSpans = parameters.path == "/api/v2/spans"
    switch request.method {
    case .post where isSpans: return try await storeSpans(request, body)
    case .get, .head:
      if let answer = try await query(parameters) { return answer }
      let knownTags = request.headerFields[.ifNoneMatch]
      if let answer = page(parameters.path, knownTags: knownTags) { return answer }
      throw CollectorError(code: .notFound, message: "there is nothing at \(parameters.path.prefix(256))")
    default: return Answer.methodNotAllowed(isSpans ? "GET, HEAD, POST" : "GET, HEAD")
    }
  }

  // MARK: Spans in

  private func storeSpans(_ request: HTTPRequest, _ body: [UInt8]) async throws(CollectorError) -> Answer {
    let metrics = store.metrics
    metrics.requests.count(1)
    metrics.requestBytes.count(body.count)
    guard body.count <= limits.bodyBytes else { throw bodyError }
    let type = request.headerFields[.contentType]?.lowercased() ?? ""
    guard !type.hasPrefix("application/x-protobuf"), !type.hasPrefix("application/x-thrift") else {
      throw CollectorError(code: .unsupported, message: "spans must be sent as application/json, not as \(type)")
    }
    let encoding = request.headerFields[.contentEncoding]?.lowercased() ?? "identity"
    let json: [UInt8]
    switch encoding {
    case "identity", "": json = body
    case "gzip", "x-gzip", "deflate": json = try Inflater.inflate(body, limit: limits.bodyBytes)
    default:
      throw CollectorError(
        code: .unsupported, message: "the content encoding must be gzip or identity, not \(encoding.prefix(64))")
    }
    let parsed = try SpanParser.parse(json, limits: limits)
    var rejections = parsed.rejections
    for rejection in try await store.add(parsed.spans, bytes: json.count)
    where parsed.indices.indices.contains(rejection.index) {
      rejections.append(SpanRejection(index: parsed.indices[rejection.index], reason: rejection.reason))
    }
    metrics.spansRejected.count(rejections.count)
    guard !rejections.isEmpty else { return Answer(status: .accepted) }
    rejections.sort { $0.index < $1.index }
    let stored = parsed.spans.count + parsed.rejections.count - rejections.count
    return Answer(status: stored > 0 ? .accepted : .badRequest) { json in
      json.beginObject()
      json.key("stored")
      json.number(stored)
      json.key("rejected")
      json.beginArray()
      for rejection in rejections {
        json.beginObject()
        json.key("index")
        json.number(rejection.index)
        json.key("reason")
        json.string(rejection.reason)
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
  }
}
