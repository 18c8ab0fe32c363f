/// The bytes of texts, looked at eight at a time.
extension UnsafeRawBufferPointer {
  @inline(__always) private func word(_ offset: Int) -> UInt64 {
    loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// Whether all bytes are ASCII.
  @inline(__always) var isASCII: Bool {
    var bits: UInt64 = 0
    var offset = 0
    while offset + 8 <= count {
      bits |= word(offset)
      offset += 8
    }
    while offset < count {
      bits |= UInt64(self[offset])
      offset += 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }

  /// Whether there is a zero byte.
  @inline(__always) var holdsZero: Bool {
    var offset = 0
    while offset + 8 <= count {
      let word = word(offset)
      if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
      offset += 8
    }
    while offset < count {
      if self[offset] == 0 { return true }
      offset += 1
    }
    return false
  }

  /// Whether other bytes are the same.
  @inline(__always) func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    var offset = 0
    while offset + 8 <= count {
      if word(offset) != other.word(offset) { return false }
      offset += 8
    }
    while offset < count {
      if self[offset] != other[offset] { return false }
      offset += 1
    }
    return true
  }
}
