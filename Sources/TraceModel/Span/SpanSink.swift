/// Takes the spans that a parser finds, one after the other.
package protocol SpanSink {
  /// A good span.
  ///
  /// - Parameters:
  ///   - bytes: where its texts stand.
  ///   - index: where it stands in the list.
  mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int)
}
