import HTTPService
import HTTPTypes
import JSONText
import PrometheusMetrics
import TraceAnalysis
import TraceFormats
import TraceModel
import TraceStore

extension CollectorAPI {
  /// Paths that receive spans.
  static let ingestRoutes: [CollectorRoute] = [
    .spans(
      "/api/v2/spans", "Stores spans in Zipkin's v2 format.", [MediaType.json, MediaType.protobuf], from: .tracer,
      CollectorAPI.storeZipkin),
    .spans(
      "/api/v1/spans", "Stores spans in Zipkin's v1 format.", [MediaType.json], from: .tracer,
      CollectorAPI.storeZipkinV1),
    .spans(
      "/api/import",
      "Stores a file of traces: Zipkin's, Jaeger's or OpenTelemetry's in JSON, or lines of these; it may be compressed. The "
        + "answer names the traces.", [MediaType.json, MediaType.jsonLines, MediaType.protobuf], from: .reader,
      CollectorAPI.storeFile),
    CollectorRoute(
      operation: Operation(
        .post, "/api/trees",
        "Parses a file of spans as /api/import does, stores nothing, and returns what the page shows of it.",
        query: [.init(name: "id", summary: "The trace to return as a tree; when absent, the only trace.")],
        accepts: [.init(MediaType.json), .init(MediaType.protobuf)],
        outcomes: [
          CollectorRoute.outcome(.ok, "The traces of the file, and one of them as a tree.", [MediaType.json]),
          CollectorRoute.sentence(.badRequest, "The file has no valid spans, or the id is invalid."),
          CollectorRoute.sentence(.notFound, "The file does not have the trace."),
          CollectorRoute.sentence(.contentTooLarge, "The file is too large."),
          CollectorRoute.sentence(.unsupportedMediaType, "The type or the encoding of the file is not supported."),
        ]), handler: CollectorAPI.file),
    otlpRoute,
  ]

  private func storeZipkin(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    if canary.takes(request.body) { return try await storeCanary(request) }
    return try await store(request, as: try Self.format(of: request.head, json: .zipkinJSON)) { Answer($0) }
  }

  private func storeZipkinV1(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    try await store(request, as: try Self.format(of: request.head, json: .zipkinV1JSON)) { Answer($0) }
  }

  private func storeFile(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let format = try Self.format(of: request.head, json: .file)
    return try await store(request, as: format) { format == .file ? Answer(file: $0) : Answer($0) }
  }

  /// The result of storing a request's spans.
  struct Outcome {
    /// How many spans were stored.
    var stored: Int
    /// The spans that were rejected, in their order.
    var rejections: [SpanRejection]
    /// How many names were evicted because these spans have new names.
    var namesEvicted: Int

    /// Sentences about what was changed, and about evicted names; nil if there is nothing to say.
    var notice: String? {
      var parts = remarks.isEmpty ? [] : [remarks.notice].filter { !$0.isEmpty }
      if namesEvicted > 0 {
        parts.append(
          "there are too many names of services and operations: \(namesEvicted) that were not used lately have been "
            + "removed from the lists; each is listed again with its next span")
      }
      return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
    /// The first traces of a file.
    var traces: [TraceID] = []
    /// The stored spans by their senders.
    var tally = SenderTally(now: 0)
    /// What was changed in spans, or left out of them.
    var remarks = SpanRemarks()
    /// Spans that could not be found, since a key around them was not understood.
    var unreadSpans = 0
    /// Whether spans came in a form that is not that of the format.
    var isMisread = false
  }

  /// The format of a body, at a path for one of Zipkin's JSON formats. As in Zipkin, the default is JSON.
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
  /// The thread that received a small request also parses it, because waking another thread costs more than parsing a few spans.
  /// ``ReadingThreads`` decompress, parse, encode and answer larger requests.
  func store(
    _ request: RoutedRequest, as format: SpanFormat, _ answer: @Sendable (Outcome) -> Answer
  ) async throws(CollectorError) -> Answer {
    let metrics = store.metrics
    metrics.requests.increment()
    metrics.requestBytes.increment(by: request.body.count)
    do throws(CollectorError) {
      // This check precedes decompression and parsing, so that a refused request costs little.
      guard store.waitingSpanCount < limits.waitingSpans else { throw .overloaded }
      if let outcome = try await storeSmall(request, as: format) {
        return note(outcome, request, format, answer(outcome))
      }
      return try await withTaskExecutorPreference(readingThreads) { () async throws(CollectorError) in
        let outcome = try await self.storeLarge(request, as: format)
        return self.note(outcome, request, format, answer(outcome))
      }
    } catch {
      metrics.requestsFailed.increment()
      noteUnreadable(request.head, format, Answer(error, retryAfter: 0).status, because: error.message)
      throw error
    }
  }

  /// Notes who has sent the spans that were stored, and those that were not.
  private func note(_ outcome: Outcome, _ request: RoutedRequest, _ format: SpanFormat, _ answer: Answer) -> Answer {
    refusals.end()
    guard format != .file else { return answer }
    var tally = outcome.tally
    for rejection in outcome.rejections {
      guard let origin = rejection.origin else { continue }
      tally.refuse(origin, rejection.reason, isOfID: rejection.isOfID)
    }
    senders.note(tally, SenderRequest(request.head, format, answer.status), remarks: outcome.remarks)
    if tally.isEmpty, outcome.unreadSpans > 0 {
      noteUnreadable(
        request.head, format, answer.status, because: "no span was found below keys that are not understood")
    }
    return answer
  }

