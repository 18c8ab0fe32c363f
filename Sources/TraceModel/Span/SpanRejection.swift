/// A span of a request that was not stored, while others may have been.
public struct SpanRejection: Sendable, Hashable {
  /// Where it stands in the request, from 0.
  public var index: Int
  /// What is wrong with it.
  public var reason: String

  /// Makes a rejection.
  public init(index: Int, reason: String) {
    self.index = index
    self.reason = reason
  }
}
