import Documents
import Foundation
import KubernetesAPI
import Logging
import ServiceLifecycle
import Synchronization

/// The id of the cluster's resources, which all control planes of the cluster show. The first one makes it up and keeps it in a
/// ConfigMap of the system namespace, as in Kuma.
final class ClusterIdentity: Service {
  /// The name of the ConfigMap. Source: Kuma 2.7.
  static let name = "kuma-cluster-id"
  /// The key in its data. Source: Kuma 2.7.
  static let key = "config"

  private let client: KubernetesClient
  private let namespace: String
  private let logger: Logger
  private let id = Mutex("")

  init(client: KubernetesClient, namespace: String, logger: Logger) {
    self.client = client
    self.namespace = namespace
    self.logger = logger
  }

  /// The id; empty until it is known.
  var value: String { id.withLock { $0 } }

  /// Finds the id out, or makes it up. Tries again until that succeeds.
  func run() async throws {
    await cancelWhenGracefulShutdown { await self.find() }
    try? await gracefulShutdown()
  }

  private func find() async {
    var wait = Duration.seconds(1)
    var isTold = false
    while !Task.isCancelled {
      do throws(KubernetesError) {
        let known = try await read()
        id.withLock { $0 = known }
        return
      } catch {
        if !isTold, !Task.isCancelled {
          logger.warning(
            "the id of the cluster is not known yet; the API shows none meanwhile", metadata: ["error": "\(error)"])
          isTold = true
        }
        try? await Task.sleep(for: wait * Double.random(in: 0.8...1.2))
        wait = min(wait * 2, .seconds(60))
      }
    }
  }

  private func read() async throws(KubernetesError) -> String {
    do throws(KubernetesError) {
      let known = try await client.get(.configMap, namespace: namespace, name: Self.name)
      return known["data"]?[Self.key]?.string ?? known.uid
    } catch {
      guard error.code == .notFound else { throw error }
    }
    let fresh = UUID().uuidString.lowercased()
    var object = KubernetesObject(.configMap, namespace: namespace, name: Self.name)
    object["data"] = [Self.key: .string(fresh)]
    do throws(KubernetesError) {
      _ = try await client.create(.configMap, object)
      return fresh
    } catch {
      // Another control plane was faster.
      guard error.code == .alreadyExists else { throw error }
      let known = try await client.get(.configMap, namespace: namespace, name: Self.name)
      return known["data"]?[Self.key]?.string ?? known.uid
    }
  }
}
