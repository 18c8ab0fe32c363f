import GRDB
import PrometheusMetrics
import TraceModel

/// Reads chunks of segments and keeps the last one of each unpacked: whoever asks for traces in the order of their ids
/// unpacks each chunk once, however many of its traces are wanted.
final class ChunkReader {
  private var last: [Int64: (number: Int, bytes: [UInt8])] = [:]
  private let metrics: CollectorMetrics

  init(_ metrics: CollectorMetrics) { self.metrics = metrics }

  /// Gives the unpacked bytes of a chunk to a function; does nothing if the chunk is not there (any more), or damaged.
  func withChunk(
    _ number: Int, of segment: Segment, _ database: Database, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    if let known = last[segment.id], known.number == number {
      try known.bytes.withUnsafeBytes(body)
      return
    }
    let blob = segment.blob(Segment.Part.firstChunk, number)
    guard let bytes = try segment.read(blob, database, SegmentChunk.unpacked) else { return }
    metrics.chunksUnpacked.increment()
    last[segment.id] = (number, bytes)
    try bytes.withUnsafeBytes(body)
  }
}
