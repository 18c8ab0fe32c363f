package import Logging
import MeshModel
import Notifications
import ServiceLifecycle
import Synchronization

/// Resolves the host names that proxies give as their addresses. Envoy's endpoints need IP addresses.
///
/// A name is looked up when a Dataplane first uses it, then at a slow interval, since no event reports a changed answer.
/// ``HostNames`` decides when. Without names, nothing runs.
package final class AddressResolver: Service {
  /// Looks up a name without blocking the caller, then calls the closure with the address, or with `nil` on failure.
  package typealias Lookup = @Sendable (_ name: String, _ answer: @escaping @Sendable (String?) -> Void) -> Void

  private struct State {
    var names: HostNames
    var changed: Set<String> = []
  }

  private let state: Mutex<State>
  private let lookup: Lookup
  private let logger: Logger
  private let wakeUps = WakeUps()
  /// Yields when ``takeChanged()`` may return names.
  let updates: AsyncStream<Void>
  private let update: AsyncStream<Void>.Continuation

  /// - Parameter lookup: resolves a name.
  package init(limits: HostNames.Limits = HostNames.Limits(), logger: Logger, lookup: @escaping Lookup) {
    state = Mutex(State(names: HostNames(limits: limits)))
    self.lookup = lookup
    self.logger = logger
    (updates, update) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The address of a name; `nil` until it is known.
  func address(of name: String) -> String? { state.withLock { $0.names.address(of: name) } }

  /// The number of known names and of running lookups.
  var counts: (names: Int, lookups: Int) { state.withLock { ($0.names.count, $0.names.running) } }

  /// How many names are looked up or remembered, and how many may be looked up.
  package var usage: (names: Int, limit: Int) { state.withLock { ($0.names.count, $0.names.limits.names) } }

  /// Looks up a name from now on, until `release` was called as often as `retain`.
  func retain(_ name: String) {
    guard state.withLock({ $0.names.retain(name, at: .now) }) else {
      return logger.warning(
        "too many host names of proxies; this name is not resolved and its proxy gets no traffic",
        metadata: ["name": "\(name.printable)"])
    }
    wakeUps.wake()
  }

  /// Undoes one `retain`. A name without users is no longer looked up.
  func release(_ name: String) { state.withLock { $0.names.release(name) } }

  package func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      await wakeUps.run {
        begin()
        return state.withLock { $0.names.nextTime(after: .now) }.map { $0 - .now }
      }
    }
    update.finish()
  }

  /// The names whose addresses have changed since the last call.
  func takeChanged() -> Set<String> {
    state.withLock { state in
      defer { state.changed = [] }
      return state.changed
    }
  }

  private func begin() {
    for (id, name) in state.withLock({ $0.names.begin(at: .now) }) {
      lookup(name) { [self] address in
        take(address, of: name, id)
        wakeUps.wake()
      }
    }
  }

  private func take(_ address: String?, of name: String, _ lookup: UInt64) {
    let outcome = state.withLock { state in
      let outcome = state.names.end(lookup, address: address, at: .now)
      if outcome == .changed { state.changed.insert(name) }
      return outcome
    }
    switch outcome {
    case .nothing: break
    case .changed: update.yield()
    case .failed(let hasAddress):
      let text =
        hasAddress
        ? "a proxy's host name no longer resolves; the proxy keeps its last address"
        : "a proxy's host name does not resolve; the proxy gets no traffic until it does"
      logger.warning("\(text)", metadata: ["name": "\(name.printable)"])
    }
  }
}
