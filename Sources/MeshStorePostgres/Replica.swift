import MeshModel
import MeshStore
import Synchronization

/// The database's content in memory, and how far it reaches.
///
/// Transactions that write are numbered in the order of their commits. Two threads read what is new, one because it was
/// notified and one because it is about to write; the second of them changes nothing.
final class Replica: Sendable {
  /// How far the content reaches.
  struct Position: Equatable {
    /// The number of the newest transaction that is contained.
    var change: Int64 = 0
    /// Whether the numbers after it say all that is new. Not after a connection was lost: the server that comes back may be
    /// another, or an older copy, and everything is compared.
    var isTrusted = false
    /// Counts the losses.
    var losses: UInt64 = 0
  }

  /// What the database's one row says.
  struct Head: Equatable {
    var change: Int64
    /// Deletions up to this transaction are not known any more.
    var pruned: Int64
    var time: Timestamp
  }

  /// An entry that was written or deleted.
  struct Entry {
    var number: Int64
    var change: ChangeFeedStateMachine.Change
  }

  let feed = ChangeFeed()
  private let state = Mutex(Position())

  var position: Position { state.withLock { $0 } }

  /// A connection was lost.
  func distrust() {
    state.withLock {
      $0.isTrusted = false
      $0.losses &+= 1
    }
  }

  /// Takes in what was written after a position.
  ///
  /// - Returns: whether the content reaches as far as the head; if not, read again.
  func apply(_ entries: [Entry], since base: Position, head: Head) -> Bool {
    state.withLock { state in
      guard state.isTrusted, state.losses == base.losses, base.change <= state.change else { return false }
      guard head.pruned <= base.change, head.change >= base.change else {
        // Too long ago, or an older copy of the database was put in its place.
        state.isTrusted = false
        return false
      }
      guard head.change > state.change else { return true }
      feed.publish(entries.filter { $0.number > state.change }.map(\.change))
      state.change = head.change
      return true
    }
  }

  /// Takes in what was written here.
  ///
  /// - Parameters:
  ///   - number: the transaction's number.
  ///   - head: what was before it.
  func apply(own changes: [ChangeFeedStateMachine.Change], number: Int64, after head: Head) {
    state.withLock { state in
      // Otherwise the other thread was faster.
      guard state.change == head.change else { return }
      feed.publish(changes)
      state.change = number
    }
  }

  /// Takes in everything.
  ///
  /// - Parameter kept: what is there and could not be read: its last form stays.
  /// - Returns: whether the content reaches as far as the head; if not, read again.
  func apply(whole resources: [Resource], keeping kept: Set<ResourceKey>, since base: Position, head: Head) -> Bool {
    state.withLock { state in
      // The other thread was faster, or the connection to a server was lost meanwhile.
      guard state == base else { return false }
      let changes = feed.read { present in
        var gone = Set(present.all.map(\.key)).subtracting(kept)
        var changes: [ChangeFeedStateMachine.Change] = []
        for resource in resources {
          gone.remove(resource.key)
          if present[resource.key] != resource { changes.append(.written(resource)) }
        }
        return changes + gone.sorted().map { .deleted($0) }
      }
      feed.publish(changes)
      state.change = head.change
      state.isTrusted = true
      return true
    }
  }
}
