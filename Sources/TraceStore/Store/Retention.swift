/// How much the store keeps. What came first goes first.
public struct Retention: Sendable, Hashable {
  /// Spans at most; nil for any number.
  public var maximumSpans: Int?
  /// How long a span stays after it came; nil for ever.
  public var maximumAge: Duration?
  /// Bytes of the database at most; nil for any number. Removed spans make room for new ones, the file does not shrink.
  public var maximumBytes: Int?

  /// Makes a rule; the defaults suit a machine on which other things run.
  public init(
    maximumSpans: Int? = 10_000_000, maximumAge: Duration? = .seconds(7 * 86_400),
    maximumBytes: Int? = 4 * 1_024 * 1_024 * 1_024
  ) {
    self.maximumSpans = maximumSpans
    self.maximumAge = maximumAge
    self.maximumBytes = maximumBytes
  }
}
