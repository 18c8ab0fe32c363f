import NIOCore
import Synchronization

/// Limits the number of connections.
///
/// At the limit, a new connection replaces the least useful one. That is a connection whose request has stalled; then one that waits for
/// its next request; then one whose request is arriving. Within each kind, the connection that has been in the state longest is closed.
/// A connection whose request is complete is never replaced. Slow connections therefore replace each other, not active ones. One of
/// HTTP/2 is active while it has a stream with a request.
///
/// An address may have a share of the connections. At its share, its new connection replaces its own least useful one.
public final class ConnectionBudget: Sendable {
  private struct State {
    var slots: [ObjectIdentifier: ConnectionSlot] = [:]
    /// How many of them each address has, apart from this machine.
    var counts: [ClientNetwork: Int] = [:]
    var isClosed = false

    mutating func add(_ slot: ConnectionSlot) {
      slots[ObjectIdentifier(slot)] = slot
      if let network = slot.network { counts[network, default: 0] += 1 }
    }

    mutating func remove(_ slot: ConnectionSlot) {
      guard slots.removeValue(forKey: ObjectIdentifier(slot)) != nil, let network = slot.network else { return }
      let count = (counts[network] ?? 1) - 1
      counts[network] = count > 0 ? count : nil
    }
  }

  /// What becomes of a new connection.
  enum Entry {
    /// It has a slot, perhaps that of another connection, which is closed.
    case entered(ConnectionSlot, Room)
    /// There are too many connections, and none can be replaced.
    case full
    /// Its address has too many, and none of them can be replaced.
    case addressFull
  }

  /// Where the room for a new connection comes from.
  enum Room {
    case free
    /// All connections were in use, and one was closed.
    case ofServer
    /// The address had its share, and one of its connections was closed.
    case ofAddress
  }

  /// The largest number of connections at a time.
  public let limit: Int
  /// The largest number of connections of one address at a time. This machine may have all.
  public let addressLimit: Int
  private let state = Mutex(State())
  private let most = Atomic(0)
  private let mostOfAddress = Atomic(0)
  private let refused = Atomic(0)

  /// Makes a budget without connections.
  ///
  /// - Parameter share: how many percent of the connections one address may have, 1 to 100.
  public init(limit: Int, share: Int = 100) {
    self.limit = max(1, limit)
    addressLimit = AddressLimit.connections(of: self.limit, share: share)
  }

  /// The current number of connections.
  public var count: Int { state.withLock { $0.slots.count } }

  /// The largest number of connections of one address so far, apart from this machine.
  public var addressPeak: Int { mostOfAddress.load(ordering: .relaxed) }

  /// The largest number of connections so far.
  public var peak: Int { most.load(ordering: .relaxed) }

  /// The slot of an open connection; nil if it has none.
  func slot(of channel: any Channel) -> ConnectionSlot? {
    state.withLock { $0.slots.values.first { $0.channel === channel } }
  }

  /// Closes all connections, also active ones and those that come later.
  package func closeAll() {
    let open = state.withLock { state in
      state.isClosed = true
      return Array(state.slots.values)
    }
    for slot in open { slot.channel.close(promise: nil) }
  }

  /// Closes the connections that are not answered.
  func closeUnanswered() {
    let now = NIODeadline.now()
    for slot in state.withLock({ Array($0.slots.values) }) where slot.worth(at: now).rank < .answering {
      slot.channel.close(promise: nil)
    }
  }

  /// Fires an event in the pipelines of all connections but those of HTTP/2.
  func fire(_ event: any Sendable) {
    for slot in state.withLock({ Array($0.slots.values) }) where !slot.speaksHTTP2 {
      slot.channel.pipeline.fireUserInboundEventTriggered(event)
    }
  }

  /// Waits until there is no connection.
  package func emptied() async {
    while case let open = state.withLock({ Array($0.slots.values) }), !open.isEmpty {
      for slot in open { try? await slot.channel.closeFuture.get() }
    }
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
  func enter(_ channel: any Channel) -> Entry {
    let slot = ConnectionSlot(channel)
    var (replaced, room): (ConnectionSlot?, Room) = (nil, .free)
    let refusal: Entry? = state.withLock { state in
      let ofAddress = slot.network.map { state.counts[$0] ?? 0 } ?? 0
      let isAddressFull = slot.network != nil && ofAddress >= addressLimit
      if isAddressFull || state.slots.count >= limit {
        let candidates = isAddressFull ? { $0.network == slot.network } : { (_: ConnectionSlot) in true }
        guard let least = Self.leastUseful(of: state.slots.values.lazy.filter(candidates)) else {
          return isAddressFull ? .addressFull : .full
        }
        state.remove(least)
        (replaced, room) = (least, isAddressFull ? .ofAddress : .ofServer)
      }
      state.add(slot)
      most.store(max(most.load(ordering: .relaxed), state.slots.count), ordering: .relaxed)
      if let network = slot.network {
        mostOfAddress.store(
          max(mostOfAddress.load(ordering: .relaxed), state.counts[network] ?? 0), ordering: .relaxed)
      }
      return nil
    }
    if let refusal { return refusal }
    replaced?.channel.close(promise: nil)
    channel.closeFuture.whenComplete { [weak self] _ in self?.state.withLock { $0.remove(slot) } }
    if state.withLock({ $0.isClosed }) { channel.close(promise: nil) }
    return .entered(slot, room)
  }

  /// The connection to replace; nil if all are in use.
  private static func leastUseful(of slots: some Sequence<ConnectionSlot>) -> ConnectionSlot? {
    let now = NIODeadline.now()
    guard let least = slots.map({ (slot: $0, worth: $0.worth(at: now)) }).min(by: { $0.worth < $1.worth }),
      least.worth.rank < .answering
    else { return nil }
    return least.slot
  }
}

/// How many connections one address may have.
package enum AddressLimit {
  /// The number of connections, at least one.
  ///
  /// - Parameter share: percent of the limit, 1 to 100.
  package static func connections(of limit: Int, share: Int) -> Int {
    share >= 100 ? limit : max(1, limit / 100 * max(1, share) + limit % 100 * max(1, share) / 100)
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
  /// The client's network, of which a limited number of connections is accepted; nil for a client on this machine, where a proxy may
  /// speak for others.
  let network: ClientNetwork?
  private let activity = Atomic(Activity.receiving.rawValue)
  private let progress: Atomic<UInt64>
  private let isHTTP2 = Atomic(false)

  init(_ channel: any Channel) {
    self.channel = channel
    let address = channel.remoteAddress
    network = address?.isLoopback == true ? nil : address?.ipAddress.flatMap { ClientNetwork($0) }
    progress = Atomic(NIODeadline.now().uptimeNanoseconds)
  }

  /// The connection speaks HTTP/2, and not with the server for HTTP/1.1. It may be replaced until it has a request.
  public func beginHTTP2() { isHTTP2.store(true, ordering: .relaxed) }

  /// A connection of HTTP/2 has a stream with a request, or none any more.
  public func note(hasRequest: Bool) { note(hasRequest ? .answering : .waiting, at: .now()) }

  /// Whether the connection is not the server's for HTTP/1.1.
  var speaksHTTP2: Bool { isHTTP2.load(ordering: .relaxed) }

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
