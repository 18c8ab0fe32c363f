import GRDB
import HeapModule
import Synchronization
import TraceModel

/// Finds the traces that match a query, the newest first.
///
/// The finder opens segments and blocks from new to old, each when the search reaches its time. Each yields candidates: traces that
/// have the leading condition, and also all other conditions or spans elsewhere. Only candidates are read and compared with the
/// query. The leading condition is the same everywhere, so a trace whose spans are spread out is found by any matching part.
///
/// Traces are returned in the order of their starts. A trace may have parts that are much newer than its start, because it lasts long
/// or was sent again with new times. The finder sorts a bounded number of such traces, so the cost of a search depends on its answer.
struct TraceFinder {
  /// How many traces may wait to be read or returned while the finder looks at newer parts of others.
  static let waitingTraces = 256

  private let query: TraceQuery
  private let conditions: SearchConditions
  private let traceIndexes: TraceIndexCache
  private var reader: TraceReader
  /// The condition that selects candidates; nil for all traces of the service.
  private var leading: Int?
  /// Segments and blocks that are not opened yet. The newest is last.
  private var closed: [Segment]
  private var closedBlocks: [SpanBlock]
  private var isBegun = false
  /// The tests for spans of blocks, at most as many as fit into a bit set. Comparing the whole trace checks the other conditions.
  private let tests: [Test]
  /// Parts of traces, by the start of the part.
  private var partHeap = Heap<Candidate>()
  /// Traces, by the start of the whole trace.
  private var traceHeap = Heap<Candidate>()
  private var readCount = 0
  private var seen: Set<UInt64> = []
  /// How many traces the search may read.
  private var scanLimit: Int
  /// Whether the search has stopped because it read ``scanLimit`` traces.
  private(set) var hasReachedLimit = false

  init(_ query: TraceQuery, _ store: StoreSnapshot) {
    self.query = query
    traceIndexes = store.traceIndexes
    let conditions = SearchConditions(query)
    self.conditions = conditions
    scanLimit = store.limits.tracesScannedPerQuery
    reader = TraceReader(store)
    leading = conditions.rarest(reader.segments)
    closed = reader.segments.filter { conditions.mayMatch($0, condition: nil) }.sorted { $0.lastTime < $1.lastTime }
    closedBlocks = reader.blocks.filter { conditions.isNear(first: $0.firstTime, last: $0.lastTime) }
      .sorted { $0.lastTime < $1.lastTime }
    let schemas = store.schemas
    tests = conditions.conditions.prefix(64).map { terms in
      Test(terms: terms, schemas: Set(schemas.indices.filter { schemas[$0].contains { terms.contains($0) } }))
    }
  }

  /// The next trace; nil if there is none, or if the search has read too many.
  mutating func next(_ database: Database) throws -> (start: Int64, spans: [Span])? {
    if !isBegun {
      isBegun = true
      if leading != nil { try chooseLeading(database) }
    }
    while true {
      if traceHeap.count < Self.waitingTraces {
        try openNewer(database)
        if let part = partHeap.max, part.time >= traceHeap.max?.time ?? .min {
          _ = partHeap.popMax()
          guard seen.insert(part.trace).inserted else { continue }
          let beginning = try reader.beginning(of: part.trace, known: part.time, traceIndexes, database)
          traceHeap.insert(Candidate(time: beginning, trace: part.trace))
          continue
        }
      }
      guard let trace = traceHeap.popMax() else { return nil }
      if let spans = trace.spans { return (TraceTimes.timestamp(of: spans) ?? 0, spans) }
      readCount += 1
      guard readCount <= scanLimit else {
        hasReachedLimit = true
        return nil
      }
      for spans in TraceAssembly.traces(try reader.spans(of: trace.trace, database)) where query.matches(spans) {
        let start = TraceTimes.timestamp(of: spans) ?? 0
        traceHeap.insert(Candidate(time: min(start / 1_000, trace.time), trace: trace.trace, spans: spans))
      }
    }
  }

  /// Whether there is another matching trace. Reads a bounded number of candidates; if more are left, the answer is true.
  mutating func hasMore(lookingAt most: Int, _ database: Database) throws -> Bool {
    guard !hasReachedLimit else { return true }
    scanLimit = min(scanLimit, readCount + most)
    return try next(database) != nil || hasReachedLimit
  }

