/// A span of a request that was not stored. Other spans of the request may have been.
public struct SpanRejection: Sendable {
  /// The index of the span in the request, from 0.
  public var index: Int
  /// Why the span was rejected.
  public var reason: String
  /// The sender, as far as the span was read; nil if nothing of it was. It is no part of what two rejections are compared by.
  package var origin: SpanOrigin?

  /// Creates a rejection.
  public init(index: Int, reason: String) {
    self.index = index
    self.reason = reason
  }

  package init(index: Int, reason: String, origin: SpanOrigin?) {
    self.init(index: index, reason: reason)
    self.origin = origin
  }

  private static let idFields = [
    "traceId", "trace_id", "id ", "spanId", "span_id", "parentId", "parent_id", "parentSpanId", "parent_span_id",
  ]

  /// Whether the span was rejected because of an id. Reasons begin with the name of the field.
  package var isOfID: Bool { Self.idFields.contains { reason.hasPrefix($0) } }
}

extension SpanRejection: Hashable {
  /// Whether both reject the same span for the same reason.
  public static func == (first: SpanRejection, second: SpanRejection) -> Bool {
    first.index == second.index && first.reason == second.reason
  }

  /// Hashes the index and the reason.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(index)
    hasher.combine(reason)
  }
}
