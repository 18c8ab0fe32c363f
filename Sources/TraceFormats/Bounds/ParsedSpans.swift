package import TraceModel

/// Counts tags, annotations and similar values of a request; see ``CollectorLimits/valuesPerRequest``.
package struct ValueCount: Sendable, Equatable {
  private(set) var count = 0
  /// Whether values were refused because of the limit.
  package private(set) var isBeyond = false

  /// Counts values; false if that would exceed the limit, then they are not counted.
  mutating func take(_ more: Int, _ limits: CollectorLimits) -> Bool {
    guard more <= limits.valuesPerRequest - count else {
      isBeyond = true
      return false
    }
    count += more
    return true
  }
}

/// The spans of a parsed list.
package struct ParsedSpans: SpanSink, Sendable, Equatable {
  /// The valid spans.
  package var spans: [Span] = []
  /// The index of each valid span in the list.
  var indices: [Int] = []
  /// The rejected spans.
  package var rejections: [SpanRejection] = []
  /// The number of values, including repeated ones.
  package var values = ValueCount()

  /// What was changed in spans, or left out of them.
  package var remarks = SpanRemarks()
  /// Spans that could not be found, since a key around them was not understood.
  package var unreadSpans = 0
  /// Whether spans came in a form that is not that of the format: with other keys, or with texts in the place of bytes.
  package var isMisread = false

  /// The number of valid spans.
  package var count: Int { spans.count }

  package mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
    spans.append(Span(span, bytes))
    indices.append(index)
  }
}
