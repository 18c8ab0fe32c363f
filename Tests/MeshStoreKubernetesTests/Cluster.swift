import KubernetesAPI
import KubernetesTestSupport
import Logging
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import TestSupport
import Testing

@testable import MeshStoreKubernetes

/// Tests that look at every object of a cluster. They run one after the other, and each begins with an empty cluster.
@Suite("The store in Kubernetes", .onKubernetes, .heavy, .serialized, .timeLimit(.minutes(60)))
struct KubernetesStoreTests {}

/// An API server with the custom resources, the namespace `shop`, and nothing else.
struct Cluster: Sendable {
  let server: KubernetesServer
  /// A client without a limit of requests.
  let client: KubernetesClient

  private static let namespaces = ["shop"]

  /// The cluster, emptied.
  static func empty() async throws -> Cluster {
    let server = try await KubernetesServer.shared(.everything)
    let cluster = Cluster(server: server, client: try client(server.kubeconfig))
    try await cluster.makeDefinitions()
    for name in namespaces { try await cluster.ensureNamespace(name) }
    for type in ResourceType.allCases { try await cluster.deleteAll(type) }
    return cluster
  }

  static func client(_ kubeconfig: String) throws -> KubernetesClient {
    var settings = KubernetesClient.Settings()
    settings.requestsPerSecond = 100_000
    settings.burst = 100_000
    return KubernetesClient(
      access: try KubernetesAccess.kubeconfig(path: kubeconfig, context: nil), userAgent: "kuma-cp/test",
      settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Makes the definitions that are missing, and waits until their kinds are served.
  func makeDefinitions() async throws {
    for document in try DocumentValue.yamlDocuments(KubernetesServer.customResources) {
      guard let definition = document.object.map(KubernetesObject.init) else { continue }
      // One that is being deleted is there for a while.
      try await eventually("the definition of \(definition.name)") {
        do throws(KubernetesError) {
          _ = try await client.create(.customResourceDefinition, definition)
          return true
        } catch {
          guard error.code == .alreadyExists else { throw error }
          let present = try? await client.get(.customResourceDefinition, name: definition.name)
          return present?.isBeingDeleted == false
        }
      }
    }
    for type in ResourceType.customResources {
      try await eventually("\(type.rawValue) in the API") { (try? await client.list(type.kubernetesKind)) != nil }
    }
  }

  private func ensureNamespace(_ name: String) async throws {
    do {
      _ = try await client.create(.namespace, KubernetesObject(.namespace, name: name))
    } catch {
      guard error.code == .alreadyExists else { throw error }
    }
  }

  private func deleteAll(_ type: ResourceType) async throws {
    let kind = type.kubernetesKind
    let objects = try await client.list(kind).objects.filter {
      type.kubernetesSecretType == nil || $0["type"]?.string == type.kubernetesSecretType
    }
    if objects.count > 100 {
      for namespace in Set(objects.compactMap(\.namespace)) {
        try await server.succeed(["delete", "--raw", "/apis/kuma.io/v1alpha1/namespaces/\(namespace)/\(kind.plural)"])
      }
      return
    }
    for object in objects {
      do {
        try await client.delete(kind, namespace: object.namespace, name: object.name)
      } catch {
        guard error.code == .notFound else { throw error }
      }
    }
  }

  /// Creates an object as a user does who does not ask a control plane.
  @discardableResult
  func create(_ type: ResourceType, _ document: String) async throws -> KubernetesObject {
    try await client.create(type.kubernetesKind, try object(document))
  }

  func object(_ document: String) throws -> KubernetesObject {
    KubernetesObject(try #require(try DocumentValue.yamlDocuments(document).first?.object))
  }
}

/// A store that runs.
final class RunningStore: Sendable {
  let store: KubernetesStore
  private let task: Task<Void, any Error>

  init(
    _ client: KubernetesClient, instance: String = "cp", settings: KubernetesStore.Settings = quick,
    observer: @escaping KubernetesStore.Observer = { _ in }
  ) {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let presence = PresenceLease(
      client: client, namespace: "shop", identity: instance, isLeader: { false }, logger: logger)
    let store = KubernetesStore(
      client: client, presence: presence, settings: settings, logger: logger, observer: observer)
    self.store = store
    task = Task {
      async let renewing: Void = presence.run()
      try await store.run()
      await renewing
    }
  }

  /// Where secrets are.
  static let systemNamespace = "shop"

  /// Comes back soon after a failure.
  static var quick: KubernetesStore.Settings {
    var settings = KubernetesStore.Settings()
    settings.systemNamespace = systemNamespace
    settings.replicas.minimumWait = .milliseconds(20)
    settings.replicas.maximumWait = .milliseconds(200)
    return settings
  }

  /// A store with its content.
  static func loaded(
    _ client: KubernetesClient, instance: String = "cp", settings: KubernetesStore.Settings = quick,
    observer: @escaping KubernetesStore.Observer = { _ in }
  ) async throws -> RunningStore {
    let running = RunningStore(client, instance: instance, settings: settings, observer: observer)
    #expect(await running.store.loaded())
    return running
  }

  func close() async {
    task.cancel()
    _ = await task.result
  }
}

/// Runs stores over a cluster, and closes them when the test is over.
func withStores(
  _ cluster: Cluster, count: Int = 1, observer: @escaping KubernetesStore.Observer = { _ in },
  _ body: ([KubernetesStore]) async throws -> Void
) async throws {
  var running: [RunningStore] = []
  for number in 0..<count {
    running.append(try await RunningStore.loaded(cluster.client, instance: "cp-\(number)", observer: observer))
  }
  let result: Result<Void, any Error>
  do { result = .success(try await body(running.map(\.store))) } catch { result = .failure(error) }
  for store in running { await store.close() }
  try result.get()
}
