import Foundation
import GRDB
import HTTPService
import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// A collector on a database of its own, removed at the end.
final class TestCollector {
  /// The present of the tests, in milliseconds since 1970.
  static let now = SampleSpans.now

  let directory: URL
  let settings: SegmentStore.Settings
  let store: SegmentStore
  let api: CollectorAPI

  init(_ change: (inout SegmentStore.Settings) -> Void = { _ in }) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "collector-\(UUID().uuidString)")
    var settings = SegmentStore.Settings()
    settings.clock = WallClock { TestCollector.now }
    change(&settings)
    self.settings = settings
    store = try SegmentStore(path: directory.appending(path: "deep/spans.db").path, settings: settings)
    api = CollectorAPI(store: store)
  }

  var path: String { directory.appending(path: "deep/spans.db").path }

  deinit {
    try? store.close()
    try? FileManager.default.removeItem(at: directory)
  }

  func get(_ path: String, fields: [HTTPField.Name: String] = [:]) async -> Reply {
    await send(.get, path, fields: fields)
  }

  func post(_ json: String, fields: [HTTPField.Name: String] = [:]) async -> Reply {
    await post(Array(json.utf8), fields: fields)
  }

  func post(_ body: [UInt8], fields: [HTTPField.Name: String] = [:]) async -> Reply {
    await send(.post, "/api/v2/spans", body, fields: fields)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8] = [], fields: [HTTPField.Name: String] = [:]
  ) async -> Reply {
    await Self.send(to: api, method, path, body, fields: fields)
  }

  /// As ``send(_:_:_:fields:)``, for tasks that must not share the collector.
  static func send(
    to api: CollectorAPI, _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8] = [],
    fields: [HTTPField.Name: String] = [:]
  ) async -> Reply {
    var request = HTTPRequest(method: method, scheme: "http", authority: "127.0.0.1", path: path)
    for (name, value) in fields { request.headerFields[name] = value }
    let (response, body) = await api.respond(to: request, body: body).message(to: request)
    return Reply(status: response.status.code, fields: response.headerFields, body: body)
  }

  /// Opens the store's file again, after closing it.
  func reopened() throws -> SegmentStore {
    try store.close()
    return try SegmentStore(path: path, settings: settings)
  }

  /// Keeps the database's writer busy until the returned semaphore is signalled.
  func holdWriter() -> DispatchSemaphore {
    let release = DispatchSemaphore(value: 0)
    store.file.pool.asyncWriteWithoutTransaction { _ in release.wait() }
    return release
  }

  /// Lets the database grow by some pages only, as if the disk were full then. Gives how many it has.
  func limitPages(more: Int) throws -> Int {
    try store.file.pool.writeWithoutTransaction { database in
      let used = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      try database.execute(sql: "PRAGMA max_page_count = \(used + more)")
      return used
    }
  }

  /// Stores spans; false if the store could not.
  func tryAdd(_ spans: [Span]) async throws -> Bool {
    do {
      try await store.add(spans)
      return true
    } catch  where error.code == .unavailable {
      return false
    }
  }

  /// Stores spans.
  func add(_ spans: Span...) async throws {
    try await store.add(spans)
  }
}

/// An answer of the collector.
struct Reply: Sendable {
  let status: Int
  let fields: HTTPFields
  let body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }

  func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }

  /// The body as JSON, by Foundation's reader: another one than ours.
  func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(body))
  }

  /// The ids of the spans of traces.
  func traces() throws -> [[String]] { try json([[SpanID]].self).map { $0.map(\.id) } }

  struct SpanID: Decodable {
    let id: String
    let traceId: String
  }
}
