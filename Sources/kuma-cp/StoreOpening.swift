import Foundation
import Logging
import MeshModel
import MeshStore
import MeshStorePostgres
import MeshStoreSQL
import ServiceLifecycle
import Systemd

/// The open store of a control plane.
struct OpenedStore {
  var store: any ResourceStore
  /// The store's connection to other control planes, if several use it.
  var shared: (any SharedStore)?
  /// The bounds of the store; `nil` in a cluster, where the API server has its own.
  var bounded: BoundedStore?
  /// The services that close the store, and that count what it holds.
  var services: [any Service]
  /// What of the store has to answer while the program is well. A database or a cluster that is away does not count.
  var parts: [Watchdog.Part] = []
  /// The cluster whose objects are the resources, if that is so.
  var cluster: ClusterConnection?
  /// The id of the store's content. It survives restarts and is the same for all control planes that share the store. Empty
  /// until it is known.
  var clusterID: @Sendable () -> String

  /// Opens the configured store. Waits for a database that cannot be reached.
  ///
  /// - Throws: an error whose description says what is wrong and how to fix it.
  static func open(
    _ configuration: ControlPlaneConfiguration, in directory: URL, instance: String, logger: Logger
  ) async throws -> OpenedStore {
    var opened = try await openUnbounded(configuration, in: directory, instance: instance, logger: logger)
    guard opened.cluster == nil else { return opened }
    let bounded = BoundedStore(opened.store, limits: configuration.limits.store)
    opened.store = bounded
    opened.bounded = bounded
    opened.services.append(FollowingService { await bounded.follow() })
    return opened
  }

  private static func openUnbounded(
    _ configuration: ControlPlaneConfiguration, in directory: URL, instance: String, logger: Logger
  ) async throws -> OpenedStore {
    switch configuration.store {
    case .memory:
      let id = try ControlPlaneIdentity.cluster(in: nil)
      return OpenedStore(store: MemoryStore(), services: [], clusterID: { id })
    case .sqlite:
      let store = try SQLiteStore(
        path: directory.appending(path: "kuma.db").path(percentEncoded: false),
        report: { logWriting("resources", $0, logger) })
      let id = try ControlPlaneIdentity.cluster(in: directory)
      return OpenedStore(
        store: store, services: [ClosingService { try store.close() }],
        parts: [.task("store of resources") { await store.turn() }], clusterID: { id })
    case .postgres:
      let store = try await PostgresStore.open(
        configuration.postgres, instance: instance, observer: { log($0, logger) })
      return OpenedStore(
        store: store, shared: store, services: [ClosingService { await store.close() }],
        clusterID: { store.clusterID })
    case .kubernetes:
      let cluster = try ClusterConnection.open(configuration.kubernetes, instance: instance, logger: logger)
      return OpenedStore(
        store: cluster.store, shared: cluster.store, services: cluster.services, cluster: cluster,
        clusterID: { [identity = cluster.identity] in identity.value })
    }
  }

  /// Logs that writes to a store begin to fail, or succeed again.
  static func logWriting(_ content: String, _ trouble: String?, _ logger: Logger) {
    if let trouble {
      logger.error("\(content) cannot be stored: writes are refused", metadata: ["error": "\(trouble)"])
    } else {
      logger.info("\(content) are stored again")
    }
  }

  private static func log(_ event: PostgresStore.Event, _ logger: Logger) {
    switch event {
    case .connected: logger.info("the database is connected and its content is loaded")
    case .lost(let message):
      logger.warning(
        "the connection to the database was lost; proxies keep their configuration, writes are refused",
        metadata: ["error": "\(message)"])
    case .unreachable(let message, let wait):
      let seconds = wait / .seconds(1)
      logger.warning(
        "the database cannot be reached",
        metadata: ["error": "\(message)", "retry": "in \(String(format: "%.1f", seconds)) s"])
    case .unreadable(let message):
      logger.error("an entry of the database is not valid and is ignored", metadata: ["error": "\(message)"])
    }
  }
}

extension ResourceStore {
  /// Creates the mesh "default", which documentation and tools assume, in a new store. If several control planes start on the
  /// store at once, one of them creates it.
  func createFirstMesh(logger: Logger) async throws(StoreError) {
    guard try await list(.mesh, mesh: nil).isEmpty else { return }
    do throws(StoreError) {
      _ = try await put(Resource(name: "default", spec: .mesh(Mesh())), if: .absent)
      logger.info("mesh created", metadata: ["mesh": "default"])
    } catch {
      guard error.code == .conflict else { throw error }
    }
  }
}

/// Cancels a start that waits for something when the program is asked to end.
enum StartInterruption {
  /// Runs the start.
  ///
  /// - Returns: the result of the start, or `nil` if the request to end came first. A start that is complete all the same is run:
  ///   ``Pipeline/run(until:manager:orBy:)`` ends it in order.
  static func run<Value: Sendable>(
    until request: EndRequest, _ start: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await start() }
      group.addTask {
        if await request.wait() { return nil }
        // Cancels the start.
        throw CancellationError()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}
