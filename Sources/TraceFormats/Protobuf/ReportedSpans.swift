package import TraceModel

/// The spans of a report whose texts are slices of its bytes.
package struct ReportedSpans: Sendable {
  /// The body, followed by texts that it does not have.
  package var bytes: [UInt8] = []
  /// The valid spans.
  package var spans: [SpanDraft] = []
  /// The index of each valid span in the list.
  var indices: [Int] = []
  /// The rejected spans.
  package var rejections: [SpanRejection] = []
  /// The number of values, including repeated ones.
  package var values = ValueCount()

  /// The tag `node_id` of the first span, by which an Envoy names its node; nil if it has none.
  package var node: String? {
    let tag = spans.first?.tags.first { $0.keyHash == PeerService.nodeKey }
    return tag.map { tag in bytes.withUnsafeBytes { String(decoding: tag.value.of($0), as: UTF8.self) } }
  }

  /// Gives the spans to a sink.
  package func write(to sink: inout some SpanSink) {
    bytes.withUnsafeBytes { sink.take(spans, $0, indices: indices) }
  }
}

extension ParsedSpans {
  /// The spans of a report.
  init(_ report: ReportedSpans) {
    self.init(rejections: report.rejections, values: report.values)
    report.write(to: &self)
  }
}
