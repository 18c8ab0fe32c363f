import CZlib
import TraceModel

/// Unpacks gzip (RFC 1952) and zlib (RFC 1950) bodies.
enum Inflater {
  /// Unpacks a body. It stops as soon as more has come out than may be, or many times more than was put in, so that a
  /// small body can fill neither memory nor time.
  ///
  /// - Parameter limit: bytes that may come out.
  static func inflate(
    _ packed: [UInt8], limit: Int, limits: CollectorLimits = CollectorLimits()
  ) throws(CollectorError) -> [UInt8] {
    guard let packedCount = UInt32(exactly: packed.count) else { throw tooLarge("\(limit) bytes") }
    var stream = z_stream()
    // 15 is the largest window; 32 more means that gzip and zlib are told apart by their headers.
    guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw CollectorError(code: .unavailable, message: "there is no memory to unpack the body; send it again later")
    }
    defer { inflateEnd(&stream) }
    var input = packed
    var output: [UInt8] = []
    output.reserveCapacity(min(limit, packed.count &* 8))
    var isBomb = false
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    let chunkCount = UInt32(chunk.count)
    let status = input.withUnsafeMutableBufferPointer { input -> Int32 in
      stream.next_in = input.baseAddress
      stream.avail_in = packedCount
      return chunk.withUnsafeMutableBufferPointer { chunk -> Int32 in
        while true {
          stream.next_out = chunk.baseAddress
          stream.avail_out = chunkCount
          let status = CZlib.inflate(&stream, Z_NO_FLUSH)
          output.append(contentsOf: chunk.prefix(Int(chunkCount - stream.avail_out)))
          if output.count > limit { return Z_MEM_ERROR }
          let taken = Int(packedCount - stream.avail_in)
          isBomb = output.count > limits.freelyUnpackedBytes && output.count / limits.unpackingRatio > taken
          if isBomb { return Z_MEM_ERROR }
          switch status {
          case Z_OK where stream.avail_in > 0 || stream.avail_out == 0: continue
          case Z_STREAM_END where stream.avail_in > 0:
            // Gzip may hold several members, one after the other.
            guard inflateReset(&stream) == Z_OK else { return Z_DATA_ERROR }
          default: return status
          }
        }
      }
    }
    if output.count > limit { throw tooLarge("\(limit) bytes") }
    if isBomb { throw tooLarge("\(limits.unpackingRatio) times the packed one") }
    guard status == Z_STREAM_END else {
      let reason = status == Z_OK || status == Z_BUF_ERROR ? "it ends too early" : "it is damaged"
      throw CollectorError(code: .invalid, message: "the body is not valid gzip: \(reason)")
    }
    return output
  }

  private static func tooLarge(_ bound: String) -> CollectorError {
    CollectorError(code: .tooLarge, message: "the unpacked body is larger than \(bound); send fewer spans at once")
  }
}
