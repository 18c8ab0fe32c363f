import Deflate
package import TraceModel

/// A body that was compressed as gzip (RFC 1952) or zlib (RFC 1950).
package enum CompressedBody {
  /// Inflates a body. It stops when the output exceeds the limit or the allowed ratio to the input, so that a small body can use
  /// neither much memory nor much time.
  ///
  /// - Parameter limit: the largest output in bytes.
  package static func inflate(
    _ compressed: [UInt8], limit: Int, limits: CollectorLimits = CollectorLimits()
  ) throws(CollectorError) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(min(limit, compressed.count &* 8))
    var (excess, advice) = ("", "")
    do throws(DeflateError) {
      var inflater = try Inflater(takesMembers: true)
      try inflater.add(compressed.span.bytes) { chunk, consumed in
        output.append(contentsOf: chunk)
        if output.count > limit {
          excess = "\(limit) bytes"
          advice = ", or raise collector.limits.bodySize"
        } else if output.count > limits.freelyUnpackedBytes, output.count / limits.unpackingRatio > consumed {
          excess = "\(limits.unpackingRatio) times the compressed one"
        }
        return excess.isEmpty
      }
      try inflater.finish()
      return output
    } catch {
      switch error {
      case .outOfMemory:
        throw CollectorError(
          code: .unavailable, message: "there is no memory to decompress the body; send it again later")
      case .stopped:
        throw CollectorError(
          code: .tooLarge, message: "the decompressed body is larger than \(excess); send fewer spans at once\(advice)")
      case .truncated: throw CollectorError(code: .invalid, message: "the body is not valid gzip: it ends too early")
      case .damaged, .trailingBytes:
        throw CollectorError(code: .invalid, message: "the body is not valid gzip: it is damaged")
      }
    }
  }
}
