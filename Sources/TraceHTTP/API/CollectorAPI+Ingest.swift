import HTTPService
import HTTPTypes
import JSONText
import PrometheusMetrics
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  /// The ways in for spans.
  static let ingestRoutes: [CollectorRoute] = [
    .spans(
      "/api/v2/spans", "Stores spans in Zipkin's v2 format.", [MediaType.json, MediaType.protobuf], from: .tracer,
      CollectorAPI.storeZipkin),
    .spans(
      "/api/v1/spans", "Stores spans in Zipkin's v1 format.", [MediaType.json], from: .tracer,
      CollectorAPI.storeZipkinV1),
    .spans(
      "/api/import",
      "Stores a file of traces: Zipkin's, Jaeger's or OpenTelemetry's in JSON, or lines of these; it may be packed. The "
        + "answer names the traces.", [MediaType.json, MediaType.jsonLines, MediaType.protobuf], from: .reader,
      CollectorAPI.storeFile),
    CollectorRoute(
      operation: Operation(
        .post, "/api/trees",
        "Reads a file of spans as /api/import does, stores nothing, and answers what the page shows of it.",
        query: [.init(name: "id", summary: "The trace that is answered as a tree; the only one when absent.")],
        accepts: [.init(MediaType.json), .init(MediaType.protobuf)],
        outcomes: [
          CollectorRoute.outcome(.ok, "The traces that were in it, and one of them as a tree.", [MediaType.json]),
          CollectorRoute.sentence(.badRequest, "It holds no spans that can be read, or the id is none."),
          CollectorRoute.sentence(.notFound, "There is no such trace in it."),
          CollectorRoute.sentence(.contentTooLarge, "The file is too large."),
          CollectorRoute.sentence(.unsupportedMediaType, "The file is of a type or encoding that is not known."),
        ]), handler: CollectorAPI.file),
    otlpRoute,
  ]

  private func storeZipkin(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    try await store(request, as: try Self.format(of: request.head, json: .zipkinJSON)) { Answer($0) }
  }

  private func storeZipkinV1(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    try await store(request, as: try Self.format(of: request.head, json: .zipkinV1JSON)) { Answer($0) }
  }

  private func storeFile(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let format = try Self.format(of: request.head, json: .file)
    return try await store(request, as: format) { format == .file ? Answer(file: $0) : Answer($0) }
  }

  /// What became of a request's spans.
  struct Outcome {
    /// How many were stored.
    var stored: Int
    /// Those that were not, in their order.
    var rejections: [SpanRejection]
    /// How many names are not listed any more, as these spans have brought too many.
    var namesForgotten: Int

    /// The same as a sentence; nil if there is none.
    var notice: String? {
      namesForgotten == 0
        ? nil
        : "there are too many names of services and operations: \(namesForgotten) that were used long ago are not listed "
          + "any more, and will be with their next span"
    }
    /// The traces of a file, the first of them.
    var traces: [TraceID] = []
  }

  /// The format of a body, at a path for one of Zipkin's formats in JSON. Like Zipkin, whatever does not say that it is something
  /// else is taken for JSON.
  static func format(of request: HTTPRequest, json: SpanFormat) throws(CollectorError) -> SpanFormat {
    let type = MediaType.ofBody(request)
    let isProtobuf = type == MediaType.protobuf || type == "application/protobuf"
    if isProtobuf, json != .zipkinV1JSON { return .zipkinProtobuf }
    guard !isProtobuf, type != "application/x-thrift", type != "application/vnd.apache.thrift.binary" else {
      let known = json == .zipkinV1JSON ? "application/json" : "application/json or application/x-protobuf"
      throw CollectorError(code: .unsupported, message: "spans must be sent as \(known), not as \(type)")
    }
    return json
  }

  /// Stores the spans of a body, and makes the answer.
  ///
  /// A small request is read by the thread that received it: with a few spans, waking another one costs more than the work.
  /// Others are unpacked, read, encoded and answered by ``ReadingThreads``.
  func store(
    _ request: RoutedRequest, as format: SpanFormat, _ answer: @Sendable (Outcome) -> Answer
  ) async throws(CollectorError) -> Answer {
    let metrics = store.metrics
    metrics.requests.increment()
    metrics.requestBytes.increment(by: request.body.count)
    do throws(CollectorError) {
      // Before anything is unpacked or parsed: what cannot be stored must cost little.
      guard store.waitingSpanCount < limits.waitingSpans else { throw .overloaded }
      if let outcome = try await storeSmall(request, as: format) {
        refusals.end()
        return answer(outcome)
      }
      return try await withTaskExecutorPreference(readingThreads) { () async throws(CollectorError) in
        let outcome = try await self.storeLarge(request, as: format)
        self.refusals.end()
        return answer(outcome)
      }
    } catch {
      metrics.requestsFailed.increment()
      throw error
    }
  }

  /// Stores a small request; nil if it is not small, then nothing has become of it.
  private func storeSmall(
    _ request: RoutedRequest, as format: SpanFormat
  ) async throws(CollectorError) -> Outcome? {
    let limit = min(limits.smallRequest.bytes, limits.bodyBytes)
    guard request.body.count <= limit else { return nil }
    var bytes = request.body
    if try isPacked(request, format) {
      guard let unpacked = try? CompressedBody.inflate(bytes, limit: limit, limits: limits) else { return nil }
      bytes = unpacked
    }
    if format == .zipkinJSON { return try await store.add(json: bytes) }
    var small = limits
    small.valuesPerRequest = min(limits.valuesPerRequest, limits.smallRequest.values)
    let parsed = try format.parse(bytes, limits: small)
    return parsed.values.isBeyond ? nil : try await store(parsed, as: format, bytes: bytes.count)
  }

  private func storeLarge(
    _ request: RoutedRequest, as format: SpanFormat
  ) async throws(CollectorError) -> Outcome {
    let bytes = try unpacked(request, format)
    let held = try hold(bytes.count)
    defer { release(held) }
    if format == .zipkinJSON { return try await store.add(json: bytes) }
    return try await store(try format.parse(bytes, limits: limits), as: format, bytes: bytes.count)
  }

  private func store(
    _ parsed: ParsedSpans, as format: SpanFormat, bytes: Int
  ) async throws(CollectorError) -> Outcome {
    var parsed = parsed
    if format == .zipkinProtobuf {
      let (turned, undecided) = idSettling.settle(
        &parsed.spans, now: clock.milliseconds(), recentIDs: store.recentIDs(in:))
      store.metrics.spansTurned.increment(by: turned)
      store.metrics.spansUndecided.increment(by: undecided)
    }
    let namesForgotten = try await store.add(parsed.spans, bytes: bytes)
    store.metrics.spansRejected.increment(by: parsed.rejections.count)
    return Outcome(
      stored: parsed.spans.count, rejections: parsed.rejections, namesForgotten: namesForgotten,
      traces: format == .file ? parsed.traces(atMost: Self.namedTraces) : [])
  }

  /// How many traces of a file the answer names.
  private static let namedTraces = 100

  /// A body as it was before it was packed.
  func unpacked(_ request: RoutedRequest, _ format: SpanFormat) throws(CollectorError) -> [UInt8] {
    guard request.body.count <= limits.bodyBytes else { throw bodyError }
    guard try isPacked(request, format) else { return request.body }
    return try CompressedBody.inflate(request.body, limit: limits.bodyBytes, limits: limits)
  }

  private func isPacked(_ request: RoutedRequest, _ format: SpanFormat) throws(CollectorError) -> Bool {
    let encoding = request.head.headerFields[.contentEncoding]?.lowercased() ?? "identity"
    switch encoding {
    // A file is sent as it is kept, and may be packed.
    case "identity", "": return format == .file && request.body.starts(with: [0x1F, 0x8B])
    case "gzip", "x-gzip", "deflate": return true
    default:
      throw CollectorError(
        code: .unsupported, message: "the content encoding must be gzip or identity, not \(encoding.prefix(64))")
    }
  }
}

