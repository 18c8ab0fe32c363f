/// The forms in which spans come.
enum SpanFormat: Hashable {
  /// Zipkin's v2 JSON.
  case zipkinJSON
  /// Zipkin's v2 protobuf.
  case zipkinProtobuf
  /// Zipkin's v1 JSON.
  case zipkinV1JSON
  /// Zipkin's v2 JSON as queries answer it: a trace, or a list of traces.
  case zipkinTraces
  /// OpenTelemetry's protocol in protobuf.
  case otlpProtobuf
  /// OpenTelemetry's protocol in JSON.
  case otlpJSON

  /// Reads spans. Throws if nothing can be read or there are too many, then none of them counts.
  func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    switch self {
    case .zipkinJSON: try ParsedSpans.parse(bytes, limits: limits)
    case .zipkinProtobuf: try ZipkinProtobufParser.parse(bytes, limits: limits)
    case .zipkinV1JSON: try ZipkinV1Parser.parse(bytes, limits: limits)
    case .zipkinTraces: try ZipkinTracesParser.parse(bytes, limits: limits)
    case .otlpProtobuf: try OTLPProtobufParser.parse(bytes, limits: limits)
    case .otlpJSON: try OTLPJSONParser.parse(bytes, limits: limits)
    }
  }
}

/// Reads what queries answer: a trace, or a list of traces.
enum ZipkinTracesParser {
  /// Reads spans; indices go on from trace to trace.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    let found: [Range<Int>]?
    do throws(JSONError) {
      found = try ranges(bytes, limits)
    } catch {
      throw .unreadable(error, in: bytes, wanted: "a JSON list of spans or of traces")
    }
    guard let traces = found else { return try ParsedSpans.parse(bytes, limits: limits) }
    var result = ParsedSpans()
    for trace in traces {
      let next = try ParsedSpans.parse(Array(bytes[trace]), limits: limits)
      let first = result.indices.count + result.rejections.count
      result.spans += next.spans
      result.indices += next.indices.map { $0 + first }
      result.rejections += next.rejections.map { SpanRejection(index: $0.index + first, reason: $0.reason) }
      guard result.indices.count + result.rejections.count <= limits.spansPerRequest else {
        throw .tooManySpans(limits)
      }
    }
    return result
  }

  /// Where the traces of a list stand; nil if it is no list of lists.
  private static func ranges(_ bytes: [UInt8], _ limits: CollectorLimits) throws(JSONError) -> [Range<Int>]? {
    var scanner = JSONScanner(bytes, nestingLimit: limits.nesting)
    guard try scanner.next("a list") == 0x5B, try scanner.enterArray(), try scanner.next("a span or a trace") == 0x5B
    else { return nil }
    var traces: [Range<Int>] = []
    repeat {
      guard try scanner.next("a trace") == 0x5B else { throw scanner.error("a trace must be a list of spans") }
      let start = scanner.position
      try scanner.skipValue()
      traces.append(start..<scanner.position)
    } while try scanner.moreElements()
    try scanner.end()
    return traces
  }
}
