import Foundation
import GRDB
import Synchronization

/// A segment: spans of many blocks, compacted. The object has the content of a row of the table `segment`.
///
/// The rest is in blobs, rows of the table `piece` that are read one by one: chunks of traces in the order of their ids, pages of
/// ``PostingList``s in the order of their terms, a ``TraceIndex``, the names and the calls.
final class Segment: Sendable {
  /// The kinds of blobs. A blob's id is the segment's id, followed by the kind plus a number in 24 bits.
  enum Part {
    static let traceIndex: Int64 = 0
    static let calls: Int64 = 1
    static let names: Int64 = 2
    static let firstPage: Int64 = 0x10_0000
    static let firstChunk: Int64 = 0x20_0000
  }

  let id: Int64
  /// The number of spans.
  let count: Int
  /// When the newest of its spans was received, in milliseconds since 1970.
  var received: Int64 {
    get { receivedTime.load(ordering: .relaxed) }
    set { receivedTime.store(newValue, ordering: .relaxed) }
  }
  private let receivedTime: Atomic<Int64>
  /// The earliest and the latest time of its spans, in milliseconds since 1970.
  let firstTime: Int64
  let lastTime: Int64
  /// Contains the traces and terms of the segment.
  let filter: SegmentFilter
  /// The first trace of each chunk.
  let chunks: [UInt64]
  /// The first term of each page.
  let pages: [UInt32]

  static let version: UInt8 = 1
  /// How many segments before and after this one are searched for other spans of its traces.
  static let reach = 8

  init(
    id: Int64, count: Int, received: Int64, times: (first: Int64, last: Int64), filter: SegmentFilter,
    chunks: [UInt64], pages: [UInt32]
  ) {
    self.id = id
    self.count = count
    receivedTime = Atomic(received)
    firstTime = times.first
    lastTime = times.last
    self.filter = filter
    self.chunks = chunks
    self.pages = pages
  }

  /// Reads a row: `id, spans, received, first_time, last_time, head`.
  convenience init(_ row: Row) throws {
    let numbers = (0..<5).compactMap { Int64.fromDatabaseValue(row[$0]) }
    let head: (SegmentFilter, [UInt64], [UInt32])? = try row.withUnsafeData(atIndex: 5) { data in
      try data?.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        _ = try reader.version(.segment, known: Self.version...Self.version)
        let head = (SegmentFilter(words: reader.fixed32s()), reader.fixed64s(), reader.fixed32s())
        return reader.isDamaged ? nil : head
      }
    }
    guard numbers.count == 5, let head else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a segment's head is damaged")
    }
    self.init(
      id: numbers[0], count: Int(clamping: numbers[1]), received: numbers[2], times: (numbers[3], numbers[4]),
      filter: head.0, chunks: head.1, pages: head.2)
  }

  /// The id of a blob, by its kind and its number.
  func blob(_ part: Int64, _ number: Int = 0) -> Int64 { id << 24 | (part + Int64(number)) }

  func mayContain(trace low: UInt64) -> Bool { filter.mayContain(SegmentFilter.key(trace: low)) }

  func mayContain(term: UInt32) -> Bool { filter.mayContain(SegmentFilter.key(term: term)) }

  /// Calls a function with the bytes of a blob. Returns nil if the blob has been deleted.
  func read<Value>(_ blob: Int64, _ database: Database, _ body: (UnsafeRawBufferPointer) throws -> Value?) throws
    -> Value?
  {
    let statement = try database.cachedStatement(sql: "SELECT data FROM piece WHERE id = ?")
    let rows = try Row.fetchCursor(statement, arguments: [blob])
    // The row is valid only as long as the cursor.
    return try withExtendedLifetime(rows) {
      guard let row = try rows.next() else { return nil }
      return try row.withUnsafeData(atIndex: 0) { data in try data?.withUnsafeBytes { try body($0) } }
    }
  }

  /// The records of a trace, in the order of arrival.
  func records(
    of low: UInt64, limit: Int, _ chunkReader: ChunkReader, _ database: Database,
    _ record: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard mayContain(trace: low) else { return }
    let next = firstIndex(in: chunks, above: low)
    guard next > 0 else { return }
    try chunkReader.withChunk(next - 1, of: self, database) {
      try SegmentChunk.records(of: low, in: $0, limit: limit, record)
    }
  }

  /// The rows that have a term, in order.
  func rows(of term: UInt32, _ database: Database) throws -> [UInt32] {
    guard mayContain(term: term) else { return [] }
    let next = firstIndex(in: pages, above: term)
    guard next > 0 else { return [] }
    return try read(blob(Part.firstPage, next - 1), database) { PostingList.rows(of: term, in: $0) } ?? []
  }
}

/// The index of the first element in a sorted list that is larger than a value; the count if there is none.
package func firstIndex<Element: Comparable>(in elements: [Element], above element: Element) -> Int {
  var low = 0
  var high = elements.count
  while low < high {
    let middle = (low + high) / 2
    if elements[middle] > element { high = middle } else { low = middle + 1 }
  }
  return low
}
