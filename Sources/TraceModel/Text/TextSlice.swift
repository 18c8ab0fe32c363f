/// Where a text stands among bytes that its owner knows.
package struct TextSlice: Sendable {
  /// Where it begins.
  package var start: Int
  /// How many bytes it has.
  package var count: Int

  /// Makes a slice; without arguments the one of an empty text.
  @inlinable package init(start: Int = 0, count: Int = 0) {
    self.start = start
    self.count = count
  }

  /// Whether the text is empty.
  @inlinable package var isEmpty: Bool { count == 0 }
  /// The places of its bytes.
  @inlinable package var range: Range<Int> { start..<(start + count) }

  /// The bytes of the text.
  @inlinable @inline(__always) package func of(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }
}
