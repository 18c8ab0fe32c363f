import KubernetesAPI
import Logging
import MeshStore
import MeshStoreKubernetes
import ServiceLifecycle

/// Creates the mesh "default" in a cluster that has no mesh. The leader does it, and repeats it while the cluster refuses: its
/// webhooks may call a control plane that is still starting.
struct FirstMesh: Service {
  let store: KubernetesStore
  let election: LeaderElection
  let logger: Logger

  /// How long a failure is left alone. Source: Kuma 2.7.
  private static let pause = Duration.seconds(5)
  /// How many attempts there are: ten minutes of them. Source: Kuma 2.7.
  private static let attempts = 120

  func run() async throws {
    await cancelWhenGracefulShutdown {
      guard await store.loaded() else { return }
      for await isLeader in election.changes() where isLeader {
        if await create() { return }
      }
    }
    // A service that ends ends all others.
    try? await gracefulShutdown()
  }

  /// - Returns: whether it is done, as far as this control plane is concerned.
  private func create() async -> Bool {
    for attempt in 1...Self.attempts {
      do throws(StoreError) {
        try await store.createFirstMesh(logger: logger)
        return true
      } catch {
        if attempt == 1 {
          logger.warning(
            "the mesh \"default\" cannot be created yet; it is tried again every 5 s",
            metadata: ["error": "\(error)"])
        } else if attempt == Self.attempts {
          logger.error(
            "the mesh \"default\" could not be created for 10 min, and is not tried again; create it with kubectl apply",
            metadata: ["error": "\(error)"])
        }
      }
      try? await Task.sleep(for: Self.pause)
      guard election.isLeader, !Task.isCancelled else { return false }
    }
    return true
  }
}
