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
    var isTold = false
    await tryUntilDone {
      let known = try await read()
      id.withLock { $0 = known }
    } failed: { error in
      guard !isTold else { return }
      logger.warning(
        "the id of the cluster is not known yet; the API shows none meanwhile", metadata: ["error": "\(error)"])
      isTold = true
    }
  }

  private func read() async throws -> String {
    let (object, _) = try await client.findOrCreate(.configMap, namespace: namespace, name: Self.name) {
      var object = KubernetesObject(.configMap, namespace: namespace, name: Self.name)
      object["data"] = [Self.key: .string(UUID().uuidString.lowercased())]
      return object
    }
    return object["data"]?[Self.key]?.string ?? object.uid
  }
}
