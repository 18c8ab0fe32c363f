import Deflate
import HTTPService
import MeshModel
import MeshXDS
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import Synchronization
import Testing

@testable import MeshTransport

/// A gRPC message.
private func framed(_ content: [UInt8], isCompressed: Bool = false) -> ByteBuffer {
  var buffer = ByteBuffer()
  buffer.writeInteger(UInt8(isCompressed ? 1 : 0))
  buffer.writeInteger(UInt32(content.count))
  buffer.writeBytes(content)
  return buffer
}

@Suite("Messages of a gRPC request")
struct MessageAssemblerTests {
  private static let content = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

  /// Feeds bytes in parts, and gives the messages and what was asked for.
  private func assemble(
    _ bytes: ByteBuffer, part: Int, limit: Int = 1 << 20, isCompressed: Bool = false, room: Int = .max
  ) throws(MessageAssembler.Failure) -> (messages: [ByteBuffer], taken: Int, isWaiting: Bool) {
    var assembler = MessageAssembler(limit: limit, isCompressed: isCompressed)
    var bytes = bytes
    var messages: [ByteBuffer] = []
    var taken = 0
    while var part = bytes.readSlice(length: min(part, bytes.readableBytes)), part.readableBytes > 0 {
      messages += try assembler.add(&part) { count in
        guard taken + count <= room else { return false }
        taken += count
        return true
      }
    }
    return (messages, taken, assembler.isWaiting)
  }

  @Test("are assembled from pieces of any size, compressed or not", arguments: [1, 3, 5, 4_096, 1 << 20])
  func whole(part: Int) throws {
    var bytes = framed(Self.content)
    bytes.writeImmutableBuffer(framed([]))
    bytes.writeImmutableBuffer(framed([1, 2]))
    let plain = try assemble(bytes, part: part)
    #expect(plain.messages == [framed(Self.content), framed([]), framed([1, 2])])
    #expect(plain.taken == 20_000 - MessageAssembler.freeBytes && !plain.isWaiting)

    var packed = framed(try Gzip.compress(Self.content), isCompressed: true)
    packed.writeImmutableBuffer(framed([3]))
    let unpacked = try assemble(packed, part: part, isCompressed: true)
    #expect(unpacked.messages == [framed(Self.content), framed([3])])
    #expect(unpacked.taken == plain.taken, "what is counted is what is held")
  }

  @Test("that are incomplete are waited for, and an announced length takes no memory")
  func waiting() throws {
    var bytes = framed(Self.content)
    let part = bytes.readSlice(length: 5_005) ?? ByteBuffer()
    let half = try assemble(part, part: 100)
    #expect(half.messages.isEmpty && half.isWaiting && half.taken == 5_000 - MessageAssembler.freeBytes)
  }

  @Test("are refused with a reason when they are too large, compressed or not, before they are complete")
  func tooLarge() throws {
    #expect(
      throws: MessageAssembler.Failure(
        code: .resourceExhausted, message: "a request of 20000 bytes is larger than the limit of 10000 bytes")
    ) {
      try assemble(framed(Self.content), part: 100, limit: 10_000)
    }
    // A million zeros in a thousand bytes.
    let packed = framed(try Gzip.compress([UInt8](repeating: 0, count: 1_000_000)), isCompressed: true)
    let failure = #expect(throws: MessageAssembler.Failure.self) {
      try assemble(packed, part: 100, limit: 100_000, isCompressed: true)
    }
    #expect(
      failure?.code == .resourceExhausted && failure?.message.contains("a decompressed request is larger") == true)
  }

  @Test("are refused with a message when the budget is used up, and never exceed it")
  func budget() throws {
    for isCompressed in [false, true] {
      let content = isCompressed ? try Gzip.compress(Self.content) : Self.content
      let failure = #expect(throws: MessageAssembler.Failure.self) {
        try assemble(
          framed(content, isCompressed: isCompressed), part: 1_000, isCompressed: isCompressed, room: 8_000)
      }
      #expect(failure?.code == .resourceExhausted && failure?.message.contains("memory limit") == true)
    }
  }

  @Test("that are not valid are refused with a reason")
  func damaged() throws {
    func message(_ bytes: ByteBuffer, isCompressed: Bool = true) -> String? {
      #expect(throws: MessageAssembler.Failure.self) {
        try assemble(bytes, part: 10, isCompressed: isCompressed)
      }?.message
    }
    #expect(message(ByteBuffer(bytes: [7, 0, 0, 0, 0]))?.contains("first byte is 7") == true)
    #expect(message(framed([1], isCompressed: true), isCompressed: false)?.contains("grpc-encoding") == true)
    #expect(message(framed([1, 2, 3], isCompressed: true))?.contains("damaged") == true)
    #expect(message(framed([], isCompressed: true))?.contains("truncated") == true)
    let packed = try Gzip.compress(Self.content)
    #expect(message(framed(packed.dropLast(9), isCompressed: true))?.contains("truncated") == true)
    #expect(message(framed(packed + [1], isCompressed: true))?.contains("damaged") == true)
  }
}

