import NIOCore
import Synchronization

/// Bounds how many connections there are, and keeps some for those who use them.
///
/// When all are taken, the connection that has shown least that it will be used is ended for the new one: one whose request
/// does not arrive, then one that waits for its next request, then one whose request is arriving; of each kind the one that has
/// been so for longest. A connection whose request is complete is never ended. So many slow connections cost each other their
/// places, not those who send what they have.
public final class ConnectionBudget: Sendable {
  /// How many there may be at a time.
  public let limit: Int
  private let slots = Mutex<[ObjectIdentifier: ConnectionSlot]>([:])
  private let most = Atomic(0)
  private let staying = Atomic(0)

  /// Makes a budget of which nothing is taken.
  public init(limit: Int) { self.limit = max(1, limit) }

  /// How many there are now.
  public var count: Int { slots.withLock { $0.count } }

  /// The most that there have been at a time.
  public var peak: Int { most.load(ordering: .relaxed) }

  /// Closes all connections, whatever they do.
  package func closeAll() {
    for slot in slots.withLock({ Array($0.values) }) { slot.channel.close(promise: nil) }
  }

  /// Whether a connection without a place may stay for a moment; each that does has to ``leave()``.
  func stay() -> Bool {
    guard staying.add(1, ordering: .relaxed).newValue <= 32 else {
      leave()
      return false
    }
    return true
  }

  func leave() { staying.subtract(1, ordering: .relaxed) }

  /// Takes a place for a connection, which it gives back when it closes.
  ///
  /// - Returns: the place, and whether another connection had to make room; nil if none could.
  func enter(_ channel: any Channel) -> (slot: ConnectionSlot, hasMadeRoom: Bool)? {
    let slot = ConnectionSlot(channel)
    var loser: ConnectionSlot?
    let isIn = slots.withLock { slots in
      if slots.count >= limit {
        let now = NIODeadline.now()
        guard let least = slots.values.min(by: { $0.worth(at: now) < $1.worth(at: now) }),
          least.worth(at: now).rank < .answering
        else { return false }
        slots[ObjectIdentifier(least)] = nil
        loser = least
      }
      slots[ObjectIdentifier(slot)] = slot
      most.store(max(most.load(ordering: .relaxed), slots.count), ordering: .relaxed)
      return true
    }
    guard isIn else { return nil }
    loser?.channel.close(promise: nil)
    channel.closeFuture.whenComplete { [weak self] _ in
      self?.slots.withLock { $0[ObjectIdentifier(slot)] = nil }
    }
    return (slot, loser != nil)
  }
}

/// A connection's place in a ``ConnectionBudget``, with what it does at the moment.
public final class ConnectionSlot: Sendable {
  /// What a connection does.
  enum Activity: UInt8 {
    /// No request has come yet, or not its end.
    case receiving
    /// A request has been answered, the next has not come.
    case waiting
    case answering
  }

  /// How much a connection is worth: the rank first, then for how short it has been so.
  struct Worth: Comparable {
    enum Rank: Comparable {
      /// Nothing of a request has come for two seconds.
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

  /// Has the connection keep its place from now on, whatever it does.
  public func keep() { note(.answering, at: .now()) }

  /// Notes what the connection does from now on, or that it does it still.
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
