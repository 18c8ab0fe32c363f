import TraceModel

/// Bounds what requests hold in memory while they are read and stored, over all servers of a program.
public protocol RequestMemory: Sendable {
  /// The most bytes that may be held.
  var limit: Int { get }
  /// Takes bytes; false, and nothing is taken, if there are not as many left.
  func take(_ count: Int) -> Bool
  /// Gives bytes back that were taken.
  func give(_ count: Int)
}

extension CollectorAPI {
  /// How many times the bytes of an unpacked body are held at most while its spans are read and wait for the disk: the body, the
  /// spans, their records, and the block that the store writes.
  private static let growth = 4
  /// Bytes of an unpacked body that are not counted. So many requests of this size would be needed that the bound on waiting spans
  /// comes first.
  private static let free = 16 * 1024

  /// Takes memory for what becomes of an unpacked body of so many bytes. What a small body becomes may be large, so that its own
  /// size says nothing.
  ///
  /// - Returns: what to ``release(_:)`` when the request has been answered.
  func hold(_ bytes: Int) throws(CollectorError) -> Int {
    guard let memory = settings.memory, bytes > Self.free else { return 0 }
    // The largest body holds all of it, so that it comes through alone.
    let held = min(bytes.multipliedReportingOverflow(by: Self.growth).partialValue, memory.limit)
    guard memory.take(held) else { throw .overloaded }
    return held
  }

  /// Gives back what was held.
  func release(_ held: Int) { if held > 0 { settings.memory?.give(held) } }
}
