import Foundation
import HTTPService
import MeshXDS
import Synchronization

/// What the requests of one stream take of a budget, between ``RequestGuard``, which receives them, and ``DiscoveryService``, which
/// is done with them later.
final class StreamReceipt: Sendable {
  private struct State {
    var held = 0
    var refusal: SessionRefusal?
    var refuse: (@Sendable (SessionRefusal) -> Void)?
  }

  /// Names the receipt in a request's header.
  let id: String
  private let budget: ByteBudget
  private let state = Mutex(State())

  fileprivate init(budget: ByteBudget) {
    id = UUID().uuidString
    self.budget = budget
  }

  deinit { budget.give(state.withLock { $0.held }) }

  /// Takes bytes for what arrives; false if there are not as many left.
  func take(_ count: Int) -> Bool {
    guard budget.take(count) else { return false }
    state.withLock { $0.held += count }
    return true
  }

  /// Gives back what requests took that nobody holds any more.
  func give(_ count: Int) {
    let given = state.withLock { state in
      let given = min(count, state.held)
      state.held -= given
      return given
    }
    budget.give(given)
  }

  /// Has the stream ended, in words.
  func refuse(_ refusal: SessionRefusal) {
    let refuse = state.withLock { state in
      if state.refusal == nil { state.refusal = refusal }
      return state.refuse
    }
    refuse?(refusal)
  }

  /// Calls a closure when the stream is to be ended, at once if it already is.
  func onRefusal(_ closure: @escaping @Sendable (SessionRefusal) -> Void) {
    let refusal = state.withLock { state in
      state.refuse = closure
      return state.refusal
    }
    if let refusal { closure(refusal) }
  }
}

/// The receipts of all streams.
final class StreamReceipts: Sendable {
  /// The header by which a request's receipt is found. Requests of peers never have it when they get to the service.
  static let header = "kuma-trace-receipt"

  private let budget: ByteBudget
  private let receipts = Mutex<[String: StreamReceipt]>([:])

  /// - Parameter budget: what all requests may take together.
  init(budget: ByteBudget) { self.budget = budget }

  /// The receipt of a header's value.
  subscript(id: String) -> StreamReceipt? { receipts.withLock { $0[id] } }

  /// Makes a receipt for a new stream.
  func open() -> StreamReceipt {
    let receipt = StreamReceipt(budget: budget)
    receipts.withLock { $0[receipt.id] = receipt }
    return receipt
  }

  /// Forgets a stream.
  func close(_ receipt: StreamReceipt) { receipts.withLock { $0[receipt.id] = nil } }
}
