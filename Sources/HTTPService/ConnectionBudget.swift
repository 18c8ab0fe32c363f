import NIOCore
import Synchronization

/// Limits the number of connections.
///
/// At the limit, a new connection replaces the least useful one. That is a connection whose request has stalled; then one that waits for
/// its next request; then one whose request is arriving. Within each kind, the connection that has been in the state longest is closed.
/// A connection whose request is complete is never replaced. Slow connections therefore replace each other, not active ones.
public final class ConnectionBudget: Sendable {
  /// The largest number of connections at a time.
  public let limit: Int
  private let slots = Mutex<[ObjectIdentifier: ConnectionSlot]>([:])
  private let most = Atomic(0)
  private let refused = Atomic(0)

  /// Makes a budget without connections.
  public init(limit: Int) { self.limit = max(1, limit) }

  /// The current number of connections.
  public var count: Int { slots.withLock { $0.count } }

  /// The largest number of connections so far.
  public var peak: Int { most.load(ordering: .relaxed) }

  /// Closes all connections, also active ones.
  package func closeAll() {
    for slot in slots.withLock({ Array($0.values) }) { slot.channel.close(promise: nil) }
  }

  /// Whether a refused connection may stay open for a moment, until it calls ``endRefused()``.
  func beginRefused() -> Bool {
    guard refused.add(1, ordering: .relaxed).newValue <= 32 else {
      endRefused()
      return false
    }
    return true
  }

  func endRefused() { refused.subtract(1, ordering: .relaxed) }

  /// Reserves a slot for a connection until it closes.
  ///
  /// - Returns: the slot, and whether the connection replaced another one; nil if no connection could be replaced.
  func enter(_ channel: any Channel) -> (slot: ConnectionSlot, hasReplaced: Bool)? {
    let slot = ConnectionSlot(channel)
    var replaced: ConnectionSlot?
    let isIn = slots.withLock { slots in
      if slots.count >= limit {
        let now = NIODeadline.now()
        guard let least = slots.values.min(by: { $0.worth(at: now) < $1.worth(at: now) }),
          least.worth(at: now).rank < .answering
        else { return false }
        slots[ObjectIdentifier(least)] = nil
        replaced = least
      }
      slots[ObjectIdentifier(slot)] = slot
      most.store(max(most.load(ordering: .relaxed), slots.count), ordering: .relaxed)
      return true
    }
    guard isIn else { return nil }
    replaced?.channel.close(promise: nil)
    channel.closeFuture.whenComplete { [weak self] _ in
      self?.slots.withLock { $0[ObjectIdentifier(slot)] = nil }
    }
    return (slot, replaced != nil)
  }
}

/// A connection in a ``ConnectionBudget``, with its current activity.
public final class ConnectionSlot: Sendable {
  enum Activity: UInt8 {
    /// No complete request has arrived.
    case receiving
    /// A request has been answered, and the next has not arrived.
    case waiting
    case answering
  }

  /// The order in which connections are replaced: the lowest rank first, then the longest time in the state.
  struct Worth: Comparable {
    enum Rank: Comparable {
      /// No byte of a request has arrived for two seconds.
      case stalled
      case waiting
      case arriving
      case answering
    }
    var rank: Rank
    var since: NIODeadline

    static func < (a: Worth, b: Worth) -> Bool { (a.rank, a.since) < (b.rank, b.since) }
  }

  let channel: any Channel
  private let activity = Atomic(Activity.receiving.rawValue)
  private let progress: Atomic<UInt64>

  init(_ channel: any Channel) {
    self.channel = channel
    progress = Atomic(NIODeadline.now().uptimeNanoseconds)
  }

  /// Protects the connection from being replaced, whatever it does.
  public func keep() { note(.answering, at: .now()) }

  /// Records the activity of the connection, or that it continues.
  func note(_ now: Activity, at time: NIODeadline) {
    activity.store(now.rawValue, ordering: .relaxed)
    progress.store(time.uptimeNanoseconds, ordering: .relaxed)
  }

  func worth(at now: NIODeadline) -> Worth {
    let since = NIODeadline.uptimeNanoseconds(progress.load(ordering: .relaxed))
    let isStalled = now - since >= .seconds(2)
    let rank: Worth.Rank =
      switch Activity(rawValue: activity.load(ordering: .relaxed)) ?? .answering {
      case .receiving: isStalled ? .stalled : .arriving
      case .waiting: .waiting
      case .answering: .answering
      }
    return Worth(rank: rank, since: since)
  }
}
