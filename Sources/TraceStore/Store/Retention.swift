/// How much the store keeps. It deletes the oldest spans first.
public struct Retention: Sendable, Hashable {
  /// The largest number of spans; nil for no limit.
  public var maximumSpans: Int?
  /// How long a span stays after it was received; nil for no limit.
  public var maximumAge: Duration?
  /// The largest size of the database in bytes; nil for no limit. New spans reuse the space of deleted ones; the file does not
  /// shrink.
  public var maximumBytes: Int?

  /// Makes a rule. The defaults suit a machine that also runs other programs.
  public init(
    maximumSpans: Int? = 10_000_000, maximumAge: Duration? = .seconds(7 * 86_400),
    maximumBytes: Int? = 4 * 1_024 * 1_024 * 1_024
  ) {
    self.maximumSpans = maximumSpans
    self.maximumAge = maximumAge
    self.maximumBytes = maximumBytes
  }
}
