import Foundation
import HTTPService
import MeshXDS
import Synchronization

/// The memory budget taken by the requests of one stream. ``RequestGuard`` takes it on receipt, and ``DiscoveryService`` releases
/// it later.
final class StreamReceipt: Sendable {
  private struct State {
    var held = 0
    var refusal: SessionRefusal?
    var refuse: (@Sendable (SessionRefusal) -> Void)?
  }

  /// The receipt's id, sent in a request header.
  let id: String
  private let budget: ByteBudget
  private let state = Mutex(State())

  fileprivate init(budget: ByteBudget) {
    id = UUID().uuidString
    self.budget = budget
  }

  deinit { budget.release(state.withLock { $0.held }) }

  /// Reserves bytes of the budget; false if too few are left.
  func reserve(_ count: Int) -> Bool {
    guard budget.reserve(count) else { return false }
    state.withLock { $0.held += count }
    return true
  }

  /// Returns the bytes of processed requests to the budget.
  func release(_ count: Int) {
    let given = state.withLock { state in
      let given = min(count, state.held)
      state.held -= given
      return given
    }
    budget.release(given)
  }

  /// Makes the service end the stream, with a reason.
  func refuse(_ refusal: SessionRefusal) {
    let refuse = state.withLock { state in
      if state.refusal == nil { state.refusal = refusal }
      return state.refuse
    }
    refuse?(refusal)
  }

  /// Calls a closure when the stream is refused, or at once if it already is.
  func onRefusal(_ closure: @escaping @Sendable (SessionRefusal) -> Void) {
    let refusal = state.withLock { state in
      state.refuse = closure
      return state.refusal
    }
    if let refusal { closure(refusal) }
  }
}

final class StreamReceipts: Sendable {
  /// The request header with the receipt's id. It is removed from requests of peers.
  static let header = "kuma-trace-receipt"

  private let budget: ByteBudget
  private let receipts = Mutex<[String: StreamReceipt]>([:])

  /// - Parameter budget: the budget of all requests.
  init(budget: ByteBudget) { self.budget = budget }

  /// The receipt with an id.
  subscript(id: String) -> StreamReceipt? { receipts.withLock { $0[id] } }

  /// Creates the receipt of a new stream.
  func open() -> StreamReceipt {
    let receipt = StreamReceipt(budget: budget)
    receipts.withLock { $0[receipt.id] = receipt }
    return receipt
  }

  /// Removes the receipt of a stream that ended.
  func close(_ receipt: StreamReceipt) { receipts.withLock { $0[receipt.id] = nil } }
}
