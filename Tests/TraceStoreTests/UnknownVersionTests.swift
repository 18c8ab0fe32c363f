import Foundation
import GRDB
import Synchronization
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// A part of a version that this program does not know is an error that names it: a trace is never missing in silence.
@Suite struct UnknownVersionTests {
  /// Where a part is in the file.
  enum Place: String, CaseIterable {
    case block = "SELECT data FROM block"
    case head = "SELECT head FROM segment"
    case traceIndex = "SELECT data FROM piece WHERE id = 0x1000000"
    case calls = "SELECT data FROM piece WHERE id = 0x1000001"
    case names = "SELECT data FROM piece WHERE id = 0x1000002"
    case chunk = "SELECT data FROM piece WHERE id = 0x1200000"

    var update: String {
      let words = rawValue.split(separator: " ")
      return "UPDATE \(words[3]) SET \(words[1]) = ? " + words.dropFirst(4).joined(separator: " ")
    }
  }

  private static let spans = SampleSpans.spans(30, seed: 1)

  /// A database with a segment and a block, in which one blob was changed.
  private static func database(
    _ place: Place, _ change: @escaping @Sendable (inout [UInt8]) throws -> Void
  ) async throws -> TestStore {
    let test = try TestStore { $0.segmentSpans = 40 }
    try await test.store.add(Array(spans.prefix(45)))
    await test.store.maintained {}
    try await test.store.add(Array(spans[45..<50]))
    try test.store.close()
    let database = try DatabaseQueue(path: test.path)
    try await database.write { database in
      #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM block") == 1)
      var bytes = try Array(#require(try Data.fetchOne(database, sql: place.rawValue)))
      try change(&bytes)
      try database.execute(sql: place.update, arguments: [Data(bytes)])
      #expect(database.changesCount == 1)
    }
    try database.close()
    return test
  }

  /// What the store says when it is opened, or else when all that it holds is asked for.
  private static func failure(_ test: TestStore) async throws -> String {
    let store: SegmentStore
    do {
      store = try SegmentStore(path: test.path, settings: test.settings)
    } catch {
      return error.message
    }
    defer { try? store.close() }
    do {
      _ = try await store.search(SampleSpans.everything)
      for span in spans { _ = try await store.trace(span.traceID) }
      _ = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
    } catch {
      return error.message
    }
    return ""
  }

  @Test(
    "Each part with a version of its own",
    arguments: [
      (Place.block, "a block", "version 1"), (.head, "a segment", "version 1"),
      (.traceIndex, "a trace index", "versions 1 to 2"), (.calls, "a list of calls", "version 1"),
      (.names, "a list of names", "version 1"), (.chunk, "a chunk", "versions 0 to 1"),
    ])
  func parts(place: Place, name: String, known: String) async throws {
    let test = try await Self.database(place) { $0[0] = 9 }
    let words =
      "\(name) has version 9, and this program knows \(known); a newer program wrote it, or it is damaged: "
      + "start the newer program, or move the file away to start with an empty one"
    #expect(try await Self.failure(test) == "the trace store \(test.path) cannot be read: \(words)")
  }

  @Test("A record, in a block and in a chunk", arguments: [Place.block, .chunk])
  func records(place: Place) async throws {
    let test = try await Self.database(place) { bytes in
      if place == .chunk { bytes = try [0] + #require(try bytes.withUnsafeBytes { try SegmentChunk.unpacked($0) }) }
      let record = bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        _ = reader.byte()
        if place == .chunk {
          let _: UInt64 = reader.fixed()
          _ = reader.number()
          _ = reader.number()
        } else {
          let count = reader.count()
          _ = reader.slice(8 * count)
          for _ in 0..<count { _ = reader.number() }
        }
        return reader.position
      }
      #expect(bytes[record] == 1)
      bytes[record] = 9
    }
    let words = "the record of a span has version 9, and this program knows version 1;"
    #expect(try await Self.failure(test).contains(words))
  }

  @Test(
    "The store does not open if a block or a list of names ends too early", arguments: [Place.block, .names])
  func damage(place: Place) async throws {
    let test = try await Self.database(place) { $0.removeLast() }
    let error = #expect(throws: CollectorError.self) { try SegmentStore(path: test.path, settings: test.settings) }
    let words = "it is damaged or not a database; move it away to start with an empty one"
    #expect(error?.message == "the trace store \(test.path) cannot be read: \(words)")
  }

  @Test("Senders are told of an unknown version that compaction meets, once there is no more room for blocks")
  func compaction() async throws {
    let test = try await Self.database(.chunk) { $0[0] = 9 }
    let store = try SegmentStore(path: test.path, settings: test.settings)
    defer { try? store.close() }
    var message = ""
    for _ in 0..<100 where message.isEmpty {
      do { try await store.add(Array(Self.spans.prefix(45))) } catch { message = error.message }
      await store.maintained {}
    }
    #expect(message.contains("cannot be compacted: a chunk has version 9, and this program knows versions 0 to 1;"))
  }
}
