import TraceModel

/// The sides of requests that were seen last, by which a request counts once although a proxy and the application behind it both
/// report it. It has a fixed size; a side is found until another one needs its place.
struct RecentSides {
  private var places: [UInt64]

  /// Tells the server's side of a request from the client's.
  private static let serverSide: UInt64 = 0x1656_67b1_9e37_79f9

  /// What is known of a side.
  private enum Role: UInt64 {
    /// The span itself.
    case own = 0x9e37_79b9_7f4a_7c15
    /// The span that is its parent.
    case parent = 0xc2b2_ae3d_27d4_eb4f
  }

  /// - Parameter count: how many spans are kept, rounded up to a power of two; each takes 8 bytes, and another 8 with a parent.
  init(count: Int) {
    var size = 1
    while size < count, size < 1 << 24 { size *= 2 }
    places = [UInt64](repeating: 0, count: size)
  }

  /// Notes a side of a request.
  ///
  /// - Returns: whether it is new: neither the same span, nor one directly below or above it at the same service, was noted.
  mutating func note(_ span: SpanEntry, isServer: Bool) -> Bool {
    // The service and the side are part of the key: client and server of a call may share an id.
    let base = span.service ^ (isServer ? Self.serverSide : 0)
    let own = key(span, span.id, base, .own)
    let isKnown = contains(own)
    insert(own)
    // The parent of a shared span is that of the client's side.
    guard !span.isShared, let parent = span.parentID else {
      return !isKnown && !contains(key(span, span.id, base, .parent))
    }
    var above = contains(key(span, parent, base, .own))
    // A service that calls itself: its client's side and the server's below it share the id.
    if above, !isServer { above = !contains(key(span, parent, base ^ Self.serverSide, .own)) }
    let below = contains(key(span, span.id, base, .parent))
    insert(key(span, parent, base, .parent))
    return !isKnown && !above && !below
  }

  private func key(_ span: SpanEntry, _ id: UInt64, _ base: UInt64, _ role: Role) -> UInt64 {
    TextHash.fold(span.traceID.low ^ base, id ^ role.rawValue) | 1
  }

  private func contains(_ key: UInt64) -> Bool { places[Int(truncatingIfNeeded: key >> 1) & (places.count - 1)] == key }

  private mutating func insert(_ key: UInt64) { places[Int(truncatingIfNeeded: key >> 1) & (places.count - 1)] = key }
}
