/// Receives the spans of a parser, one at a time.
public protocol SpanSink {
  /// The number of received spans.
  var count: Int { get }

  /// Receives a valid span.
  ///
  /// - Parameters:
  ///   - bytes: the bytes of its texts.
  ///   - index: its index in the list.
  mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int)

  /// Receives all valid spans of a list whose texts are in the same bytes. Tags with the same position are the same.
  mutating func take(_ spans: [SpanDraft], _ bytes: UnsafeRawBufferPointer, indices: [Int])
}

extension SpanSink {
  /// Receives the spans one at a time.
  public mutating func take(_ spans: [SpanDraft], _ bytes: UnsafeRawBufferPointer, indices: [Int]) {
    for (span, index) in zip(spans, indices) { take(span, bytes, index: index) }
  }
}
