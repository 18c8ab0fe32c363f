import HTTPService
import MeshControl
import ServiceLifecycle

/// Tells the reconciler what proxies need to reach this control plane's own collector, as soon as that is known and whenever it
/// changes: the collector's port, its certificate, the tokens of the meshes.
struct OwnCollectorWatch: Service {
  let reconciler: Reconciler
  let addresses: CollectorAddresses
  /// The newest token for spans of each mesh.
  let tokens: @Sendable () -> [String: String]
  /// An element whenever the tokens or the certificate may have changed.
  let changes: [AsyncStream<Void>]

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask {
          for await _ in addresses.ports.ports(of: Pipeline.Server.collector) { await update() }
        }
        for stream in changes {
          group.addTask { for await _ in stream { await update() } }
        }
      }
    }
    // A service that ends ends all others.
    try? await gracefulShutdown()
  }

  private func update() async {
    guard let collector = addresses.collector(tokens: tokens()) else { return }
    await reconciler.use(ownCollector: collector)
  }
}
