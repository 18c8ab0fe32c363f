package import Logging
import Synchronization
package import Systemd

/// The ports of the servers. The program is ready when every expected server listens.
package final class BoundPorts: Sendable {
  private struct State {
    var expected: Set<String> = []
    var ports: [String: Int] = [:]
    var waiting: [String: [AsyncStream<Int>.Continuation]] = [:]
  }

  private let state = Mutex(State())
  private let logger: Logger
  /// The sockets that the service manager has opened for the servers.
  package let inherited: InheritedSockets

  /// - Parameter inherited: the sockets that servers take instead of opening their own.
  package init(logger: Logger, inherited: InheritedSockets = InheritedSockets()) {
    self.logger = logger
    self.inherited = inherited
  }

  /// Adds a server that has to listen before the program is ready.
  package func expect(_ name: String) { state.withLock { _ = $0.expected.insert(name) } }

  /// Records that a server listens.
  package func set(_ name: String, _ port: Int, host: String) {
    logger.info("listening", metadata: ["server": "\(name)", "address": "\(host):\(port)"])
    let waiting = state.withLock { state in
      state.ports[name] = port
      return state.waiting.removeValue(forKey: name) ?? []
    }
    for continuation in waiting { continuation.yield(port) }
  }

  /// Records that a server will not listen.
  package func stopExpecting(_ name: String) { state.withLock { _ = $0.expected.remove(name) } }

  /// The port of a server; nil until it listens.
  package func port(_ name: String) -> Int? { state.withLock { $0.ports[name] } }

  /// The port of a server, one element, as soon as it listens.
  package func ports(of name: String) -> AsyncStream<Int> {
    let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
    let port = state.withLock { state in
      guard let port = state.ports[name] else {
        state.waiting[name, default: []].append(continuation)
        return nil as Int?
      }
      return port
    }
    if let port { continuation.yield(port) }
    return stream
  }

  /// The servers that do not listen yet.
  package var missing: [String] {
    state.withLock { state in state.expected.filter { state.ports[$0] == nil }.sorted() }
  }
}
