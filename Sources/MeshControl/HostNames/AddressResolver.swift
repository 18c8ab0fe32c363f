package import Logging
import MeshModel
import ServiceLifecycle
import Synchronization

/// Resolves host names that proxies give as their address, since endpoints are sent as IP addresses.
///
/// A name is asked for when it first appears and again at a slow interval, as nothing tells when an answer changes, as long as a
/// Dataplane has it. When what is asked is decided by ``HostNames``. Nothing runs while there is no name.
package final class AddressResolver: Service {
  /// Looks a name up without holding up the caller, and gives the address, or `nil`, to a closure.
  package typealias Lookup = @Sendable (_ name: String, _ answer: @escaping @Sendable (String?) -> Void) -> Void

  private struct State {
    var names: HostNames
    var changed: Set<String> = []
  }

  private let state: Mutex<State>
  private let lookup: Lookup
  private let logger: Logger
  private let wake: AsyncStream<Void>
  private let wakeUp: AsyncStream<Void>.Continuation
  /// Yields when ``takeChanged()`` may have something to say.
  let updates: AsyncStream<Void>
  private let update: AsyncStream<Void>.Continuation

  /// - Parameter lookup: asks whoever knows.
  package init(limits: HostNames.Limits = HostNames.Limits(), logger: Logger, lookup: @escaping Lookup) {
    state = Mutex(State(names: HostNames(limits: limits)))
    self.lookup = lookup
    self.logger = logger
    (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    (updates, update) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The address of a name; `nil` until it is known.
  func address(of name: String) -> String? { state.withLock { $0.names.address(of: name) } }

  /// How many names are known, and how many are being asked for.
  var counts: (names: Int, lookups: Int) { state.withLock { ($0.names.count, $0.names.running) } }

  /// Asks for a name from now on, until it is released as often as it was retained.
  func retain(_ name: String) {
    guard state.withLock({ $0.names.retain(name, at: .now) }) else {
      return logger.warning(
        "there are too many host names of proxies; this one is not resolved and its proxy gets no traffic",
        metadata: ["name": "\(name.printable)"])
    }
    wakeUp.yield()
  }

  /// Asks for a name no longer, unless others still use it.
  func release(_ name: String) { state.withLock { $0.names.release(name) } }

  package func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      var timer: Task<Void, Never>?
      for await _ in wake {
        begin()
        timer?.cancel()
        timer = state.withLock { $0.names.nextTime(after: .now) }.map { time in
          Task { [wakeUp] in
            guard (try? await Task.sleep(until: time, clock: .continuous)) != nil else { return }
            wakeUp.yield()
          }
        }
      }
      timer?.cancel()
    }
    update.finish()
  }

  /// The names whose address has changed since this was asked last.
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
        wakeUp.yield()
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
        ? "a proxy's host name cannot be resolved any more; it keeps its last address"
        : "a proxy's host name cannot be resolved; it gets no traffic until it can"
      logger.warning("\(text)", metadata: ["name": "\(name.printable)"])
    }
  }
}
