import TraceModel

/// Reads the spans of a request in JSON within their bounds: what is beyond is skipped, and nothing is made of it.
protocol BoundedReading {
  var limits: CollectorLimits { get }
  var bounds: SpanBounds { get }
  /// What was counted of the request.
  var values: ValueCount { get set }
  /// Bytes of the texts of the present span.
  var textBytes: Int { get set }
  /// What of the present span is beyond its bounds.
  var excess: String? { get set }
}

extension BoundedReading {
  /// Goes past something that is beyond the bounds.
  mutating func skip(_ reader: inout JSONFieldReader, _ problem: String) throws(JSONError) {
    excess = excess ?? problem
    try reader.skip()
  }

  /// Counts an attribute, an event, a link or an element; false if nothing more is to be made of the span.
  mutating func takeValue() -> Bool {
    guard excess == nil else { return false }
    guard values.take(1, limits) else {
      excess = bounds.tooManyValues
      return false
    }
    return true
  }

  /// A text, if there is room for it.
  package mutating func text(_ reader: inout JSONFieldReader, _ field: String) throws(JSONError) -> String {
    let slice = try reader.textSlice(field)
    guard let slice, excess == nil else { return "" }
    textBytes += slice.count
    guard textBytes <= limits.textBytesPerSpan else {
      excess = bounds.textsTooLong
      return ""
    }
    return reader.scanner.text(slice)
  }
}
