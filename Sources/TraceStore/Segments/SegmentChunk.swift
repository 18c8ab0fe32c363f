import Deflate

/// The concatenated records of some traces of a segment, compressed by zlib if that makes them smaller.
///
/// Layout: 0 and the bytes; or 1, their length and the compressed bytes. The bytes: for each trace the low half of its id in 8
/// bytes and the length of its records; then each record after its length.
enum SegmentChunk {
  /// About how many bytes a chunk has before compression.
  static let size = 12 * 1_024
  /// A chunk that claims to be larger is damaged.
  private static let maximumSize = 1 << 30

  static func pack(_ bytes: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.bytes.append(1)
    writer.number(bytes.count)
    guard let packed = Zlib.compress(bytes, after: writer.bytes), packed.count < bytes.count else { return [0] + bytes }
    return packed
  }

  /// The decompressed bytes; nil if the chunk is damaged.
  static func unpacked(_ bytes: UnsafeRawBufferPointer) throws(UnknownVersion) -> [UInt8]? {
    var reader = ByteReader(bytes)
    let compression = try reader.version(.chunk, known: 0...1)
    guard !reader.isDamaged else { return nil }
    switch compression {
    case 0: return Array(reader.slice(bytes.count - reader.position))
    default:
      guard let length = Int(exactly: reader.number()), length <= maximumSize else { return nil }
      return Zlib.decompress(reader.slice(bytes.count - reader.position), count: length)
    }
  }

  static func records(
    of low: UInt64, in bytes: UnsafeRawBufferPointer, limit: Int, _ record: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    var reader = ByteReader(bytes)
    while !reader.isAtEnd, !reader.isDamaged {
      let trace: UInt64 = reader.fixed()
      let records = reader.slice(Int(clamping: reader.number()))
      guard trace >= low else { continue }
      guard trace == low else { return }
      var rest = ByteReader(records)
      var count = 0
      while !rest.isAtEnd, !rest.isDamaged, count < limit {
        try record(rest.slice(Int(clamping: rest.number())))
        count += 1
      }
      return
    }
  }
}
