import Synchronization

/// Bounds the bytes of request bodies that are in memory at the same time, however many connections send them.
final class BodyAdmission: Sendable {
  private let limit: Int
  private let bytes = Mutex(0)

  init(bytes limit: Int) { self.limit = limit }

  /// Takes room for bytes that have come; false if there is none.
  func take(_ count: Int) -> Bool {
    bytes.withLock { bytes in
      guard bytes &+ count <= limit else { return false }
      bytes += count
      return true
    }
  }

  /// Gives room back.
  func give(_ count: Int) { bytes.withLock { $0 -= count } }
}
