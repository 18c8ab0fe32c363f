import GRDB
import Synchronization
import TraceModel

/// Spans on their way to the disk.
struct SpanBatch: Sendable {
  var entries: [SpanEntry] = []
  /// Their records, one after the other.
  var records = ByteWriter()
  /// What they are found by, one span's after the other's.
  var terms: [UInt32] = []
  /// The spans that have tags whose values are offered for autocompletion.
  var completing: Set<Int> = []

  var count: Int { entries.count }

  func records(at index: Int) -> Range<Int> {
    (index > 0 ? entries[index - 1].recordEnd : 0)..<entries[index].recordEnd
  }

  func terms(at index: Int) -> Range<Int> { (index > 0 ? entries[index - 1].termEnd : 0)..<entries[index].termEnd }

  /// The span with a number; if it need not be whole, without annotations and tags.
  func span(at index: Int, texts: TextList, isWhole: Bool = true) -> Span? {
    records.bytes.withUnsafeBytes { bytes in
      // Its records are of this program.
      try? SpanRecord.decode(
        UnsafeRawBufferPointer(rebasing: bytes[records(at: index)]), low: entries[index].traceID.low, texts: texts,
        isWhole: isWhole)?
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

/// The spans of one commit: a row of the table `block`, and in memory what is needed to find them.
///
/// Layout: the version 1; how many spans there are; the low half of each one's trace id in 8 bytes; the length of each
/// record; the records.
final class SpanBlock: Sendable {
  let id: Int64
  let batch: SpanBatch
  /// When the last of its spans came, in milliseconds since 1970.
  var received: Int64 {
    get { receivedTime.load(ordering: .relaxed) }
    set { receivedTime.store(newValue, ordering: .relaxed) }
  }
  private let receivedTime: Atomic<Int64>

  /// The low half of each span's trace id: what is looked through for a trace.
  let traces: [UInt64]
  /// The first and the last time under which its spans are found, in milliseconds since 1970.
  let firstTime: Int64
  let lastTime: Int64
  /// The traces that it has.
  private let filter: SegmentFilter

  private static let version: UInt8 = 1
  /// Up to how many spans neighbours are put together in memory.
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
      // A trace's spans mostly come together.
      if known != entry.traceID.low { filter.insert(SegmentFilter.key(trace: entry.traceID.low)) }
      known = entry.traceID.low
    }
    (self.filter, firstTime, lastTime) = (filter, first, last)
  }

  func mayContain(trace low: UInt64) -> Bool { filter.mayContain(SegmentFilter.key(trace: low)) }

  var count: Int { batch.count }

  /// The block together with the next one; nil if they are better looked through one by one.
  func joined(with next: SpanBlock) -> SpanBlock? {
    guard count <= next.count, count + next.count <= Self.smallCount, next.received &- received <= 1_000 else {
      return nil
    }
    var whole = batch
    whole.append(next.batch)
    return SpanBlock(id: next.id, batch: whole, received: next.received)
  }

  /// The span with a number.
  func span(at index: Int, texts: TextList) -> Span? { batch.span(at: index, texts: texts) }

  /// Bytes in memory, about.
  var size: Int {
    batch.records.bytes.count + batch.terms.count * 4 + batch.count * MemoryLayout<SpanEntry>.stride
  }

  static func encode(_ batch: SpanBatch) -> [UInt8] {
    encode((0..<batch.count).map { (batch.entries[$0].traceID.low, batch.records(at: $0).count) }, batch.records.bytes)
  }

  /// A row of records that stand one after the other, each with the low half of its trace's id and its length.
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

  /// Decodes a row: each span and when it came.
  ///
  /// - Throws: ``UnknownVersion``, and SQLite's error for a damaged database: nothing is lost in silence.
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
