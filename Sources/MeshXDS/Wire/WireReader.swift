/// Reads protobuf's wire format field by field, without allocating objects.
package struct WireReader {
  /// The bytes are not a protobuf message.
  package struct Failure: Error {}

  /// A field with its content; numbers have none.
  package struct Field {
    package var number: UInt64
    package var bytes: UnsafeRawBufferPointer?
    /// The bits of a number of eight bytes.
    package var fixed64: UInt64?
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// Begins to read a message.
  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next field; `nil` at the end.
  package mutating func next() throws(Failure) -> Field? {
    guard position < bytes.count else { return nil }
    let key = try varint()
    let number = key >> 3
    guard number > 0 else { throw Failure() }
    switch key & 7 {
    case 0:
      _ = try varint()
      return Field(number: number)
    case 1:
      return Field(number: number, fixed64: UInt64(littleEndian: try take(8).loadUnaligned(as: UInt64.self)))
    case 2:
      guard let length = Int(exactly: try varint()) else { throw Failure() }
      return Field(number: number, bytes: try take(length))
    case 5:
      _ = try take(4)
      return Field(number: number)
    default: throw Failure()
    }
  }

  private mutating func take(_ length: Int) throws(Failure) -> UnsafeRawBufferPointer {
    guard length <= bytes.count - position else { throw Failure() }
    defer { position += length }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + length)])
  }

  private mutating func varint() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.count else { throw Failure() }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
    }
    throw Failure()
  }
}
