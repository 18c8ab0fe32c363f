import Deflate
package import MeshXDS
package import NIOCore

/// Assembles the messages of a gRPC request within limits, and decompresses them.
///
/// gRPC's own transport keeps incomplete messages without a time limit or a budget. It ends a stream without a reason when a
/// message is too large. As configured here, it does not decompress.
package struct MessageAssembler: ~Copyable {
  /// Why no further messages are accepted.
  package struct Failure: Error, Equatable {
    /// The gRPC status of the stream's end.
    package var code: SessionRefusal.Code
    /// What is wrong and what to do; sent to the proxy.
    package var message: String
  }

  /// A complete, uncompressed message with its prefix of five bytes, as gRPC's transport expects it.
  package typealias Message = ByteBuffer

  /// The size in bytes up to which a message is not counted. Typical requests of proxies get through when memory is short.
  static let freeBytes = 4 * 1024
  private static let headSize = 5
  /// The size in bytes from which the memory for a whole message is reserved at once.
  private static let largeSize = 64 * 1024

  private let limit: Int
  private let isCompressed: Bool
  private var head: [UInt8] = []
  private var left = 0
  private var length = 0
  private var inflater: Inflater?
  private var message = ByteBuffer()
  /// The bytes reserved for the message.
  private var counted = 0

  /// Makes an assembler without a message.
  ///
  /// - Parameters:
  ///   - limit: the size of a message in bytes, compressed and decompressed.
  ///   - isCompressed: whether the request's headers allow compressed messages.
  package init(limit: Int, isCompressed: Bool) {
    self.limit = limit
    self.isCompressed = isCompressed
  }

  /// Whether a message is incomplete.
  var isWaiting: Bool { !head.isEmpty }

  /// The bytes of a budget that a message of this length takes.
  static func charge(_ length: Int) -> Int { max(0, length - freeBytes) }

  /// Adds received bytes.
  ///
  /// - Parameter take: takes bytes of the budget; false if too few are left.
  /// - Returns: the messages that are complete now.
  package mutating func add(_ bytes: inout ByteBuffer, take: (Int) -> Bool) throws(Failure) -> [Message] {
    var messages: [Message] = []
    while true {
      while head.count < Self.headSize, let byte = bytes.readInteger(as: UInt8.self) {
        head.append(byte)
        if head.count == Self.headSize { try begin() }
      }
      guard head.count == Self.headSize else { return messages }
      if let part = bytes.readSlice(length: min(left, bytes.readableBytes)) {
        left -= part.readableBytes
        try append(part, take: take)
      }
      guard left == 0 else { return messages }
      messages.append(try finish())
    }
  }

  private mutating func begin() throws(Failure) {
    length = head[1...].reduce(0) { $0 << 8 | Int($1) }
    left = length
    counted = 0
    message = ByteBuffer()
    message.writeRepeatingByte(0, count: Self.headSize)
    guard head[0] <= 1 else {
      throw Failure(
        code: .invalidArgument, message: "the request is not a gRPC message: its first byte is \(head[0]), not 0 or 1")
    }
    guard length <= limit else {
      throw Failure(
        code: .resourceExhausted,
        message: "a request of \(length) bytes is larger than the limit of \(limit) bytes")
    }
    guard head[0] == 1 else { return }
    guard isCompressed else {
      throw Failure(code: .invalidArgument, message: "a compressed message needs the header grpc-encoding")
    }
    do { inflater = try Inflater() } catch { throw Self.noMemory(length) }
  }

  private mutating func append(_ part: ByteBuffer, take: (Int) -> Bool) throws(Failure) {
    guard head[0] == 1 else {
      guard account(part.readableBytes, take) else { throw Self.noMemory(length) }
      if message.readableBytes >= Self.largeSize { message.reserveCapacity(length + Self.headSize) }
      message.writeImmutableBuffer(part)
      return
    }
    let limit = limit
    var isTooLarge = false
    do throws(DeflateError) {
      var content = message
      message = ByteBuffer()
      var counted = counted
      defer {
        message = content
        self.counted = counted
      }
      try inflater?.add(part.readableBytesSpan) { output, _ in
        isTooLarge = output.count > limit - counted
        guard !isTooLarge, take(Self.charge(counted + output.count) - Self.charge(counted)) else { return false }
        counted += output.count
        content.writeBytes(output)
        return true
      }
    } catch {
      switch error {
      case .stopped where isTooLarge:
        throw Failure(
          code: .resourceExhausted, message: "a decompressed request is larger than the limit of \(limit) bytes")
      case .stopped, .outOfMemory: throw Self.noMemory(limit)
      case .damaged, .trailingBytes, .truncated:
        throw Failure(
          code: .invalidArgument, message: "a compressed message is damaged; it must be in gzip or zlib format")
      }
    }
  }

  private mutating func account(_ count: Int, _ take: (Int) -> Bool) -> Bool {
    guard take(Self.charge(counted + count) - Self.charge(counted)) else { return false }
    counted += count
    return true
  }

  private mutating func finish() throws(Failure) -> Message {
    do {
      try inflater?.finish()
    } catch {
      throw Failure(code: .invalidArgument, message: "a compressed message is truncated")
    }
    inflater = nil
    head = []
    var whole = message
    message = ByteBuffer()
    whole.setInteger(UInt32(clamping: whole.readableBytes - Self.headSize), at: whole.readerIndex + 1)
    return whole
  }

  private static func noMemory(_ length: Int) -> Failure {
    Failure(
      code: .resourceExhausted,
      message:
        "the requests of all proxies have reached their memory limit; retry the one of up to \(length) bytes later")
  }
}
