import CZlib

/// gzip (RFC 1952) in one go, as small as it gets.
package enum Gzip {
  /// Bytes as one gzip member.
  package static func compress(_ bytes: [UInt8]) throws(DeflateError) -> [UInt8] {
    guard let count = UInt32(exactly: bytes.count) else { throw .outOfMemory }
    // zlib remembers where its stream is.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    // 15 is the largest window; with 16 added, zlib writes gzip.
    let isReady =
      deflateInit2_(
        stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    guard isReady else { throw .outOfMemory }
    defer { deflateEnd(stream) }
    guard let bound = UInt32(exactly: deflateBound(stream, UInt(count))) else { throw .outOfMemory }
    let compressed = [UInt8](unsafeUninitializedCapacity: Int(bound)) { output, written in
      bytes.withUnsafeBufferPointer { input in
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = count
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = bound
        written = deflate(stream, Z_FINISH) == Z_STREAM_END ? Int(bound - stream.pointee.avail_out) : 0
      }
    }
    guard !compressed.isEmpty else { throw .outOfMemory }
    return compressed
  }
}
