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
}
