/// A span of a request that was not stored. Other spans of the request may have been.
public struct SpanRejection: Sendable, Hashable {
  /// The index of the span in the request, from 0.
  public var index: Int
  /// Why the span was rejected.
  public var reason: String

  /// Creates a rejection.
  public init(index: Int, reason: String) {
    self.index = index
    self.reason = reason
  }
}
