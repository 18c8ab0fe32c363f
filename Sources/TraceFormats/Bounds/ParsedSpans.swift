package import TraceModel

/// Tags, annotations and what else a request holds; see ``CollectorLimits/valuesPerRequest``.
package struct ValueCount: Sendable, Equatable {
  private(set) var count = 0
  /// Whether there were more than may be, so that something was refused for it.
  package private(set) var isBeyond = false

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
package struct ParsedSpans: SpanSink, Sendable, Equatable {
  /// The good spans.
  package var spans: [Span] = []
  /// Where each good span stands in the list.
  var indices: [Int] = []
  /// The others.
  package var rejections: [SpanRejection] = []
  /// What was read or repeated.
  package var values = ValueCount()

  /// How many good spans there are.
  package var count: Int { spans.count }

  package mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
    spans.append(Span(span, bytes))
    indices.append(index)
  }
}
