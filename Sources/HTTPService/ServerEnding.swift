package import NIOCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// Whether a server ends, which all its connections know.
final class ServerEnding: Sendable {
  /// Tells a connection.
  struct Event: Sendable {}

  private let flag = Atomic(false)

  /// Whether the server ends.
  var hasBegun: Bool { flag.load(ordering: .relaxed) }

  /// The server ends from now on.
  func begin() { flag.store(true, ordering: .relaxed) }
}

extension RequestService {
  /// Has each connection answer what has arrived or is on its way, and close. New connections are answered once, too.
  package func beginEnding() {
    ending.begin()
    connections.fire(ServerEnding.Event())
  }

  /// Ends all connections as ``beginEnding()`` says, and waits for that and for the requests. If the task is cancelled, all are closed.
  package func end() async {
    beginEnding()
    await withTaskCancellationHandler {
      await withDiscardingTaskGroup { [connections, limits] group in
        group.addTask {
          // Those that speak TLS, or have not said what they speak, have no deadline for that.
          guard (try? await Task.sleep(for: limits.lastArrival + .seconds(1))) != nil else { return }
          connections.closeUnanswered()
        }
        await connections.emptied()
        await running.drained()
        group.cancelAll()
      }
    } onCancel: {
      running.cancel()
      connections.closeAll()
    }
  }

  /// What a server that ends waits for, in words; nil for nothing.
  package var openWork: String? {
    let (connections, requests) = (connections.count, running.count)
    guard connections + requests > 0 else { return nil }
    return "\(counts.name): \(connections) connections, \(requests) requests"
  }
}

/// The listening sockets of servers.
package enum ListeningSocket {
  /// How many connections wait to be accepted.
  package static let backlog: Int32 = 1024

  /// NIO shortens the queue of a socket that it is given. While the process is replaced, clients wait in it.
  package static func restoreBacklog(of socket: NIOBSDSocket.Handle) { _ = listen(socket, backlog) }
}
