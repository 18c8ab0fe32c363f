import GRDB
import PrometheusMetrics
import TraceModel

/// Reads chunks of segments, and caches the last decompressed chunk of each segment. A caller that asks for traces in the order of
/// their ids therefore decompresses each chunk once.
final class ChunkReader {
  private var last: [Int64: (number: Int, bytes: [UInt8])] = [:]
  private let metrics: CollectorMetrics

  init(_ metrics: CollectorMetrics) { self.metrics = metrics }

  /// Calls a function with the decompressed bytes of a chunk. Does nothing if the chunk is damaged or has been deleted.
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
