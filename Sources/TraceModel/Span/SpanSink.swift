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

  /// Receives the valid spans of a list whose texts are in the same bytes. Tags with the same position are the same.
  ///
  /// - Parameters:
  ///   - count: the number of spans.
  ///   - bytes: the bytes of all texts.
  ///   - read: replaces a draft by the next span, and returns its index in the list.
  mutating func take(_ count: Int, _ bytes: UnsafeRawBufferPointer, _ read: (inout SpanDraft) -> Int)
}

extension SpanSink {
  /// Receives the spans one at a time.
  public mutating func take(_ count: Int, _ bytes: UnsafeRawBufferPointer, _ read: (inout SpanDraft) -> Int) {
    var span = SpanDraft()
    for _ in 0..<count {
      let index = read(&span)
      take(span, bytes, index: index)
    }
  }
}
