import HTTPTypes

extension CollectorAPI {
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
  }

  /// The format in which spans come to one of Zipkin's paths; nil if the path takes none. Like Zipkin, whatever does not
  /// say that it is something else is taken for JSON.
  func format(path: String, _ request: HTTPRequest) throws(CollectorError) -> SpanFormat? {
    let type = Self.mediaType(request)
    let isProtobuf = type == "application/x-protobuf" || type == "application/protobuf"
    let json: SpanFormat
    switch path {
    case "/api/v2/spans": json = .zipkinJSON
    case "/api/import": json = .zipkinTraces
    case "/api/v1/spans": json = .zipkinV1JSON
    default: return nil
    }
    if isProtobuf, json != .zipkinV1JSON { return .zipkinProtobuf }
    guard !isProtobuf, type != "application/x-thrift", type != "application/vnd.apache.thrift.binary" else {
      let known = json == .zipkinV1JSON ? "application/json" : "application/json or application/x-protobuf"
      throw CollectorError(code: .unsupported, message: "spans must be sent as \(known), not as \(type)")
    }
    return json
  }

  /// What a request says of its body, in small letters and without parameters and white space. Each request asks.
  static func mediaType(_ request: HTTPRequest) -> String {
    guard let field = request.headerFields[.contentType] else { return "" }
    let type = field.utf8.prefix(256).prefix { $0 != UInt8(ascii: ";") }
    let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
    return String(decoding: type.filter { $0 > 0x20 }.map { letters.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// Stores the spans of a body.
  func store(
    _ request: HTTPRequest, _ body: [UInt8], as format: SpanFormat
  ) async throws(CollectorError) -> Outcome {
    let metrics = store.metrics
    metrics.requests.count(1)
    metrics.requestBytes.count(body.count)
    do throws(CollectorError) {
      // Before anything is unpacked or parsed: what cannot be stored must cost little.
      guard store.waitingSpanCount < limits.waitingSpans else { throw .overloaded }
      let bytes = try unpacked(request, body)
      if format == .zipkinJSON {
        let outcome = try await store.add(json: bytes)
        metrics.spansRejected.count(outcome.rejections.count)
        return Outcome(
          stored: outcome.stored, rejections: outcome.rejections, namesForgotten: outcome.namesForgotten)
      }
      var parsed = try format.parse(bytes, limits: limits)
      if format == .zipkinProtobuf { store.settleIDs(of: &parsed.spans) }
      return try await store(parsed, bytes: bytes.count)
    } catch {
      metrics.requestsFailed.count(1)
      throw error
    }
  }

  private func store(_ parsed: ParsedSpans, bytes: Int) async throws(CollectorError) -> Outcome {
    let namesForgotten = try await store.add(parsed.spans, bytes: bytes)
    store.metrics.spansRejected.count(parsed.rejections.count)
    return Outcome(stored: parsed.spans.count, rejections: parsed.rejections, namesForgotten: namesForgotten)
  }

  func unpacked(_ request: HTTPRequest, _ body: [UInt8]) throws(CollectorError) -> [UInt8] {
    guard body.count <= limits.bodyBytes else { throw bodyError }
    let encoding = request.headerFields[.contentEncoding]?.lowercased() ?? "identity"
    switch encoding {
    case "identity", "": return body
    case "gzip", "x-gzip", "deflate": return try Inflater.inflate(body, limit: limits.bodyBytes)
    default:
      throw CollectorError(
        code: .unsupported, message: "the content encoding must be gzip or identity, not \(encoding.prefix(64))")
    }
  }
}

extension CollectorError {
  /// Too much is going on; nothing was looked at.
  static var overloaded: CollectorError {
    CollectorError(code: .unavailable, message: "more spans come than can be stored; send again later")
  }
}

extension Answer {
  /// What Zipkin's senders are told: 202, and in the body which spans were not stored and why; 400 if none was.
  init(_ outcome: CollectorAPI.Outcome) {
    guard !outcome.rejections.isEmpty || outcome.notice != nil else {
      self.init(status: .accepted)
      return
    }
    self.init(status: outcome.stored > 0 ? .accepted : .badRequest) { json in
      json.beginObject()
      json.key("stored")
      json.number(outcome.stored)
      json.key("rejected")
      json.rejections(outcome.rejections)
      if let notice = outcome.notice {
        json.key("notice")
        json.string(notice)
      }
      json.endObject()
    }
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
