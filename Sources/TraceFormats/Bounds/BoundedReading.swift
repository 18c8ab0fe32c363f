import TraceModel

/// Parses the spans of a JSON request within limits. Values beyond the limits are skipped without being built.
protocol BoundedReading {
  var limits: CollectorLimits { get }
  var bounds: SpanBounds { get }
  /// The number of values in the request.
  var values: ValueCount { get set }
  /// The size of the current span's texts in bytes.
  var textBytes: Int { get set }
  /// How the current span exceeds the limits.
  var excess: String? { get set }
}

extension BoundedReading {
  /// Skips a value beyond the limits.
  mutating func skip(_ reader: inout JSONFieldReader, _ problem: String) throws(JSONError) {
    excess = excess ?? problem
    try reader.skip()
  }

  /// Counts an attribute, event, link or list element; false if the rest of the span is to be skipped.
  mutating func takeValue() -> Bool {
    guard excess == nil else { return false }
    guard values.take(1, limits) else {
      excess = bounds.tooManyValues
      return false
    }
    return true
  }

  /// Parses a text, within the limits.
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
