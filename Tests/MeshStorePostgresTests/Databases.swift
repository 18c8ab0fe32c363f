import MeshModel
import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Synchronization
import Testing

@testable import MeshStorePostgres

extension PostgresServer {
  /// How to reach a database over TCP with the password, and to come back soon.
  func configuration(_ database: String) -> PostgresConfiguration {
    PostgresConfiguration(
      host: "127.0.0.1", port: port, user: Self.user, password: Self.password, database: database,
      connectionTimeout: .seconds(30),
      minimumReconnectInterval: .milliseconds(20), maximumReconnectInterval: .milliseconds(200))
  }
}

/// What a store has told its observer.
final class Events: Sendable {
  private let events = Mutex<[PostgresStore.Event]>([])

  func note(_ event: PostgresStore.Event) { events.withLock { $0.append(event) } }
  var all: [PostgresStore.Event] { events.withLock { $0 } }
  var connections: Int { all.count { if case .connected = $0 { true } else { false } } }
}

/// Opens stores and closes them when the test is over.
func withStores(
  _ server: PostgresServer, _ database: String, count: Int = 2, memory: Int64 = 10_000, events: Events = Events(),
  _ body: ([PostgresStore]) async throws -> Void
) async throws {
  var stores: [PostgresStore] = []
  for number in 0..<count {
    stores.append(
      try await PostgresStore.open(
        server.configuration(database), instance: "cp-\(number)", clock: StoreClock.wallClock, memory: memory,
        observer: events.note))
  }
  var failure: (any Error)?
  do { try await body(stores) } catch { failure = error }
  for store in stores { await store.close() }
  if let failure { throw failure }
}

/// Follows a store from now on, and folds what it tells.
final class Reader: Sendable {
  private let state = Mutex<[ResourceKey: Resource]>([:])
  private let wholes = Mutex(0)
  private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

  init(_ store: some ResourceStore) {
    let changes = store.changes()
    let started = Task {
      for await element in changes {
        state.withLock { state in
          if element.isWholeState { state = [:] }
          for key in element.deleted { state[key] = nil }
          for resource in element.written { state[resource.key] = resource }
        }
        if element.isWholeState { wholes.withLock { $0 += 1 } }
      }
    }
    task.withLock { $0 = started }
  }

  var resources: [ResourceKey: Resource] { state.withLock { $0 } }
  /// How often it was told everything: once, unless its subscription broke.
  var wholeStates: Int { wholes.withLock { $0 } }
}

func expectUnavailable(
  _ words: [String], sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
  await MeshTestSupport.expectUnavailable(
    words, without: PostgresServer.password, sourceLocation: sourceLocation, body)
}
