/// Tags, annotations and what else a request holds; see ``CollectorLimits/valuesPerRequest``.
struct ValueCount: Sendable, Equatable {
  private(set) var count = 0
  /// Whether there were more than may be, so that something was refused for it.
  private(set) var isBeyond = false

  /// Counts values; false, and they are not counted, if there are too many.
  mutating func take(_ more: Int, _ limits: CollectorLimits) -> Bool {
    guard more <= limits.valuesPerRequest - count else {
      isBeyond = true
      return false
    }
    count += more
    return true
  }
}

/// The spans of a list as values.
struct ParsedSpans: SpanSink, Sendable, Equatable {
  /// The good spans.
  var spans: [Span] = []
  /// Where each good span stands in the list.
  var indices: [Int] = []
  /// The others.
  var rejections: [SpanRejection] = []
  /// What was read or repeated.
  var values = ValueCount()

  mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
    spans.append(Span(span, bytes))
    indices.append(index)
  }

  /// Reads a list; see ``SpanParser/parse(_:limits:into:)``.
  static func parse(_ bytes: [UInt8], limits: CollectorLimits) throws(CollectorError) -> ParsedSpans {
    var (result, rejections, values) = try SpanParser.parse(bytes, limits: limits, into: ParsedSpans())
    result.rejections = rejections
    result.values = values
    return result
  }
}

extension Span.Kind {
  /// The kind's name in Zipkin's JSON.
  var zipkinName: StaticString {
    switch self {
    case .client: "CLIENT"
    case .server: "SERVER"
    case .producer: "PRODUCER"
    case .consumer: "CONSUMER"
    }
  }
}
