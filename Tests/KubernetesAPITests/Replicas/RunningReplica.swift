import KubernetesAPI
import KubernetesTestSupport
import Logging
import OrderedCollections
import Synchronization
import TestSupport

@testable import KubernetesAPI

/// A replica on a real API server, with what an owner makes of its updates.
final class RunningReplica: Sendable {
  struct Owned {
    var objects: [String: KubernetesObject] = [:]
    var wholeStates = 0
    /// How often each version of each object came.
    var tellings: [String: Int] = [:]
    var troubles: [KubernetesError.Code] = []
    var isInTrouble = false
  }

  let replica: KindReplica
  private let owned: Shared
  private let running: Task<Void, Never>

  private final class Shared: Sendable {
    let value = Mutex(Owned())
  }

  init(
    _ client: KubernetesClient, _ kind: KubernetesKind, namespace: String? = nil, name: String? = nil,
    prune: @escaping KindReplica.Prune = { $0 }
  ) {
    let owned = Shared()
    self.owned = owned
    var settings = KindReplica.Settings()
    settings.minimumWait = .milliseconds(50)
    settings.maximumWait = .milliseconds(500)
    settings.pageSize = 7
    let replica = KindReplica(
      client: client, kind: kind, namespace: namespace, name: name, settings: settings, logger: Logger(label: "test"),
      prune: prune
    ) { update in owned.value.withLock { Self.apply(update, to: &$0) } }
    self.replica = replica
    running = Task { await replica.run() }
  }

  private static func apply(_ update: KindReplica.Update, to owned: inout Owned) {
    switch update {
    case .replaced(let objects):
      owned.wholeStates += 1
      owned.objects = Dictionary(objects.map { ($0.name, $0) }) { first, _ in first }
    case .changed(let objects):
      for object in objects {
        owned.objects[object.name] = object
        owned.tellings["\(object.uid)@\(object.resourceVersion)", default: 0] += 1
      }
    case .deleted(let objects): for object in objects { owned.objects[object.name] = nil }
    case .trouble(let error):
      owned.isInTrouble = error != nil
      if let error { owned.troubles.append(error.code) }
    }
  }

  var state: Owned { owned.value.withLock { $0 } }
  var names: [String] { state.objects.keys.sorted() }

  func stop() async {
    running.cancel()
    await running.value
  }
}

extension KubernetesServer {
  /// A client of this server, over a relay if one is given.
  func client(over relay: CuttableRelay? = nil, _ settings: KubernetesClient.Settings = .init()) throws
    -> KubernetesClient
  {
    KubernetesClient(
      access: try .kubeconfig(path: try kubeconfig(port: relay?.port)), userAgent: "test/1", settings: settings,
      logger: Logger(label: "test"))
  }
}
