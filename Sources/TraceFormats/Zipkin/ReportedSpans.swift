package import TraceModel

/// The spans of a report whose texts are slices of its bytes.
package struct ReportedSpans: Sendable {
  /// A span without its tags and annotations, and where these end. They begin where those of the span before end.
  private struct Entry {
    var span: SpanDraft
    var index: Int
    var tagEnd: Int
    var annotationEnd: Int
  }

  /// The body, followed by texts that it does not have.
  var bytes: [UInt8] = []
  private var entries: [Entry] = []
  /// The tags and annotations of all spans, in few lists instead of many.
  private var tags: [TagDraft] = []
  private var annotations: [AnnotationDraft] = []
  /// The rejected spans.
  package var rejections: [SpanRejection] = []
  /// The number of values, including repeated ones.
  package var values = ValueCount()

  /// What was changed in spans, or left out of them.
  package var remarks = SpanRemarks()

  /// The number of valid spans.
  package var count: Int { entries.count }

  /// Adds a valid span.
  ///
  /// - Parameter index: its index in the list.
  mutating func append(_ span: SpanDraft, index: Int) {
    tags.append(contentsOf: span.tags)
    annotations.append(contentsOf: span.annotations)
    var head = span
    head.tags = []
    head.annotations = []
    entries.append(Entry(span: head, index: index, tagEnd: tags.count, annotationEnd: annotations.count))
  }

  /// The fields of a span, without its tags and annotations.
  subscript(position: Int) -> SpanDraft {
    get { entries[position].span }
    set { entries[position].span = newValue }
  }

  /// The tags of a span.
  func tags(of position: Int) -> ArraySlice<TagDraft> {
    tags[(position > 0 ? entries[position - 1].tagEnd : 0)..<entries[position].tagEnd]
  }

  /// Gives the spans to a sink.
  package func write(to sink: inout some SpanSink) {
    var position = 0
    bytes.withUnsafeBytes { bytes in
      sink.take(count, bytes) { span in
        read(position, into: &span)
        position += 1
        return entries[position - 1].index
      }
    }
  }

  /// Replaces a draft by a span. The memory of its lists is used again.
  private func read(_ position: Int, into span: inout SpanDraft) {
    var (spanTags, spanAnnotations): ([TagDraft], [AnnotationDraft]) = ([], [])
    swap(&spanTags, &span.tags)
    swap(&spanAnnotations, &span.annotations)
    spanTags.removeAll(keepingCapacity: true)
    spanTags.append(contentsOf: tags(of: position))
    spanAnnotations.removeAll(keepingCapacity: true)
    let start = position > 0 ? entries[position - 1].annotationEnd : 0
    spanAnnotations.append(contentsOf: annotations[start..<entries[position].annotationEnd])
    span = entries[position].span
    swap(&spanTags, &span.tags)
    swap(&spanAnnotations, &span.annotations)
  }
}

extension ParsedSpans {
  /// The spans of a report.
  init(_ report: ReportedSpans) {
    self.init(rejections: report.rejections, values: report.values, remarks: report.remarks)
    report.write(to: &self)
  }
}
