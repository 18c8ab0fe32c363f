import CZlib

/// Packs the page's files for browsers.
enum Deflater {
  /// Bytes as gzip (RFC 1952); nil if there is no memory for it.
  static func gzip(_ bytes: [UInt8]) -> [UInt8]? {
    guard let count = UInt32(exactly: bytes.count) else { return nil }
    var stream = z_stream()
    // 15 is the largest window; 16 more means gzip.
    let isReady =
      deflateInit2_(
        &stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    guard isReady else { return nil }
    defer { deflateEnd(&stream) }
    var input = bytes
    guard let bound = UInt32(exactly: deflateBound(&stream, UInt(count))) else { return nil }
    var output = [UInt8](repeating: 0, count: Int(bound))
    let status = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = count
        stream.next_out = output.baseAddress
        stream.avail_out = bound
        return deflate(&stream, Z_FINISH)
      }
    }
    guard status == Z_STREAM_END else { return nil }
    output.removeLast(Int(stream.avail_out))
    return output
  }

  /// Whether a browser takes gzip, by its `Accept-Encoding`.
  static func isAccepted(_ encodings: String?) -> Bool {
    (encodings ?? "").lowercased().split(separator: ",").contains { encoding in
      let parts = encoding.split(separator: ";").map { $0.filter { $0 != " " } }
      guard parts.first == "gzip" || parts.first == "*" else { return false }
      return !parts.dropFirst().contains { $0.hasPrefix("q=0") && !$0.contains { ("1"..."9").contains($0) } }
    }
  }
}
