import GRDB
import TraceModel

/// What is on the disk, the oldest first: segments, and behind them blocks, of which all is in memory too.
struct Manifest: Sendable {
  var segments: [Segment] = []
  private(set) var blocks: [SpanBlock] = []
  /// Spans and bytes of the blocks.
  private(set) var blockSpans = 0
  private(set) var blockBytes = 0
  /// How many spans there are.
  private(set) var spanCount = 0
  var nextBlock: Int64 = 1
  var nextSegment: Int64 = 1
  /// Whether compaction runs.
  var isCompacting = false
  /// Why the last compaction failed; nil if it did not.
  var compactionFailure: CollectorError?
  /// The last of the blocks that are being compacted or removed: none is joined to it.
  private var pinned: Int64 = 0

  init() {}

  /// Reads the segments. The blocks are added one by one.
  init(_ database: Database) throws {
    let rows = try Row.fetchCursor(
      database, sql: "SELECT id, spans, received, first_time, last_time, head FROM segment ORDER BY id")
    while let row = try rows.next() { segments.append(try Segment(row)) }
    spanCount = segments.reduce(0) { $0 + $1.count }
    nextSegment = (segments.last?.id ?? 0) + 1
    nextBlock = (try Int64.fetchOne(database, sql: "SELECT max(id) FROM block") ?? 0) + 1
  }

  mutating func append(_ block: SpanBlock) {
    blockSpans += block.count
    blockBytes += block.size
    spanCount += block.count
    nextBlock = max(nextBlock, block.id + 1)
    if let last = blocks.last, last.id > pinned, let joined = last.joined(with: block) {
      blocks[blocks.count - 1] = joined
    } else {
      blocks.append(block)
    }
  }

  /// What is there, of which no block will be joined with one to come.
  mutating func pinnedCopy() -> Manifest {
    pinned = blocks.last?.id ?? pinned
    return self
  }

  /// Puts a segment in the place of its blocks.
  mutating func replace(_ first: Int, with segment: Segment) {
    removeBlocks(first)
    segments.append(segment)
    spanCount += segment.count
    nextSegment = max(nextSegment, segment.id + 1)
  }

  mutating func removeBlocks(_ first: Int) {
    for block in blocks.prefix(first) {
      blockSpans -= block.count
      blockBytes -= block.size
      spanCount -= block.count
    }
    blocks.removeFirst(min(first, blocks.count))
  }

  // MARK: When spans came

  /// When the newest of all spans came, in milliseconds since 1970.
  var lastReceived: Int64? { blocks.last?.received ?? segments.last?.received }

  func hasReceived(after time: Int64) -> Bool {
    segments.contains { $0.received > time } || blocks.contains { $0.received > time }
  }

  /// Sets right when spans came.
  func moveReceived(_ range: ClosedRange<Int64>, _ moved: (Int64) -> Int64) {
    for segment in segments where range.contains(segment.received) { segment.received = moved(segment.received) }
    for block in blocks where range.contains(block.received) { block.received = moved(block.received) }
  }

  mutating func removeFirstSegment() {
    guard !segments.isEmpty else { return }
    spanCount -= segments.removeFirst().count
  }
}

extension TextTable {
  /// Reads the table `text`.
  convenience init(_ database: Database) throws {
    var texts: [String] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT id, value FROM text ORDER BY id")
    while let row = try rows.next() {
      guard let id = Int.fromDatabaseValue(row[0]), let value = String.fromDatabaseValue(row[1]), id == texts.count
      else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the table of texts has a gap") }
      texts.append(value)
    }
    self.init(texts: texts)
  }
}
