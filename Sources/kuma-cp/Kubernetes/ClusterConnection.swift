import Documents
import Foundation
import KubernetesAPI
import Logging
import MeshModel
import MeshStoreKubernetes
import OrderedCollections
import ProgramSettings
import ServiceLifecycle

/// The connection of a control plane to the cluster whose objects are its resources.
struct ClusterConnection: Sendable {
  let client: KubernetesClient
  /// Shows the other control planes that this one is there.
  let presence: PresenceLease
  let store: KubernetesStore
  /// Decides which of several control planes writes what is to be written once.
  let election: LeaderElection
  let identity: ClusterIdentity
  /// Objects that cannot be read: an element each time there is another one.
  let unreadable: AsyncStream<Void>

  /// Finds the API server. Asks it nothing yet: a server that is away, rights and kinds that are missing are waited for.
  ///
  /// - Throws: `KubernetesAccess.Failure` if it is not known where the API server is or who asks.
  static func open(
    _ settings: SettingValues<KubernetesSettings>, instance: String, logger: Logger
  ) throws(KubernetesAccess.Failure) -> ClusterConnection {
    let access = try KubernetesAccess.find(
      kubeconfig: settings.kubeconfig, environment: ProcessInfo.processInfo.environment)
    var bounds = KubernetesClient.Settings()
    bounds.requestsPerSecond = Double(settings.requestsPerSecond)
    bounds.burst = settings.requestBurst
    let client = KubernetesClient(
      access: access, userAgent: "kuma-cp/\(ProductVersion.current)", settings: bounds, logger: logger)
    var times = LeaderElection.Settings()
    times.leaseDuration = settings.leaseDuration
    times.renewDeadline = settings.renewDeadline
    let election = LeaderElection(
      client: client, namespace: settings.systemNamespace, identity: instance, settings: times, logger: logger)
    let presence = PresenceLease(
      client: client, namespace: settings.systemNamespace, identity: instance, isLeader: { election.isLeader },
      logger: logger)
    var storing = KubernetesStore.Settings()
    storing.systemNamespace = settings.systemNamespace
    storing.setsOwnerReferences = !settings.skipMeshOwnerReference
    let (unreadable, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let store = KubernetesStore(client: client, presence: presence, settings: storing, logger: logger) { event in
      switch event {
      case .loaded: logger.info("the resources of the cluster are loaded", metadata: ["server": "\(access.server)"])
      case .unreadable(let object):
        logger.error(
          "an object of the cluster is not valid and counts as absent",
          metadata: [
            "kind": "\(object.type.rawValue)", "name": "\(object.object.qualifiedName)", "error": "\(object.message)",
          ])
        continuation.yield()
      }
    }
    return ClusterConnection(
      client: client, presence: presence, store: store, election: election,
      identity: ClusterIdentity(client: client, namespace: settings.systemNamespace, logger: logger),
      unreadable: unreadable)
  }

  /// The object of a resource as users see it: as it is stored, without the record of who set which field.
  func document(of key: ResourceKey) -> DocumentValue? {
    guard var object = store.object(of: key) else { return nil }
    object.metadata["managedFields"] = nil
    return .object(object.document)
  }

  /// What has to run before everything that uses the store or leads.
  var services: [any Service] { [presence, store, election, identity] }
}

extension KubernetesObject {
  /// The name, with the namespace if there is one.
  var qualifiedName: String { (namespace.map { "\($0)/" } ?? "") + name }
}
