import Certificates
import HTTPService
import MeshAccess
import MeshControl
import ServiceLifecycle

/// Tells the reconciler what proxies need to reach this control plane's own collector, as soon as that is known and whenever it
/// changes: the collector's port, its certificate, the tokens of the meshes.
struct OwnCollectorWatch: Service {
  let reconciler: Reconciler
  let addresses: CollectorAddresses
  let certificate: ReloadableCertificate
  let access: AccessState

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask { for await _ in addresses.ports.ports(of: ServerName.collector) { await update() } }
        group.addTask { for await _ in certificate.changes() { await update() } }
        group.addTask { for await _ in access.changes() { await update() } }
      }
    }
    // A service that ends ends all others.
    try? await gracefulShutdown()
  }

  private func update() async {
    // A proxy that got the collector without its token would get another cluster a moment later.
    guard access.isReady, let collector = addresses.collector(tokens: access.keys.newestIngestTokens) else { return }
    await reconciler.use(ownCollector: collector)
  }
}
