import CZlib

/// zlib (RFC 1950) in one go, as fast as it gets, for bytes whose length is written beside them.
package enum Zlib {
  /// A head and then the compressed bytes; nil where there is no memory for them.
  package static func compress(_ bytes: [UInt8], after head: [UInt8] = []) -> [UInt8]? {
    var length = compressBound(uLong(bytes.count))
    let compressed = [UInt8](unsafeUninitializedCapacity: head.count + Int(length)) { output, written in
      guard let start = output.baseAddress else { return }
      for (index, byte) in head.enumerated() { output[index] = byte }
      // The fastest level: the others take much longer and save little.
      let isDone = compress2(start + head.count, &length, bytes, uLong(bytes.count), 1) == Z_OK
      written = isDone ? head.count + Int(length) : 0
    }
    return compressed.isEmpty ? nil : compressed
  }

  /// The bytes, of which there have to be so many; nil if they are damaged.
  package static func decompress(_ compressed: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
    var isWhole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, written in
      var length = uLong(count)
      let input = compressed.assumingMemoryBound(to: UInt8.self).baseAddress
      isWhole = uncompress(output.baseAddress, &length, input, uLong(compressed.count)) == Z_OK && length == count
      written = isWhole ? count : 0
    }
    return isWhole ? bytes : nil
  }
}
