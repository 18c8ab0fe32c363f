/// Where a text stands among bytes that its owner knows.
public struct TextSlice: Sendable {
  /// Where it begins.
  public var start: Int
  /// How many bytes it has.
  public var count: Int

  /// Makes a slice; without arguments the one of an empty text.
  @inlinable public init(start: Int = 0, count: Int = 0) {
    self.start = start
    self.count = count
  }

  /// Whether the text is empty.
  @inlinable public var isEmpty: Bool { count == 0 }
  /// The places of its bytes.
  @inlinable public var range: Range<Int> { start..<(start + count) }

  /// The bytes of the text.
  @inlinable @inline(__always) public func of(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }
}
