import CZlib

/// The records of some traces of a segment, one after the other, packed by zlib where that makes them smaller.
///
/// Layout: 0 and the bytes, or 1, their length and the packed bytes. The bytes: for each trace the low half of its id in 8
/// bytes and the length of what follows; then each record with its length before it.
enum SegmentChunk {
  /// How many bytes a chunk has about before it is packed.
  static let size = 12 * 1_024
  /// However large a trace is; a chunk that claims more is damaged.
  private static let maximumSize = 1 << 30

  static func pack(_ bytes: [UInt8]) -> [UInt8] {
    var length = compressBound(uLong(bytes.count))
    var writer = ByteWriter()
    writer.bytes.append(1)
    writer.number(bytes.count)
    let head = writer.bytes.count
    let packed = [UInt8](unsafeUninitializedCapacity: head + Int(length)) { buffer, count in
      for index in 0..<head { buffer[index] = writer.bytes[index] }
      guard let start = buffer.baseAddress else { return }
      // The fastest level: the others take much longer and save little.
      count = compress2(start + head, &length, bytes, uLong(bytes.count), 1) == Z_OK ? head + Int(length) : 0
    }
    return packed.isEmpty || packed.count >= bytes.count ? [0] + bytes : packed
  }

  /// The unpacked bytes; nil if they are damaged.
  static func unpacked(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    var reader = ByteReader(bytes)
    switch reader.byte() {
    case 0: return Array(reader.slice(bytes.count - reader.position))
    case 1:
      guard let length = Int(exactly: reader.number()), length <= maximumSize else { return nil }
      let packed = reader.slice(bytes.count - reader.position)
      let unpacked = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
        var unpackedLength = uLong(length)
        let status = uncompress(
          buffer.baseAddress, &unpackedLength, packed.baseAddress?.assumingMemoryBound(to: UInt8.self),
          uLong(packed.count))
        count = status == Z_OK ? Int(unpackedLength) : 0
      }
      return unpacked.count == length ? unpacked : nil
    default: return nil
    }
  }

  static func records(
    of low: UInt64, in bytes: UnsafeRawBufferPointer, limit: Int, _ record: (UnsafeRawBufferPointer) -> Void
  ) {
    var reader = ByteReader(bytes)
    while !reader.isAtEnd, !reader.isDamaged {
      let trace: UInt64 = reader.fixed()
      let records = reader.slice(Int(clamping: reader.number()))
      guard trace >= low else { continue }
      guard trace == low else { return }
      var rest = ByteReader(records)
      var count = 0
      while !rest.isAtEnd, !rest.isDamaged, count < limit {
        record(rest.slice(Int(clamping: rest.number())))
        count += 1
      }
      return
    }
  }
}
