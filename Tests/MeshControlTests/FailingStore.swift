import MeshModel
import MeshStore
import TestSupport

@testable import MeshControl

/// A store in memory that may be away, fail by chance, or do what it was asked and not be able to say so.
struct FailingStore {
  let store: MemoryStore
  var isAway = false
  /// Whether it is read from a copy in memory, as a shared store is.
  var isCopied = false
  /// How many of a hundred calls fail.
  var failures = 0
  /// How many of a hundred failures are of the answer alone.
  var lostAnswers = 0

  /// Answers a request for a proxy.
  mutating func answer(
    _ request: ProxyLifecycle.Request, _ mesh: String, _ name: String, using generator: inout SeededGenerator
  ) -> ProxyLifecycle.Answer {
    if isCopied, case .get = request { return perform(request, mesh, name) }
    guard fails(using: &generator) else { return perform(request, mesh, name) }
    if Int.random(in: 0..<100, using: &generator) < lostAnswers { _ = perform(request, mesh, name) }
    return .failed(Self.unavailable)
  }

  static let unavailable = StoreError(code: .unavailable, message: "the store is away")

  mutating func fails(using generator: inout SeededGenerator) -> Bool {
    isAway || Int.random(in: 0..<100, using: &generator) < failures
  }

  private func perform(
    _ request: ProxyLifecycle.Request, _ mesh: String, _ name: String
  ) -> ProxyLifecycle.Answer {
    do throws(StoreError) {
      switch request {
      case .get(let type): return .resource(store.get(ResourceKey(type: type, mesh: mesh, name: name)))
      case .put(let resource, let condition): _ = try store.put(resource, if: condition)
      case .delete(let condition):
        try store.delete(ResourceKey(type: .dataplane, mesh: mesh, name: name), if: condition)
      default: break
      }
      return .done
    } catch {
      return .failed(error)
    }
  }
}