@Suite("Headers of a gRPC request")
struct RequestHeadersTests {
  @Test("A timeout is a number of at most eight digits with a unit", arguments: ["1n", "0S", "99999999H", "250m"])
  func timeouts(_ text: String) {
    #expect(RequestHeaders.isTimeout(text))
    var headers = HPACKHeaders([("grpc-timeout", text)])
    #expect(RequestHeaders.check(&headers).1 == nil && headers["grpc-timeout"] == [text])
  }

  @Test(
    "Any other is refused, and nobody behind sees it",
    arguments: ["", "S", "12", "1x", "123456789S", "1 S", "+1S", "١S"])
  func noTimeouts(_ text: String) {
    var headers = HPACKHeaders([("grpc-timeout", text)])
    let refusal = RequestHeaders.check(&headers).1
    #expect(refusal?.code == .invalidArgument && refusal?.message.contains("grpc-timeout") == true)
    #expect(headers.isEmpty)
    headers = HPACKHeaders([("grpc-timeout", "1S"), ("grpc-timeout", "2S")])
    #expect(RequestHeaders.check(&headers).1 != nil && headers.isEmpty)
  }

  @Test(
    "A request of a page in a browser is refused",
    arguments: [("origin", "https://a.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")])
  func pages(_ name: String, _ value: String) {
    var headers = HPACKHeaders([(name, value)])
    let refusal = RequestHeaders.check(&headers).1
    #expect(refusal?.code == .permissionDenied && refusal?.message.contains("data plane server") == true)
    headers = HPACKHeaders([("sec-fetch-site", "none")])
    #expect(RequestHeaders.check(&headers).1 == nil)
  }

  @Test("An unknown encoding is refused with the list of known ones")
  func encodings() {
    for (values, isCompressed) in [(["gzip"], true), (["deflate"], true), (["identity"], false), ([], false)] {
      var headers = HPACKHeaders(values.map { ("grpc-encoding", $0) })
      let (encoding, refusal) = RequestHeaders.check(&headers)
      #expect((encoding == .compressed) == isCompressed && refusal == nil && headers.isEmpty)
    }
    for values in [["snappy"], ["gzip", "gzip"], [""]] {
      var headers = HPACKHeaders(values.map { ("grpc-encoding", $0) })
      let refusal = RequestHeaders.check(&headers).1
      #expect(refusal?.code == .unimplemented && refusal?.message.contains("gzip or deflate") == true)
      #expect(headers.isEmpty)
    }
  }
}

@Suite("A guard before gRPC")
struct RequestGuardTests {
  private let budget = ByteBudget("discovery", limit: 1 << 20)

  private func setup(_ receipts: StreamReceipts) -> RequestGuard.Setup {
    RequestGuard.Setup(receipts: receipts, messageLimit: 1 << 20, timeout: .seconds(30), paths: ["/service"])
  }

  private func open(_ receipts: StreamReceipts, path: String = "/service") throws -> EmbeddedChannel {
    let channel = EmbeddedChannel(handler: RequestGuard(setup: setup(receipts)))
    try channel.connect(to: .init(unixDomainSocketPath: "/none")).wait()
    let headers = HPACKHeaders([(":path", path), (StreamReceipts.header, "forged")])
    try channel.writeInbound(HTTP2Frame.FramePayload.headers(.init(headers: headers)))
    return channel
  }

  private func receipt(_ channel: EmbeddedChannel, _ receipts: StreamReceipts) throws -> StreamReceipt? {
    guard case .headers(let headers) = try channel.readInbound(as: HTTP2Frame.FramePayload.self) else { return nil }
    #expect(headers.headers[StreamReceipts.header].count == 1)
    return headers.headers.first(name: StreamReceipts.header).flatMap { receipts[$0] }
  }