  /// Opens the segments and blocks that may have spans as new as the newest candidate.
  private mutating func openNewer(_ database: Database) throws {
    while true {
      let newest = max(partHeap.max?.time ?? .min, traceHeap.max?.time ?? .min)
      let segment = closed.last?.lastTime ?? .min
      if let block = closedBlocks.last, block.lastTime >= max(newest, segment) {
        closedBlocks.removeLast()
        open(block)
      } else if let last = closed.last, segment >= newest {
        closed.removeLast()
        try open(last, database)
      } else {
        return
      }
    }
  }

  // MARK: Segments

  /// Among the conditions that match the fewest segments, chooses the one with the fewest rows in the newest segment.
  private mutating func chooseLeading(_ database: Database) throws {
    guard conditions.conditions.count > 1, let first = leading,
      let segment = closed.last(where: { conditions.mayMatch($0, condition: first) })
    else { return }
    let fewest = closed.count { conditions.mayMatch($0, condition: first) }
    var best = Int.max
    for condition in conditions.conditions.indices
    where closed.count(where: { conditions.mayMatch($0, condition: condition) }) == fewest {
      let count = try rows(condition, in: segment, database).count
      if count < best {
        best = count
        leading = condition
      }
    }
  }

  /// The rows of a segment that have a condition, in order.
  private func rows(_ condition: Int, in segment: Segment, _ database: Database) throws -> [UInt32] {
    let terms = conditions.conditions[condition]
    if terms.count == 1 { return try segment.rows(of: terms[0], database) }
    var rows: [UInt32] = []
    for term in terms { rows += try segment.rows(of: term, database) }
    return rows.sorted()
  }

  /// Rows that have a condition, without rows in which no span can have a wanted duration.
  private func fitting(_ rows: [UInt32], _ condition: Int, _ traceIndex: TraceIndex) -> [UInt32] {
    guard let lengths = conditions.lengths, lengths.condition == condition else { return rows }
    return rows.filter { row in
      Int(row) < traceIndex.lengthsOfRow.count && traceIndex.lengthsOfRow[Int(row)].mayBe(in: lengths.range)
    }
  }

  private mutating func open(_ segment: Segment, _ database: Database) throws {
    guard conditions.mayMatch(segment, condition: leading) else { return }
    let leadingRows = try leading.map { try rows($0, in: segment, database) }
    // A false positive of the filter. The trace index is large and need not be read.
    guard leadingRows?.isEmpty != true, let traceIndex = try traceIndexes.index(of: segment, database) else { return }
    let service = conditions.service.map { traceIndex.services.firstIndex(of: $0).map { UInt32($0) } ?? .max }
    func traces(_ rows: some Sequence<UInt32>) -> [UInt32] {
      var traces: [UInt32] = []
      for row in rows where Int(row) < traceIndex.traceOfRow.count {
        if let service, traceIndex.serviceOfRow[Int(row)] != service { continue }
        let trace = traceIndex.traceOfRow[Int(row)]
        if traces.last != trace { traces.append(trace) }
      }
      return traces
    }

    var candidates: [UInt32]
    if let leading, let leadingRows {
      candidates = traces(fitting(leadingRows, leading, traceIndex))
    } else {
      candidates =
        service == nil
        ? Array(0..<UInt32(traceIndex.traces.count)) : traces(traceIndex.traceOfRow.indices.lazy.map { UInt32($0) })
    }
    candidates.removeAll { trace in
      let (first, last) = (traceIndex.firstTimes[Int(trace)], traceIndex.lastTimes[Int(trace)])
      if conditions.overlaps(first: first, last: last) { return false }
      return !conditions.isNear(first: first, last: last) || !isElsewhere(traceIndex.traces[Int(trace)], but: segment)
    }
    for condition in conditions.conditions.indices where condition != leading && !candidates.isEmpty {
      let others = traces(fitting(try rows(condition, in: segment, database), condition, traceIndex))
      var position = 0
      candidates.removeAll { trace in
        while position < others.count, others[position] < trace { position += 1 }
        if position < others.count, others[position] == trace { return false }
        return !isElsewhere(traceIndex.traces[Int(trace)], but: segment)
      }
    }
    for trace in candidates {
      partHeap.insert(Candidate(time: traceIndex.firstTimes[Int(trace)], trace: traceIndex.traces[Int(trace)]))
    }
  }

