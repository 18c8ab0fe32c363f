import Deflate
import MeshXDS
import NIOCore

/// Assembles the messages of a gRPC request from the bytes that arrive, within limits, decompresses them, and hands each on when it is
/// complete.
///
/// gRPC's own transport keeps an incomplete message without a time limit and outside of any budget, ends a stream without a reason
/// when a message is too large, and does not decompress at all as it is configured here.
struct MessageAssembler: ~Copyable {
  /// Why messages are not taken any more.
  struct Failure: Error, Equatable {
    var code: SessionRefusal.Code
    var message: String
  }

  /// A whole message with its head of five bytes, as gRPC's transport takes it, never compressed.
  typealias Message = ByteBuffer

  /// Bytes of a message that it may have without being counted, so that what all proxies say gets through when memory is short.
  static let freeBytes = 4 * 1024
  private static let headSize = 5
  /// From how many bytes on the memory for a whole message is asked for at once.
  private static let largeSize = 64 * 1024

  private let limit: Int
  private let isCompressed: Bool
  private var head: [UInt8] = []
  private var left = 0
  private var length = 0
  private var inflater: Inflater?
  private var message = ByteBuffer()
  /// Bytes of the message that have been asked for.
  private var counted = 0

  /// - Parameters:
  ///   - limit: bytes of a message, compressed and decompressed.
  ///   - isCompressed: whether the request announced that messages may be.
  init(limit: Int, isCompressed: Bool) {
    self.limit = limit
    self.isCompressed = isCompressed
  }

  /// Whether a part of a message is here.
  var isWaiting: Bool { !head.isEmpty }

  /// What a message of a length takes of a budget.
  static func charge(_ length: Int) -> Int { max(0, length - freeBytes) }

  /// Takes bytes.
  ///
  /// - Parameter take: takes so many bytes of the budget; false if it has not as many left.
  /// - Returns: the messages that are whole now.
  mutating func add(_ bytes: inout ByteBuffer, take: (Int) -> Bool) throws(Failure) -> [Message] {
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
          code: .invalidArgument, message: "a compressed message is damaged; it has to be in gzip or zlib format")
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
      throw Failure(code: .invalidArgument, message: "a compressed message ends too early")
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
        "all requests together take as much memory as they may; send the one of up to \(length) bytes again later")
  }
}
