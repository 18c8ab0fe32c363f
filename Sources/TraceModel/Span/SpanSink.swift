/// Takes the spans that a parser finds, one after the other.
public protocol SpanSink {
  /// How many spans it has taken.
  var count: Int { get }

  /// A good span.
  ///
  /// - Parameters:
  ///   - bytes: where its texts stand.
  ///   - index: where it stands in the list.
  mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int)
}
