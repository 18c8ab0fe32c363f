import TraceModel

/// The sides of requests that were seen last, by which a request counts once although a proxy and the application behind it both
/// report it. It has a fixed size; a side is found until eight newer ones have come to its group.
struct RecentSides {
  /// Groups of ``groupSize`` keys, the newest of each first; 0 where there is none.
  private var keys: [UInt64]
  private let groupCount: Int

  /// Keys of a group: those of a line of the processor's cache, so that a group costs one access to memory.
  private static let groupSize = 8

  /// Tells the server's side of a request from the client's.
  private static let serverSide: UInt64 = 0x1656_67b1_9e37_79f9

  /// What is known of a side.
  private enum Role: UInt64 {
    /// The span itself.
    case own = 0x9e37_79b9_7f4a_7c15
    /// The span that is its parent.
    case parent = 0xc2b2_ae3d_27d4_eb4f
  }

  /// - Parameter count: how many keys are kept, rounded up to a power of two, of 8 bytes each. A span has one, or two with a parent.
  init(count: Int) {
    var groups = 1
    while groups * Self.groupSize < count, groups < 1 << 20 { groups *= 2 }
    groupCount = groups
    keys = [UInt64](repeating: 0, count: groups * Self.groupSize)
  }

  /// Notes a side of a request.
  ///
  /// - Returns: whether it is new: neither the same span, nor one directly below or above it at the same service, was noted.
  mutating func note(_ span: SpanEntry, isServer: Bool) -> Bool {
    // The service and the side are part of the key: client and server of a call may share an id.
    let base = span.service ^ (isServer ? Self.serverSide : 0)
    let own = key(span, span.id, base, .own)
    let isKnown = contains(own)
    if !isKnown { insert(own) }
    let below = contains(key(span, span.id, base, .parent))
    // The parent of a shared span is that of the client's side.
    guard !span.isShared, let parent = span.parentID else { return !isKnown && !below }
    var above = contains(key(span, parent, base, .own))
    // A service that calls itself: its client's side and the server's below it share the id.
    if above, !isServer { above = !contains(key(span, parent, base ^ Self.serverSide, .own)) }
    let parentKey = key(span, parent, base, .parent)
    if !contains(parentKey) { insert(parentKey) }
    return !isKnown && !above && !below
  }

  private func key(_ span: SpanEntry, _ id: UInt64, _ base: UInt64, _ role: Role) -> UInt64 {
    TextHash.fold(span.traceID.low ^ base, id ^ role.rawValue) | 1
  }

  /// Where the group of a key begins.
  private func group(_ key: UInt64) -> Int {
    (Int(truncatingIfNeeded: key >> 1) & (groupCount - 1)) * Self.groupSize
  }

  private func contains(_ key: UInt64) -> Bool {
    let start = group(key)
    for place in start..<start + Self.groupSize where keys[place] == key { return true }
    return false
  }

  private mutating func insert(_ key: UInt64) {
    let start = group(key)
    for place in (start + 1..<start + Self.groupSize).reversed() { keys[place] = keys[place - 1] }
    keys[start] = key
  }
}
