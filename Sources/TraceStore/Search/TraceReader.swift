import GRDB
import PrometheusMetrics
import Synchronization
import TraceModel

/// Reads the spans of traces from a snapshot.
struct TraceReader {
  let segments: [Segment]
  let blocks: [SpanBlock]
  private let texts: TextList
  private let limit: Int
  private let chunks: ChunkReader
  private let metrics: CollectorMetrics
  /// The places of each trace's spans in the blocks. Built when many traces are read.
  private var places: [UInt64: [Place]]?
  private var count = 0

  private struct Place {
    let block: Int
    let index: Int
  }

  /// From this number of traces on, building ``places`` is faster than scanning the blocks.
  private static let tableCount = 1_000

  init(_ store: StoreSnapshot) {
    (segments, blocks, texts) = (store.segments, store.blocks, store.texts)
    limit = store.limits.spansPerTrace
    metrics = store.metrics
    chunks = ChunkReader(store.metrics)
  }

  /// The spans whose trace ids have a low half, about in the order of arrival, up to the limit of spans per trace.
  mutating func spans(of low: UInt64, _ database: Database) throws -> [Span] {
    metrics.tracesRead.increment()
    var spans: [Span] = []
    for segment in segments where spans.count < limit {
      try segment.records(of: low, limit: limit - spans.count, chunks, database) { record in
        if let span = try SpanRecord.decode(record, low: low, texts: texts)?.span { spans.append(span) }
      }
    }
    for place in places(of: low).prefix(limit - spans.count) {
      if let span = blocks[place.block].span(at: place.index, texts: texts) { spans.append(span) }
    }
    return spans
  }

  /// The start of a trace in milliseconds since 1970, from trace indexes and blocks. Reads no record.
  ///
  /// - Parameter known: the start of a part of the trace.
  func beginning(of low: UInt64, known: Int64, _ traceIndexes: TraceIndexCache, _ database: Database) throws -> Int64 {
    var beginning = known
    for segment in segments where segment.firstTime < beginning && segment.mayContain(trace: low) {
      guard let time = try traceIndexes.index(of: segment, database)?.firstTime(of: low) else { continue }
      beginning = min(beginning, time)
    }
    for block in blocks where block.firstTime < beginning && block.mayContain(trace: low) {
      for (index, trace) in block.traces.enumerated() where trace == low {
        beginning = min(beginning, block.batch.entries[index].time)
      }
    }
    return beginning
  }

  private mutating func places(of low: UInt64) -> [Place] {
    if let places { return places[low] ?? [] }
    count += 1
    if count > Self.tableCount {
      var table: [UInt64: [Place]] = [:]
      for (number, block) in blocks.enumerated() {
        for (index, trace) in block.traces.enumerated() {
          table[trace, default: []].append(Place(block: number, index: index))
        }
      }
      places = table
      return table[low] ?? []
    }
    var found: [Place] = []
    for (number, block) in blocks.enumerated() where block.mayContain(trace: low) {
      for (index, trace) in block.traces.enumerated() where trace == low {
        found.append(Place(block: number, index: index))
      }
    }
    return found
  }
}

/// A cache of trace indexes, which evicts the least recently used.
final class TraceIndexCache: Sendable {
  /// About 15 MB.
  private static let capacity = 24

  private let content = Mutex<[(id: Int64, traceIndex: TraceIndex)]>([])

  /// The trace index of a segment; nil if it has been deleted or is damaged.
  func index(of segment: Segment, _ database: Database) throws -> TraceIndex? {
    let known = content.withLock { content -> TraceIndex? in
      guard let index = content.firstIndex(where: { $0.id == segment.id }) else { return nil }
      let entry = content.remove(at: index)
      content.append(entry)
      return entry.traceIndex
    }
    if let known { return known }
    let read = try segment.read(segment.blob(Segment.Part.traceIndex), database) {
      try TraceIndex($0, firstTime: segment.firstTime)
    }
    guard let read else { return nil }
    content.withLock { content in
      content.removeAll { $0.id == segment.id }
      content.append((segment.id, read))
      if content.count > Self.capacity { content.removeFirst() }
    }
    return read
  }

  func remove(_ id: Int64) { content.withLock { $0.removeAll { $0.id == id } } }
}
