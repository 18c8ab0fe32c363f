package import Logging
import Synchronization

/// The ports on which the servers listen, known once they do; readiness waits for all of them.
package final class BoundPorts: Sendable {
  private struct State {
    var expected: Set<String> = []
    var ports: [String: Int] = [:]
  }

  private let state = Mutex(State())
  private let logger: Logger

  package init(logger: Logger) { self.logger = logger }

  /// Names a server that has to listen before the control plane is ready.
  package func expect(_ name: String) { state.withLock { _ = $0.expected.insert(name) } }

  /// Notes that a server listens.
  package func set(_ name: String, _ port: Int, host: String) {
    logger.info("listening", metadata: ["server": "\(name)", "address": "\(host):\(port)"])
    state.withLock { $0.ports[name] = port }
  }

  /// Notes that a server will not listen, and need not be waited for.
  package func giveUp(_ name: String) { state.withLock { _ = $0.expected.remove(name) } }

  /// The port of a server; nil until it listens.
  package func port(_ name: String) -> Int? { state.withLock { $0.ports[name] } }

  /// The servers that do not listen yet.
  package var missing: [String] {
    state.withLock { state in state.expected.filter { state.ports[$0] == nil }.sorted() }
  }
}