  /// Whether a trace may also have spans in neighbouring segments or in blocks.
  private func isElsewhere(_ trace: UInt64, but segment: Segment) -> Bool {
    guard let index = reader.segments.firstIndex(where: { $0 === segment }) else { return true }
    let near = max(0, index - Segment.reach)..<min(reader.segments.count, index + Segment.reach + 1)
    if near.contains(where: { $0 != index && reader.segments[$0].mayContain(trace: trace) }) { return true }
    return near.upperBound == reader.segments.count && reader.blocks.contains { $0.mayContain(trace: trace) }
  }

  // MARK: Blocks

  /// The test of a span for one condition.
  private struct Test {
    let terms: [UInt32]
    /// The schemas that contain one of the terms.
    let schemas: Set<Int>
  }

  /// The conditions that a trace's spans in a block meet.
  private struct Part {
    var time = Int64.max
    var last = Int64.min
    var conditions: UInt64 = 0

    mutating func add(_ time: Int64, _ conditions: UInt64) {
      self.time = min(self.time, time)
      last = max(last, time)
      self.conditions |= conditions
    }
  }

  private mutating func open(_ block: SpanBlock) {
    let all: UInt64 = tests.count == 64 ? .max : 1 << UInt64(tests.count) - 1
    var parts: [UInt64: Part] = [:]
    let (entries, terms) = (block.batch.entries, block.batch.terms)
    for index in entries.indices {
      let entry = entries[index]
      if let service = conditions.service, entry.service != service { continue }
      let met = met(entry, terms, (index > 0 ? entries[index - 1].termEnd : 0)..<entry.termEnd)
      // The span meets no condition, so the trace is not found by it.
      if met == 0, !tests.isEmpty { continue }
      parts[entry.traceID.low, default: Part()].add(entry.time, met)
    }
    // Other spans of the trace in this block may lie in the searched time.
    if parts.values.contains(where: { !conditions.overlaps(first: $0.time, last: $0.last) }) {
      for (index, trace) in block.traces.enumerated() { parts[trace]?.add(entries[index].time, 0) }
    }
    for (trace, part) in parts where conditions.isNear(first: part.time, last: part.last) {
      if let leading, leading < 64, part.conditions & 1 << UInt64(leading) == 0 { continue }
      let isWhole = part.conditions & all == all && conditions.overlaps(first: part.time, last: part.last)
      if isWhole || isElsewhere(trace, but: block) { partHeap.insert(Candidate(time: part.time, trace: trace)) }
    }
  }

  /// Which conditions a span meets, as a bit set.
  private func met(_ entry: SpanEntry, _ terms: [UInt32], _ range: Range<Int>) -> UInt64 {
    var met: UInt64 = 0
    for (number, test) in tests.enumerated() {
      let isMet =
        if let lengths = conditions.lengths, lengths.condition == number {
          lengths.range.contains(entry.duration)
        } else {
          test.schemas.contains(Int(entry.schema)) || Self.contains(terms, range, test.terms)
        }
      if isMet { met |= 1 << UInt64(number) }
    }
    return met
  }

  /// Whether a trace may also have spans in other blocks or in the newest segments.
  private func isElsewhere(_ trace: UInt64, but block: SpanBlock) -> Bool {
    reader.segments.suffix(Segment.reach).contains { $0.mayContain(trace: trace) }
      || reader.blocks.contains { $0 !== block && $0.mayContain(trace: trace) }
  }

  @inline(__always) private static func contains(_ terms: [UInt32], _ range: Range<Int>, _ wanted: [UInt32]) -> Bool {
    if wanted.count == 1 {
      let term = wanted[0]
      for index in range where terms[index] == term { return true }
      return false
    }
    for index in range where wanted.contains(terms[index]) { return true }
    return false
  }
}
