import Synchronization

/// The newest snapshot of every proxy, and the streams that wait for one.
///
/// A proxy whose snapshot does not change costs nothing. Wake-ups coalesce: a slow stream finds the newest snapshot, never
/// a queue of old ones.
public final class SnapshotCache: Sendable {
  private struct Entry {
    var snapshot: ProxySnapshot?
    var watchers: [SnapshotWatch.ID: @Sendable () -> Void] = [:]
    var isUseless: Bool { snapshot == nil && watchers.isEmpty }
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var lastWatch: UInt64 = 0
    /// What proxies may have held when their last streams ended, in two generations, so that the oldest are evicted first.
    var held: [String: [String: [ResourceSet]]] = [:]
    var heldBefore: [String: [String: [ResourceSet]]] = [:]
  }

  /// For at least how many disconnected proxies the cache remembers what they held. This matters only when a proxy
  /// reconnects after its configuration changed; without it, some requests may fail for a moment.
  public static let memoryLimit = 256

  private let state = Mutex(State())

  /// Makes an empty cache.
  public init() {}

  /// How many proxies have a snapshot or a stream.
  public var count: Int { state.withLock { $0.entries.count } }

  /// The ids of the proxies that have at least one stream.
  public var watchedProxies: [String] {
    state.withLock { state in state.entries.compactMap { $0.value.watchers.isEmpty ? nil : $0.key } }
  }

  /// Sets a proxy's snapshot and wakes its streams, unless the snapshot is unchanged.
  ///
  /// - Returns: whether it differed.
  @discardableResult
  public func set(_ snapshot: ProxySnapshot, for proxy: String) -> Bool {
    let wakeUps: [@Sendable () -> Void]? = state.withLock { state in
      var entry = state.entries[proxy] ?? Entry()
      if let current = entry.snapshot {
        if current == snapshot { return nil }
        entry.snapshot = snapshot.sharing(current)
      } else {
        entry.snapshot = snapshot
      }
      state.entries[proxy] = entry
      return Array(entry.watchers.values)
    }
    guard let wakeUps else { return false }
    for wakeUp in wakeUps { wakeUp() }
    return true
  }

  /// Removes a proxy's snapshot. Its streams keep what they have.
  public func remove(_ proxy: String) {
    state.withLock { state in
      guard var entry = state.entries[proxy] else { return }
      entry.snapshot = nil
      state.entries[proxy] = entry.isUseless ? nil : entry
    }
  }

  /// A proxy's snapshot; `nil` if there is none (yet).
  public func snapshot(for proxy: String) -> ProxySnapshot? {
    state.withLock { $0.entries[proxy]?.snapshot }
  }

  /// What a proxy may have held when its last stream ended, by type URL.
  public func held(by proxy: String) -> [String: [ResourceSet]] {
    state.withLock { $0.held[proxy] ?? $0.heldBefore[proxy] ?? [:] }
  }

  /// Wakes a stream when the snapshot of its proxy changes, and at once if there is one.
  ///
  /// - Parameter wakeUp: must be cheap and must not call the cache. Several wake-ups may be merged until the stream reads
  ///   the snapshot.
  public func watch(_ proxy: String, wakeUp: @escaping @Sendable () -> Void) -> SnapshotWatch {
    let (id, isKnown) = state.withLock { state in
      state.lastWatch &+= 1
      let id = SnapshotWatch.ID(proxy: proxy, number: state.lastWatch)
      state.entries[proxy, default: Entry()].watchers[id] = wakeUp
      return (id, state.entries[proxy]?.snapshot != nil)
    }
    if isKnown { wakeUp() }
    return SnapshotWatch(id: id)
  }

  /// Ends a watch.
  ///
  /// - Parameter held: what the proxy may hold at the end, for its next stream.
  public func end(_ watch: SnapshotWatch, held: [String: [ResourceSet]] = [:]) {
    state.withLock { state in
      guard var entry = state.entries[watch.id.proxy], entry.watchers.removeValue(forKey: watch.id) != nil else {
        return
      }
      state.entries[watch.id.proxy] = entry.isUseless ? nil : entry
      guard !held.isEmpty else { return }
      if state.held.count >= Self.memoryLimit {
        state.heldBefore = state.held
        state.held = [:]
      }
      state.held[watch.id.proxy] = held
    }
  }
}

/// A stream's interest in the snapshot of a proxy.
public struct SnapshotWatch: Sendable, Hashable {
  struct ID: Sendable, Hashable {
    var proxy: String
    var number: UInt64
  }

  let id: ID
}