  private func send(_ channel: EmbeddedChannel, _ bytes: ByteBuffer, endStream: Bool = false) throws {
    try channel.writeInbound(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes), endStream: endStream)))
  }

  private func received(_ channel: EmbeddedChannel) throws -> [ByteBuffer] {
    var all: [ByteBuffer] = []
    while let frame = try channel.readInbound(as: HTTP2Frame.FramePayload.self) {
      if case .data(let data) = frame, case .byteBuffer(let bytes) = data.data, bytes.readableBytes > 0 {
        all.append(bytes)
      }
    }
    return all
  }

  @Test("Half-sent messages of many streams stay within the budget, the newest is refused, and all is given back")
  func halves() throws {
    let receipts = StreamReceipts(budget: budget)
    var channels: [EmbeddedChannel] = []
    let refusals = Mutex<[SessionRefusal]>([])
    var half = framed([UInt8](repeating: 1, count: 200_000))
    half = half.readSlice(length: 100_000) ?? ByteBuffer()
    for _ in 0..<20 {
      let channel = try open(receipts)
      channels.append(channel)
      try #require(try receipt(channel, receipts)).onRefusal { refusal in refusals.withLock { $0.append(refusal) } }
      try send(channel, half)
      #expect(try received(channel).isEmpty, "half of a message goes no further")
    }
    #expect(budget.usage.peak <= budget.limit)
    #expect(budget.usage.peak > budget.limit - 200_000)
    let refused = refusals.withLock { $0 }
    #expect(refused.count == 20 - (1 << 20) / (100_000 - 5 - MessageAssembler.freeBytes))
    #expect(refused.allSatisfy { $0.code == .resourceExhausted && $0.message.contains("memory limit") })
    for channel in channels { _ = try channel.finish(acceptAlreadyClosed: true) }
    channels = []
    #expect(budget.usage.bytes == 0)
  }

  @Test("A whole message is counted until its reader is done with it")
  func consumed() throws {
    let receipts = StreamReceipts(budget: budget)
    let channel = try open(receipts)
    let receipt = try #require(try receipt(channel, receipts))
    let content = [UInt8](repeating: 1, count: 50_000)
    try send(channel, framed(content))
    #expect(try received(channel) == [framed(content)])
    #expect(budget.usage.bytes == MessageAssembler.charge(50_000))
    receipt.release(MessageAssembler.charge(50_000))
    #expect(budget.usage.bytes == 0)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test("A message that does not arrive completely in time, or is truncated, is refused with a reason")
  func time() throws {
    for ends in [false, true] {
      let receipts = StreamReceipts(budget: budget)
      let channel = try open(receipts)
      let refusals = Mutex<[SessionRefusal]>([])
      let receipt = try #require(try receipt(channel, receipts))
      receipt.onRefusal { refusal in refusals.withLock { $0.append(refusal) } }
      try send(channel, ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]), endStream: ends)
      channel.embeddedEventLoop.advanceTime(by: .seconds(29))
      #expect(refusals.withLock { $0.count } == (ends ? 1 : 0))
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      let refusal = try #require(refusals.withLock { $0 }.first)
      #expect(refusal.code == (ends ? .invalidArgument : .deadlineExceeded))
      // What comes after it is not looked at.
      try send(channel, framed([1]))
      #expect(try received(channel).isEmpty)
      _ = try channel.finish(acceptAlreadyClosed: true)
    }
  }

  @Test("Content for other services is not kept, and trailers of a request only end it")
  func others() throws {
    let receipts = StreamReceipts(budget: budget)
    let channel = try open(receipts, path: "/other")
    _ = try receipt(channel, receipts)
    try send(channel, framed([UInt8](repeating: 1, count: 500_000)))
    #expect(try received(channel).isEmpty && budget.usage.peak == 0)
    try channel.writeInbound(
      HTTP2Frame.FramePayload.headers(.init(headers: HPACKHeaders([("x", "y")]), endStream: true)))
    guard case .data(let end) = try channel.readInbound(as: HTTP2Frame.FramePayload.self) else {
      Issue.record("no end of the stream")
      return
    }
    #expect(end.endStream)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test("A refused stream is ended for its peer too, which may be sending for a long time")
  func ends() throws {
    let receipts = StreamReceipts(budget: budget)
    let channel = try open(receipts)
    _ = try receipt(channel, receipts)
    try send(channel, ByteBuffer(bytes: [9, 0, 0, 0, 0]))
    channel.writeAndFlush(
      HTTP2Frame.FramePayload.headers(.init(headers: HPACKHeaders([("grpc-status", "3")]), endStream: true)),
      promise: nil)
    var frames: [HTTP2Frame.FramePayload] = []
    while let frame = try channel.readOutbound(as: HTTP2Frame.FramePayload.self) { frames.append(frame) }
    guard frames.count == 2, case .rstStream(.noError) = frames[1] else {
      Issue.record("not reset: \(frames)")
      return
    }
    _ = try channel.finish(acceptAlreadyClosed: true)
  }
}
