import MeshModel
import MeshStore
import Synchronization

/// The database's content in memory, and its position in the sequence of transactions.
///
/// Transactions that write are numbered in commit order. Two threads read new transactions: one when it is notified, the
/// other before it writes. Applying the same transactions twice changes nothing.
final class Replica: Sendable {
  /// The position of the content.
  struct Position: Equatable {
    /// The number of the newest included transaction.
    var change: Int64 = 0
    /// Whether reading the later transactions is enough. After a lost connection it is not: the next server may be another one
    /// or an older copy, so everything is compared.
    var isTrusted = false
    /// The number of lost connections.
    var losses: UInt64 = 0
  }

  /// The content of the database's one row.
  struct Head: Equatable {
    var change: Int64
    /// Deletions up to this transaction have been pruned.
    var pruned: Int64
    var time: Timestamp
  }

  /// A written or deleted entry.
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

  /// Applies what was written after a position.
  ///
  /// - Returns: whether the content has reached the head; if not, read again.
  func apply(_ entries: [Entry], since base: Position, head: Head) -> Bool {
    state.withLock { state in
      guard state.isTrusted, state.losses == base.losses, base.change <= state.change else { return false }
      guard head.pruned <= base.change, head.change >= base.change else {
        // The position is too old, or the database was replaced by an older copy.
        state.isTrusted = false
        return false
      }
      guard head.change > state.change else { return true }
      feed.publish(entries.filter { $0.number > state.change }.map(\.change))
      state.change = head.change
      return true
    }
  }

  /// Applies this control plane's own write.
  ///
  /// - Parameters:
  ///   - number: the transaction's number.
  ///   - head: the head before it.
  func apply(own changes: [ChangeFeedStateMachine.Change], number: Int64, after head: Head) {
    state.withLock { state in
      // Otherwise the other thread has already applied it.
      guard state.change == head.change else { return }
      feed.publish(changes)
      state.change = number
    }
  }

  /// Replaces the whole content.
  ///
  /// - Parameter kept: entries that could not be decoded; their last version stays.
  /// - Returns: whether the content has reached the head; if not, read again.
  func apply(whole resources: [Resource], keeping kept: Set<ResourceKey>, since base: Position, head: Head) -> Bool {
    state.withLock { state in
      // The other thread was faster, or a connection was lost meanwhile.
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
