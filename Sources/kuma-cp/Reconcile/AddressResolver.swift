import Logging
import MeshModel
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Resolves host names that proxies give as their address, since endpoints are sent as IP addresses.
///
/// Names are asked for when they first appear and again at a slow interval, as nothing tells when an answer changes.
/// Nothing runs while there is no name.
final class AddressResolver: Service {
  private struct State {
    var addresses: [String: String?] = [:]
  }

  private let state = Mutex(State())
  private let interval: Duration
  private let logger: Logger
  private let wake: AsyncStream<Void>
  private let wakeUp: AsyncStream<Void>.Continuation
  /// The names whose address has changed.
  let updates: AsyncStream<Set<String>>
  private let update: AsyncStream<Set<String>>.Continuation

  /// - Parameter interval: how long an answer is taken to hold.
  init(interval: Duration = .seconds(30), logger: Logger) {
    self.interval = interval
    self.logger = logger
    (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    (updates, update) = AsyncStream.makeStream()
  }

  /// The address of a name; `nil` until it is known.
  func address(of name: String) -> String? { state.withLock { $0.addresses[name] ?? nil } }

  /// Asks for a name from now on.
  func add(_ name: String) {
    let isNew = state.withLock { state in
      guard state.addresses[name] == nil else { return false }
      state.addresses[name] = .some(nil)
      return true
    }
    if isNew { wakeUp.yield() }
  }

  func run() async throws {
    await cancelWhenGracefulShutdown { [self] in
      for await _ in wake {
        repeat {
          await resolveAll()
          try? await Task.sleep(for: interval)
        } while !Task.isCancelled
      }
    }
    update.finish()
  }

  private func resolveAll() async {
    var changed: Set<String> = []
    for (name, known) in state.withLock({ $0.addresses }) {
      guard let found = await Self.resolve(name) else {
        if known == nil {
          logger.warning("a proxy's host name cannot be resolved; it gets no traffic", metadata: ["name": "\(name)"])
        }
        continue
      }
      guard found != known else { continue }
      state.withLock { $0.addresses[name] = found }
      changed.insert(name)
    }
    if !changed.isEmpty { update.yield(changed) }
  }

  private static func resolve(_ name: String) async -> String? {
    try? await NIOThreadPool.singleton.runIfActive {
      try SocketAddress.makeAddressResolvingHost(name, port: 0).ipAddress
    }
  }
}