extension SpanWriting {
  /// Stores a list of spans in Zipkin's v2 JSON, which the parser writes into the store's own form.
  fileprivate func add(json bytes: [UInt8]) async throws(CollectorError) -> CollectorAPI.Outcome {
    var batch = makeBatch()
    let (rejections, _) = try SpanParser.parse(bytes, limits: limits, into: &batch)
    let count = batch.count
    let namesForgotten = try await add(batch, bytes: bytes.count)
    metrics.spansRejected.increment(by: rejections.count)
    return CollectorAPI.Outcome(stored: count, rejections: rejections, namesForgotten: namesForgotten)
  }
}

extension CollectorError {
  /// Too much is going on; nothing was looked at.
  static var overloaded: CollectorError {
    CollectorError(code: .unavailable, message: "more spans come than can be stored; send again later")
  }
}

extension ParsedSpans {
  /// The traces of the spans in their order.
  fileprivate func traces(atMost limit: Int) -> [TraceID] {
    var known: Set<UInt64> = []
    var traces: [TraceID] = []
    for span in spans where known.insert(span.traceID.low).inserted {
      guard traces.count < limit else { break }
      traces.append(span.traceID)
    }
    return traces
  }
}

extension Answer {
  /// What who sends a file is told: as Zipkin's senders, with the traces that are there now.
  init(file outcome: CollectorAPI.Outcome) {
    self = .json(outcome.stored > 0 || outcome.rejections.isEmpty ? .accepted : .badRequest) { json in
      json.outcome(outcome) { json in
        json.key("traceIds")
        json.strings(outcome.traces.map(\.description))
      }
    }
  }

  /// What Zipkin's senders are told: 202, and in the body which spans were not stored and why; 400 if none was.
  init(_ outcome: CollectorAPI.Outcome) {
    guard !outcome.rejections.isEmpty || outcome.notice != nil else {
      self.init(.accepted)
      return
    }
    self = .json(outcome.stored > 0 ? .accepted : .badRequest) { json in json.outcome(outcome) { _ in } }
  }
}

extension JSONWriter {
  fileprivate mutating func outcome(_ outcome: CollectorAPI.Outcome, _ more: (inout JSONWriter) -> Void) {
    beginObject()
    key("stored")
    number(outcome.stored)
    key("rejected")
    rejections(outcome.rejections)
    if let notice = outcome.notice {
      key("notice")
      string(notice)
    }
    more(&self)
    endObject()
  }
}

extension JSONWriter {
  /// Writes which spans were not taken, and why.
  mutating func rejections(_ rejections: some Sequence<SpanRejection>) {
    beginArray()
    for rejection in rejections {
      beginObject()
      key("index")
      number(rejection.index)
      key("reason")
      string(rejection.reason)
      endObject()
    }
    endArray()
  }
}
