public import MeshModel
import OrderedCollections

/// The form in which a proxy reports its spans, with the reason.
public struct ReportForm: Sendable, Hashable {
  /// How spans are encoded.
  public var format: TracingDestination.ZipkinFormat
  /// With how many spans a report leaves.
  public var spans: Int
  /// After what time a report leaves, if it has fewer spans.
  public var interval: Duration
  /// Why the reports have this form: a clause without a period at the end.
  public var reason: String

  /// Makes a form.
  public init(format: TracingDestination.ZipkinFormat, spans: Int, interval: Duration, reason: String) {
    self.format = format
    self.spans = spans
    self.interval = interval
    self.reason = reason
  }

  /// The form in document form.
  public var document: DocumentValue {
    [
      "format": .string(format == .protobuf ? "protobuf" : "json"), "spans": .integer(Int64(spans)),
      "intervalMs": .integer(interval.wholeMilliseconds), "reason": .string(reason),
    ]
  }
}
