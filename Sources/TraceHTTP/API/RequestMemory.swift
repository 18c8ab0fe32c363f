import TraceModel

/// Limits the memory of requests that are parsed and stored, for all servers of a program together.
public protocol RequestMemory: Sendable {
  /// The most bytes that may be reserved.
  var limit: Int { get }
  /// Reserves bytes; false, and nothing is reserved, if too few are left.
  func reserve(_ count: Int) -> Bool
  /// Releases reserved bytes.
  func release(_ count: Int)
}

extension CollectorAPI {
  /// The memory for a decompressed body is at most this multiple of its size: the body, its spans, their records, and the block.
  private static let growth = 4
  /// Decompressed bodies up to this size are not counted. The bound on waiting spans is reached before they take much memory.
  private static let free = 16 * 1024

  /// Reserves memory for a decompressed body and what is made of it.
  ///
  /// - Returns: the number of bytes to ``release(_:)`` when the request has been answered.
  func reserve(_ bytes: Int) throws(CollectorError) -> Int {
    guard let memory = settings.memory, bytes > Self.free else { return 0 }
    // The largest body may reserve the whole limit, so that it can be stored alone.
    let reserved = min(bytes.multipliedReportingOverflow(by: Self.growth).partialValue, memory.limit)
    guard memory.reserve(reserved) else { throw .overloaded }
    return reserved
  }

  func release(_ reserved: Int) { if reserved > 0 { settings.memory?.release(reserved) } }
}
