package import Logging
import Synchronization

/// The ports of the servers. The program is ready when every expected server listens.
package final class BoundPorts: Sendable {
  private struct State {
    var expected: Set<String> = []
    var ports: [String: Int] = [:]
  }

  private let state = Mutex(State())
  private let logger: Logger

  package init(logger: Logger) { self.logger = logger }

  /// Adds a server that has to listen before the program is ready.
  package func expect(_ name: String) { state.withLock { _ = $0.expected.insert(name) } }

  /// Records that a server listens.
  package func set(_ name: String, _ port: Int, host: String) {
    logger.info("listening", metadata: ["server": "\(name)", "address": "\(host):\(port)"])
    state.withLock { $0.ports[name] = port }
  }

  /// Records that a server will not listen.
  package func stopExpecting(_ name: String) { state.withLock { _ = $0.expected.remove(name) } }

  /// The port of a server; nil until it listens.
  package func port(_ name: String) -> Int? { state.withLock { $0.ports[name] } }

  /// The servers that do not listen yet.
  package var missing: [String] {
    state.withLock { state in state.expected.filter { state.ports[$0] == nil }.sorted() }
  }
}