  /// Notes a request of which no span could be read or stored.
  func noteUnreadable(
    _ request: HTTPRequest, _ format: SpanFormat?, _ status: HTTPResponse.Status, because reason: String
  ) {
    guard format != .file else { return }
    senders.noteUnreadable(SenderRequest(request, format, status), because: reason)
  }

  /// Stores a small request. Returns nil, and stores nothing, if the request is not small.
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
    let held = try reserve(bytes.count)
    defer { release(held) }
    if format == .zipkinJSON { return try await store.add(json: bytes, senders.tally()) }
    var small = limits
    small.valuesPerRequest = min(limits.valuesPerRequest, limits.smallRequest.values)
    if format == .zipkinProtobuf {
      var report = try ZipkinProtobufParser.parse(bytes, limits: small)
      return report.values.isBeyond ? nil : try await store(&report, bytes: bytes.count)
    }
    let parsed = try format.parse(bytes, limits: small)
    return parsed.values.isBeyond ? nil : try await store(parsed, as: format, bytes: bytes.count)
  }

  private func storeLarge(
    _ request: RoutedRequest, as format: SpanFormat
  ) async throws(CollectorError) -> Outcome {
    let bytes = try unpacked(request, format)
    let held = try reserve(bytes.count)
    defer { release(held) }
    if format == .zipkinJSON { return try await store.add(json: bytes, senders.tally()) }
    if format == .zipkinProtobuf {
      var report = try ZipkinProtobufParser.parse(bytes, limits: limits)
      return try await store(&report, bytes: bytes.count)
    }
    return try await store(try format.parse(bytes, limits: limits), as: format, bytes: bytes.count)
  }

  private func store(_ report: inout ReportedSpans, bytes: Int) async throws(CollectorError) -> Outcome {
    let (reversed, undecided) = idSettling.settle(
      &report, now: clock.milliseconds(), recentIDs: store.recentIDs(in:))
    store.metrics.spansReversed.increment(by: reversed)
    store.metrics.spansUndecided.increment(by: undecided)
    return try await store.add(report, bytes: bytes, senders.tally())
  }

  private func store(
    _ parsed: ParsedSpans, as format: SpanFormat, bytes: Int
  ) async throws(CollectorError) -> Outcome {
    var tally = senders.tally()
    if format != .file { for span in parsed.spans { tally.add(span) } }
    let namesEvicted = try await store.add(parsed.spans, bytes: bytes)
    store.metrics.spansRejected.increment(by: parsed.rejections.count)
    return Outcome(
      stored: parsed.spans.count, rejections: parsed.rejections, namesEvicted: namesEvicted,
      traces: format == .file ? parsed.traces(atMost: Self.namedTraces) : [], tally: tally,
      remarks: parsed.remarks.adding(.wrongUnit, tally.wrongUnitSpans), unreadSpans: parsed.unreadSpans,
      isMisread: parsed.isMisread)
  }

  /// How many traces of a file the answer names.
  private static let namedTraces = 100

  /// The decompressed body.
  func unpacked(_ request: RoutedRequest, _ format: SpanFormat) throws(CollectorError) -> [UInt8] {
    guard request.body.count <= limits.bodyBytes else { throw bodyError }
    guard try isPacked(request, format) else { return request.body }
    return try CompressedBody.inflate(request.body, limit: limits.bodyBytes, limits: limits)
  }

  private func isPacked(_ request: RoutedRequest, _ format: SpanFormat) throws(CollectorError) -> Bool {
    let encoding = request.head.headerFields[.contentEncoding]?.lowercased() ?? "identity"
    switch encoding {
    // A file may be compressed without a content encoding.
    case "identity", "": return format == .file && request.body.starts(with: [0x1F, 0x8B])
    case "gzip", "x-gzip", "deflate": return true
    default:
      throw CollectorError(
        code: .unsupported, message: "the content encoding must be gzip or identity, not \(encoding.prefix(64))")
    }
  }
}

extension CollectorError {
  /// The error for a request that is refused before it is parsed, because too many spans wait.
  static var overloaded: CollectorError {
    CollectorError(code: .unavailable, message: "spans arrive faster than they can be stored; send again later")
  }
}

extension ParsedSpans {
  /// The ids of the first traces, in the order of the spans.
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
  /// The answer to an imported file: as for Zipkin's senders, with the ids of the traces.
  init(file outcome: CollectorAPI.Outcome) {
    self = .json(outcome.stored > 0 || outcome.rejections.isEmpty ? .accepted : .badRequest) { json in
      json.outcome(outcome) { json in
        json.key("traceIds")
        json.strings(outcome.traces.map(\.description))
      }
    }
  }

  /// The answer to Zipkin's senders: 202, or 400 if no span was stored. The body says which spans were rejected and why.
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
  /// Writes which spans were rejected and why.
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
