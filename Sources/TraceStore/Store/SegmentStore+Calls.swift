import GRDB
import Synchronization
public import TraceModel

/// A cached count of the calls in blocks. It is valid for the blocks and the newest segment that it names.
struct BlockCalls: Sendable {
  var blocks: ClosedRange<Int64>
  var count: Int
  var segment: Int64?
  var row: [UInt8]
}

extension SegmentStore {
  /// A segment may subtract calls outside of its times, within this number of milliseconds.
  private static let longestTrace: Int64 = 3_600_000

  /// The services, and the calls between them that began in a time range, in milliseconds since 1970. The resolution of times is 10
  /// seconds, or a 64th of the time that a segment took to fill.
  public func graph(endTs: Int64, lookback: Int64) async throws(CollectorError) -> ServiceGraph {
    ServiceGraph(try await calls(endTs: endTs, lookback: lookback), now: settings.clock.milliseconds())
  }

  /// The operations of a service in a time range, and the length of the time that has calls, in milliseconds.
  public func operations(
    service: String, endTs: Int64, lookback: Int64
  ) async throws(CollectorError) -> (operations: [OperationFigures], length: Int64) {
    let statistics = try await calls(endTs: endTs, lookback: lookback)
    return (statistics.operations(of: service.lowercased()), statistics.length(now: settings.clock.milliseconds()))
  }

  private func calls(endTs: Int64, lookback: Int64) async throws(CollectorError) -> CallStatistics {
    try await read { database in
      let (segments, blocks) = self.manifest.withLock { ($0.segments, $0.blocks) }
      let from = endTs.subtractingReportingOverflow(lookback).overflow ? 0 : max(0, endTs &- lookback)
      var statistics = CallStatistics(from: from, to: endTs)
      for segment in segments
      where segment.firstTime &- Self.longestTrace <= endTs && segment.lastTime &+ Self.longestTrace >= from {
        _ = try segment.read(segment.blob(Segment.Part.calls), database) { try statistics.add($0) }
      }
      try self.row(of: blocks, behind: segments, database).withUnsafeBytes { try statistics.add($0) }
      return statistics
    }
  }

  /// The calls of spans that are not compacted yet.
  private func row(of blocks: [SpanBlock], behind segments: [Segment], _ database: Database) throws -> [UInt8] {
    guard let first = blocks.first, let last = blocks.last else { return [] }
    let range = first.id...max(first.id, last.id)
    if let known = blockCalls.withLock({ $0 }), known.blocks == range, known.count == blocks.count,
      known.segment == segments.last?.id
    {
      return known.row
    }
    var places: [(trace: UInt64, block: Int, index: Int)] = []
    for (number, block) in blocks.enumerated() {
      for (index, trace) in block.traces.enumerated() { places.append((trace, number, index)) }
    }
    places.sort { ($0.trace, $0.block, $0.index) < ($1.trace, $1.block, $1.index) }
    let near = segments.suffix(Segment.reach)
    let texts = encoder.texts.texts
    let chunks = ChunkReader(metrics)
    var recorder = CallRecorder()
    var start = 0
    while start < places.count {
      let trace = places[start].trace
      var entries: [SpanEntry] = []
      while start < places.count, places[start].trace == trace {
        entries.append(blocks[places[start].block].batch.entries[places[start].index])
        start += 1
      }
      let before =
        near.contains { $0.mayContain(trace: trace) }
        ? try self.entries(of: trace, in: near, texts: texts, chunks, database) : []
      CallLinker.calls(in: before + entries) { recorder.add($0) }
      if !before.isEmpty { CallLinker.calls(in: before) { recorder.add($0, isSubtracted: true) } }
    }
    let names = names.withLock { $0 }
    let row = recorder.encoded(names.text)
    blockCalls.withLock { $0 = BlockCalls(blocks: range, count: blocks.count, segment: segments.last?.id, row: row) }
    return row
  }
}
