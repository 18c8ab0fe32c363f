import Documents
import KubernetesAPI
import KubernetesTestSupport
import Logging
import OrderedCollections
import Synchronization
import TestSupport

@testable import KubernetesAPI

/// A replica on a real API server, with what an owner makes of its updates. It ends when it is released, also by a test that
/// fails.
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

  deinit { running.cancel() }

  // MARK: Comparing

  /// Waits until the owner holds what the API server lists.
  ///
  /// - Throws: ``Behind``, with what differs.
  func catchesUp(with list: () async throws -> [KubernetesObject]) async throws {
    var difference = ""
    do {
      try await eventually("what the API server lists") {
        difference = Self.difference(of: state.objects, from: try await list())
        return difference.isEmpty
      }
    } catch let error as NotInTime {
      throw Behind(description: "\(error): \(difference)")
    }
  }

  struct Behind: Error, CustomStringConvertible {
    let description: String
  }

  /// How objects differ from a list of the API server; empty when they do not.
  static func difference(of objects: [String: KubernetesObject], from list: [KubernetesObject]) -> String {
    let listed = Dictionary(list.map { ($0.name, $0) }) { first, _ in first }
    return Set(objects.keys).union(listed.keys).sorted().compactMap { name -> String? in
      switch (objects[name], listed[name]) {
      case (nil, let object?): return "\(name) of version \(object.resourceVersion) is missing"
      case (let object?, nil): return "\(name) of version \(object.resourceVersion) is there no more"
      case (let object?, let wanted?) where object.resourceVersion != wanted.resourceVersion:
        return "\(name) has the version \(object.resourceVersion), not \(wanted.resourceVersion)"
      case (let object?, let wanted?) where object != wanted:
        let (text, other) = (DocumentValue.object(object.document).json(), DocumentValue.object(wanted.document).json())
        return "\(name) of version \(object.resourceVersion) is \(text), not \(other)"
      default: return nil
      }
    }.joined(separator: "; ")
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
