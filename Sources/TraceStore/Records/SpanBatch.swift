import GRDB
import Synchronization
import TraceModel

/// Encoded spans that wait to be stored.
struct SpanBatch: Sendable {
  var entries: [SpanEntry] = []
  /// The records of all spans, concatenated.
  var records = ByteWriter()
  /// The terms of all spans, concatenated.
  var terms: [UInt32] = []
  /// The spans that have tags whose values are offered for autocompletion.
  var completing: Set<Int> = []
  /// What was hidden in the spans.
  var hidden = HiddenValues()

  var count: Int { entries.count }

  func records(at index: Int) -> Range<Int> {
    (index > 0 ? entries[index - 1].recordEnd : 0)..<entries[index].recordEnd
  }

  func terms(at index: Int) -> Range<Int> { (index > 0 ? entries[index - 1].termEnd : 0)..<entries[index].termEnd }

  /// A span, with some or all of its annotations and tags.
  func span(at index: Int, texts: TextList, _ part: SpanRecord.Part = .all) -> Span? {
    records.bytes.withUnsafeBytes { bytes in
      // This program encoded the records, so they are valid.
      try? SpanRecord.decode(
        UnsafeRawBufferPointer(rebasing: bytes[records(at: index)]), low: entries[index].traceID.low, texts: texts,
        part)?
        .span
    }
  }

  /// Adds the spans of another batch.
  mutating func append(_ other: SpanBatch) {
    guard !entries.isEmpty else {
      self = other
      return
    }
    let (count, recordsEnd, termsEnd) = (entries.count, records.bytes.count, terms.count)
    records.bytes.append(contentsOf: other.records.bytes)
    terms.append(contentsOf: other.terms)
    for index in other.completing { completing.insert(count + index) }
    entries.append(contentsOf: other.entries)
    for index in count..<entries.count {
      entries[index].recordEnd += recordsEnd
      entries[index].termEnd += termsEnd
    }
  }
}

/// The spans of one commit: a row of the table `block`, with an index in memory.
///
/// Layout: the version 1; the number of spans; the low half of each span's trace id in 8 bytes; the length of each record; the
/// records.
final class SpanBlock: Sendable {
  let id: Int64
  let batch: SpanBatch
  /// When the newest of its spans was received, in milliseconds since 1970.
  var received: Int64 {
    get { receivedTime.load(ordering: .relaxed) }
    set { receivedTime.store(newValue, ordering: .relaxed) }
  }
  private let receivedTime: Atomic<Int64>

  /// The low half of each span's trace id. Lookups of a trace scan it.
  let traces: [UInt64]
  /// The earliest and the latest time of its spans, in milliseconds since 1970.
  let firstTime: Int64
  let lastTime: Int64
  /// Contains the traces of the block.
  private let filter: SegmentFilter

  private static let version: UInt8 = 1
  /// Blocks that follow each other are merged in memory up to this number of spans.
  private static let smallCount = 80

  init(id: Int64, batch: SpanBatch, received: Int64) {
    self.id = id
    self.batch = batch
    receivedTime = Atomic(received)
    traces = batch.entries.map(\.traceID.low)
    var filter = SegmentFilter(capacity: traces.count)
    var (first, last) = (Int64.max, Int64.min)
    var known: UInt64?
    for entry in batch.entries {
      first = min(first, entry.time)
      last = max(last, entry.time)
      // The spans of a trace mostly follow each other.
      if known != entry.traceID.low { filter.insert(SegmentFilter.key(trace: entry.traceID.low)) }
      known = entry.traceID.low
    }
    (self.filter, firstTime, lastTime) = (filter, first, last)
  }

  func mayContain(trace low: UInt64) -> Bool { filter.mayContain(SegmentFilter.key(trace: low)) }

  var count: Int { batch.count }

  /// The block merged with the next one; nil if they are too large or too far apart in time.
  func joined(with next: SpanBlock) -> SpanBlock? {
    guard count <= next.count, count + next.count <= Self.smallCount, next.received &- received <= 1_000 else {
      return nil
    }
    var whole = batch
    whole.append(next.batch)
    return SpanBlock(id: next.id, batch: whole, received: next.received)
  }

  func span(at index: Int, texts: TextList, _ part: SpanRecord.Part = .all) -> Span? {
    batch.span(at: index, texts: texts, part)
  }

  /// About how many bytes of memory the block takes.
  var size: Int {
    batch.records.bytes.count + batch.terms.count * 4 + batch.count * MemoryLayout<SpanEntry>.stride
  }

  static func encode(_ batch: SpanBatch) -> [UInt8] {
    encode((0..<batch.count).map { (batch.entries[$0].traceID.low, batch.records(at: $0).count) }, batch.records.bytes)
  }

  /// A row of concatenated records. Each has the low half of its trace's id and its length.
  static func encode(_ spans: [(low: UInt64, length: Int)], _ records: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.bytes.reserveCapacity(records.count + spans.count * 10 + 8)
    writer.bytes.append(version)
    writer.number(spans.count)
    for span in spans { writer.fixed(span.low) }
    for span in spans { writer.number(span.length) }
    writer.bytes.append(contentsOf: records)
    return writer.bytes
  }

  /// Decodes a row: each span, and when it was received.
  ///
  /// - Throws: ``UnknownVersion``, or SQLite's error for a damaged database, so that no loss is silent.
  static func decode(_ bytes: UnsafeRawBufferPointer, texts: TextList) throws -> [(span: Span, received: Int64)] {
    var reader = ByteReader(bytes)
    _ = try reader.version(.block, known: version...version)
    let count = reader.count(ofSize: 9)
    let lows: [UInt64] = (0..<count).map { _ in reader.fixed() }
    let lengths = (0..<count).map { _ in Int(clamping: reader.number()) }
    var spans: [(span: Span, received: Int64)] = []
    spans.reserveCapacity(count)
    for (low, length) in zip(lows, lengths) {
      guard let span = try SpanRecord.decode(reader.slice(length), low: low, texts: texts) else {
        throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the record of a span is damaged")
      }
      spans.append(span)
    }
    if reader.isDamaged { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a block is damaged") }
    return spans
  }
}
