/// The position of a text in bytes that the owner of the slice holds.
public struct TextSlice: Sendable {
  /// The offset of the first byte.
  public var start: Int
  /// The number of bytes.
  public var count: Int

  /// Creates a slice; without arguments, of an empty text.
  @inlinable public init(start: Int = 0, count: Int = 0) {
    self.start = start
    self.count = count
  }

  /// Whether the text is empty.
  @inlinable public var isEmpty: Bool { count == 0 }
  /// The byte offsets of the text.
  @inlinable public var range: Range<Int> { start..<(start + count) }

  /// The bytes of the text.
  @inlinable @inline(__always) public func of(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }
}
