import Foundation
import Logging
import MeshModel
import MeshStore
import MeshStorePostgres
import MeshStoreSQL
import ServiceLifecycle
import UnixSignals

/// The store of a control plane, opened.
struct OpenedStore {
  /// The store.
  var store: any ResourceStore
  /// What the store tells of other control planes, where several use it.
  var shared: (any SharedStore)?
  /// What closes it.
  var services: [any Service]
  /// Identifies the store's content, over restarts and for all that share it.
  var clusterID: String

  /// Opens the store of the settings; a database that cannot be reached is waited for.
  ///
  /// - Throws: an error whose description says what is wrong and what to do.
  static func open(
    _ configuration: ControlPlaneConfiguration, in directory: URL, instance: String, logger: Logger
  ) async throws -> OpenedStore {
    switch configuration.store {
    case .memory:
      return OpenedStore(
        store: MemoryStore(), services: [], clusterID: try ControlPlaneIdentity.cluster(in: nil))
    case .sqlite:
      let store = try SQLiteStore(
        path: directory.appending(path: "kuma.db").path(percentEncoded: false),
        report: { logWriting("resources", $0, logger) })
      return OpenedStore(
        store: store, services: [ClosingService { try store.close() }],
        clusterID: try ControlPlaneIdentity.cluster(in: directory))
    case .postgres:
      let store = try await PostgresStore.open(
        configuration.postgres, instance: instance, observer: { log($0, logger) })
      return OpenedStore(
        store: store, shared: store, services: [ClosingService { await store.close() }], clusterID: store.clusterID)
    }
  }

  /// Says that a store's writes begin to fail, or succeed again.
  static func logWriting(_ content: String, _ trouble: String?, _ logger: Logger) {
    if let trouble {
      logger.error("\(content) cannot be stored: writes are refused", metadata: ["error": "\(trouble)"])
    } else {
      logger.info("\(content) are stored again")
    }
  }

  private static func log(_ event: PostgresStore.Event, _ logger: Logger) {
    switch event {
    case .connected: logger.info("the database is connected and everything in it is known")
    case .lost(let message):
      logger.warning(
        "the database was lost; proxies keep their configuration, writes are refused", metadata: ["error": "\(message)"]
      )
    case .unreachable(let message, let wait):
      let seconds = wait / .seconds(1)
      logger.warning(
        "the database cannot be reached",
        metadata: ["error": "\(message)", "retry": "in \(String(format: "%.1f", seconds)) s"])
    case .unreadable(let message):
      logger.error("an entry of the database is left out", metadata: ["error": "\(message)"])
    }
  }

  /// A new store gets the mesh that documentation and defaults of all tools speak of. Of several control planes that start
  /// on it at once, one makes it.
  func createFirstMesh(logger: Logger) async throws(StoreError) {
    guard try await store.list(.mesh, mesh: nil).isEmpty else { return }
    do throws(StoreError) {
      _ = try await store.put(Resource(name: "default", spec: .mesh(Mesh())), if: .absent)
      logger.info("mesh created", metadata: ["mesh": "default"])
    } catch {
      guard error.code == .conflict else { throw error }
    }
  }
}

/// Ends a start that waits for something when the process is asked to end. Also where it is process 1 of a container, whose
/// signals have no effect unless they are listened to.
enum StartInterruption {
  /// Runs the start.
  ///
  /// - Returns: what it returns, or `nil` when a signal came first.
  static func run<Value: Sendable>(_ start: @escaping @Sendable () async throws -> Value) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await start() }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return nil }
        // Cancelled: the start is over.
        throw CancellationError()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}
