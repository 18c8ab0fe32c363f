package import NIOCore

/// The one message of a unary call, as it arrives: a byte that says whether it is compressed, four with its length, and its content.
package struct CallMessage: Sendable {
  /// Why no more is received.
  package enum Failure: Error, Hashable {
    /// It is longer than the limit.
    case tooLarge
    /// It is no message, for the reason.
    case malformed(String)
    /// The memory for messages is used up.
    case noMemory
  }

  /// The bytes before the content.
  package static let headSize = 5
  /// The memory that a message gets before its content comes.
  private static let reserved = 64 * 1024

  /// The largest length in bytes.
  let limit: Int
  /// Whether the call says how compressed messages are compressed.
  let mayBeCompressed: Bool
  /// The content.
  package private(set) var content: [UInt8] = []
  /// Whether the content is compressed.
  package private(set) var isCompressed = false
  private var head: [UInt8] = []
  private var length = 0

  /// Makes a message of which nothing has arrived.
  ///
  /// - Parameters:
  ///   - limit: the largest length in bytes.
  ///   - mayBeCompressed: whether the call says how compressed messages are compressed.
  package init(limit: Int, mayBeCompressed: Bool) {
    self.limit = limit
    self.mayBeCompressed = mayBeCompressed
  }

  /// Adds received bytes.
  ///
  /// - Parameters:
  ///   - hasRoom: whether so many bytes can be expected to fit.
  ///   - take: takes memory for bytes; false if too little is left.
  package mutating func add(
    _ bytes: inout ByteBuffer, hasRoom: (Int) -> Bool, take: (Int) -> Bool
  ) throws(Failure) {
    while head.count < Self.headSize, let byte = bytes.readInteger(as: UInt8.self) {
      head.append(byte)
      if head.count == Self.headSize { try begin(hasRoom) }
    }
    guard bytes.readableBytes > 0 else { return }
    guard bytes.readableBytes <= length - content.count else {
      throw .malformed("the call has more than its one message")
    }
    guard take(bytes.readableBytes) else { throw .noMemory }
    content.append(contentsOf: bytes.readableBytesView)
  }

  private mutating func begin(_ hasRoom: (Int) -> Bool) throws(Failure) {
    guard head[0] <= 1 else { throw .malformed("the first byte of the message is \(head[0]), not 0 or 1") }
    isCompressed = head[0] == 1
    guard mayBeCompressed || !isCompressed else {
      throw .malformed("a compressed message needs the header grpc-encoding")
    }
    length = head[1...].reduce(0) { $0 << 8 | Int($1) }
    guard length <= limit else { throw .tooLarge }
    guard hasRoom(length) else { throw .noMemory }
    content.reserveCapacity(min(length, Self.reserved))
  }

  /// Checks that the message is complete.
  package func finish() throws(Failure) {
    guard !head.isEmpty else { throw .malformed("the call has no message") }
    guard head.count == Self.headSize, content.count == length else {
      throw .malformed("the call ended in the middle of its message")
    }
  }
}
