import GRDB
import TraceModel

/// The segments and blocks on the disk, the oldest first. Blocks are newer than segments, and their spans are also in memory.
struct Manifest: Sendable {
  var segments: [Segment] = []
  private(set) var blocks: [SpanBlock] = []
  /// Spans and bytes of the blocks.
  private(set) var blockSpans = 0
  private(set) var blockBytes = 0
  private(set) var spanCount = 0
  var nextBlock: Int64 = 1
  var nextSegment: Int64 = 1
  var isCompacting = false
  /// The error of the last compaction; nil if it succeeded.
  var compactionFailure: CollectorError?
  /// The id of the last block that is being compacted or deleted. No other block may be merged into it.
  private var pinned: Int64 = 0

  init() {}

  /// Reads the segments. The caller appends the blocks.
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

  /// A copy whose blocks stay as they are: later blocks are not merged into them.
  mutating func pinnedCopy() -> Manifest {
    pinned = blocks.last?.id ?? pinned
    return self
  }

  /// Replaces the first blocks by the segment that was made of them.
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

  // MARK: Receive times

  /// When the newest span was received, in milliseconds since 1970.
  var lastReceived: Int64? { blocks.last?.received ?? segments.last?.received }

  /// The time of the oldest span, or when the oldest spans were received if that is earlier, in milliseconds since 1970.
  var oldestTime: Int64? {
    segments.first.map { min($0.firstTime, $0.received) } ?? blocks.first.map { min($0.firstTime, $0.received) }
  }

  func hasReceived(after time: Int64) -> Bool {
    segments.contains { $0.received > time } || blocks.contains { $0.received > time }
  }

  /// Corrects receive times.
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
