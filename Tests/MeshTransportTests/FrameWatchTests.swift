import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPService
@testable import MeshTransport

/// A kind of frames with its budget.
struct CountedKind: Sendable, CustomTestStringConvertible {
  var frame: FrameHead
  var allowance: Allowance
  var refusal: FrameRefusal
  var testDescription: String { refusal.rawValue }

  static let all = [
    CountedKind(
      frame: FrameHead(length: 4, kind: .reset, flags: 0, stream: 1), allowance: FrameLimits.resets, refusal: .resets),
    CountedKind(
      frame: FrameHead(length: 8, kind: .ping, flags: 0, stream: 0), allowance: FrameLimits.pings, refusal: .pings),
    CountedKind(
      frame: FrameHead(length: 6, kind: .settings, flags: 0, stream: 0), allowance: FrameLimits.settings,
      refusal: .settings),
    CountedKind(
      frame: FrameHead(length: 8, kind: .ping, flags: 1, stream: 0), allowance: FrameLimits.answers, refusal: .answers),
    CountedKind(
      frame: FrameHead(length: 0, kind: .settings, flags: 1, stream: 0), allowance: FrameLimits.answers,
      refusal: .answers),
    CountedKind(
      frame: FrameHead(length: 5, kind: .priority, flags: 0, stream: 1), allowance: FrameLimits.priorities,
      refusal: .priorities),
    CountedKind(
      frame: FrameHead(length: 4, kind: .windowUpdate, flags: 0, stream: 0), allowance: FrameLimits.windowUpdates,
      refusal: .windowUpdates),
    CountedKind(
      frame: FrameHead(length: 0, kind: .init(rawValue: 0xBE), flags: 0, stream: 0), allowance: FrameLimits.extensions,
      refusal: .extensions),
  ]
}

@Suite("Frames of HTTP/2 are counted")
struct FrameWatchTests {
  private static let start = ContinuousClock.now

  private func at(_ seconds: Int64) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

  private func head(_ kind: FrameHead.Kind, flags: UInt8 = 0, stream: UInt32 = 0, length: Int = 4) -> FrameHead {
    FrameHead(length: length, kind: kind, flags: flags, stream: stream)
  }

  @Test("heads are found in reads of any size, and payloads are skipped", arguments: [1, 2, 8, 9, 10, 1_000])
  func reader(part: Int) throws {
    var bytes = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    bytes.writeImmutableBuffer(FrameConnection.frame(.settings))
    bytes.writeImmutableBuffer(FrameConnection.frame(.data, flags: 1, stream: 5, ByteBuffer(repeating: 7, count: 300)))
    bytes.writeImmutableBuffer(FrameConnection.frame(.ping, stream: 1 << 31 | 3, ByteBuffer(repeating: 0, count: 8)))
    var (reader, heads) = (FrameReader(preface: FrameReader.prefaceSize), [FrameHead]())
    while let piece = bytes.readSlice(length: min(part, bytes.readableBytes)), piece.readableBytes > 0 {
      var offset = 0
      piece.withUnsafeReadableBytes { while let head = reader.next($0, from: &offset) { heads.append(head) } }
      #expect(offset == piece.readableBytes)
    }
    #expect(
      heads == [
        head(.settings, length: 0), head(.data, flags: 1, stream: 5, length: 300), head(.ping, stream: 3, length: 8),
      ])
    #expect(heads[1].endsStream && reader.isBetweenFrames)
  }

  @Test(
    "a number of each kind may come at once, one more ends the connection, and time gives room again",
    arguments: CountedKind.all)
  func floods(_ flood: CountedKind) {
    var watch = FrameWatch(streams: 16)
    for _ in 0..<flood.allowance.burst { #expect(watch.received(flood.frame, at: at(0)) == nil) }
    var exhausted = watch
    #expect(exhausted.received(flood.frame, at: at(0)) == flood.refusal)
    // Ten seconds later there is room for as many as these seconds give, and no more.
    let more = min(flood.allowance.burst, Int(10 * flood.allowance.perSecond))
    for _ in 0..<more { #expect(watch.received(flood.frame, at: at(10)) == nil) }
    #expect(watch.received(flood.frame, at: at(10)) == flood.refusal)
    #expect(flood.refusal.sentence.contains("\(flood.allowance.burst) at once"), "the sentence says the limit")
  }

  @Test("answers to what the server asked are free, and each byte that it sends gives room for updates of windows")
  func usefulWork() {
    var watch = FrameWatch(streams: 16)
    for _ in 0..<1_000 {
      #expect(watch.sent(head(.ping), at: at(0)) == nil)
      #expect(watch.received(head(.ping, flags: 1), at: at(0)) == nil)
      #expect(watch.sent(head(.data, stream: 1, length: FrameLimits.bytesPerUpdates), at: at(0)) == nil)
      for _ in 0..<FrameLimits.updatesPerWindow {
        #expect(watch.received(head(.windowUpdate, stream: 1), at: at(0)) == nil)
      }
    }
  }

  @Test("a header block has a limit of bytes and one of frames, which begin anew with each block")
  func headerBlocks() {
    var watch = FrameWatch(streams: 16)
    for stream in stride(from: UInt32(1), to: 11, by: 2) {
      #expect(watch.received(head(.headers, stream: stream, length: 100), at: at(0)) == nil)
      for _ in 0..<FrameLimits.continuations {
        #expect(watch.received(head(.continuation, stream: stream, length: 100), at: at(0)) == nil)
      }
    }
    var many = watch
    #expect(many.received(head(.continuation, stream: 9, length: 0), at: at(0)) == .continuations)
    #expect(watch.received(head(.headers, stream: 11, length: 16 * 1024), at: at(0)) == nil)
    #expect(watch.received(head(.continuation, stream: 11, length: 1), at: at(0)) == .headerBlock)
    #expect(watch.received(head(.headers, stream: 13, length: 16 * 1024 + 1), at: at(0)) == .headerBlock)
  }

  @Test("DATA without content may come once in a request")
  func emptyData() {
    var watch = FrameWatch(streams: 16)
    for stream in [UInt32(1), 3] {
      _ = watch.received(head(.headers, stream: stream), at: at(0))
      #expect(watch.received(head(.data, stream: stream, length: 0), at: at(0)) == nil)
      #expect(watch.received(head(.data, stream: stream, length: 10), at: at(0)) == nil)
      var twice = watch
      #expect(twice.received(head(.data, stream: stream, length: 0), at: at(0)) == .emptyData)
      #expect(watch.received(head(.data, flags: 1, stream: stream, length: 0), at: at(0)) == nil)
    }
  }

  @Test("streams that both sides have ended, or one has reset, are no longer open")
  func streams() {
    var watch = FrameWatch(streams: 2)
    _ = watch.received(head(.settings, flags: 1, length: 0), at: at(0))
    for number in 0..<UInt32(30) {
      let stream = number * 2 + 1
      #expect(watch.received(head(.headers, flags: number % 3 == 0 ? 1 : 0, stream: stream), at: at(0)) == nil)
      switch number % 3 {
      case 0: #expect(watch.sent(head(.headers, flags: 1, stream: stream), at: at(0)) == nil)
      case 1: #expect(watch.sent(head(.reset, stream: stream), at: at(0)) == nil)
      default:
        #expect(watch.sent(head(.data, flags: 1, stream: stream), at: at(0)) == nil)
        #expect(watch.streams.count == 1)
        #expect(watch.received(head(.data, flags: 1, stream: stream, length: 0), at: at(0)) == nil)
      }
      #expect(watch.streams.count == 0 && watch.streams.last == stream)
    }
    // Trailers open nothing.
    #expect(watch.received(head(.headers, stream: 61), at: at(0)) == nil)
    #expect(watch.received(head(.headers, flags: 1, stream: 61), at: at(0)) == nil)
    #expect(watch.streams.count == 1)
  }

  @Test("a client that does not know the limit of streams is refused single ones, one that does is ended")
  func tooManyStreams() {
    var watch = FrameWatch(streams: 2)
    for stream in [UInt32(1), 3, 5, 7] { #expect(watch.received(head(.headers, stream: stream), at: at(0)) == nil) }
    #expect(watch.streams.refused == [5, 7])
    for stream in [UInt32(5), 7] { #expect(watch.sent(head(.reset, stream: stream), at: at(0)) == nil) }
    #expect(watch.streams.refused == [] && watch.streams.count == 2)
    var unknowing = watch
    for number in 0..<UInt32(98) {
      #expect(unknowing.received(head(.headers, stream: 9 + number * 2), at: at(0)) == nil)
    }
    #expect(unknowing.received(head(.headers, stream: 999), at: at(0)) == .streams)
    #expect(watch.received(head(.settings, flags: 1, length: 0), at: at(0)) == nil)
    #expect(watch.received(head(.headers, stream: 9), at: at(0)) == .streams)
  }

  @Test("requests one after the other have a limit, too")
  func openings() {
    var watch = FrameWatch(streams: 16)
    for number in 0..<UInt32(FrameLimits.openings.burst) {
      #expect(watch.received(head(.headers, flags: 1, stream: number * 2 + 1), at: at(0)) == nil)
      #expect(watch.sent(head(.headers, flags: 1, stream: number * 2 + 1), at: at(0)) == nil)
    }
    #expect(watch.received(head(.headers, flags: 1, stream: 1_001), at: at(0)) == .openings)
  }

  @Test("where answers earn, requests with content that were answered do not count, and others do")
  func answered() {
    var (watch, stream) = (FrameWatch(streams: 16, answersEarn: true), UInt32(1))
    func call(content: Int) -> FrameRefusal? {
      defer { stream += 2 }
      if let refusal = watch.received(head(.headers, stream: stream), at: at(0)) { return refusal }
      _ = watch.received(FrameHead(length: content, kind: .data, flags: 1, stream: stream), at: at(0))
      return watch.sent(head(.headers, flags: 1, stream: stream), at: at(0))
    }
    for _ in 0..<3 * FrameLimits.openings.burst { #expect(call(content: 5) == nil) }
    for _ in 0..<FrameLimits.openings.burst { #expect(call(content: 0) == nil) }
    #expect(call(content: 5) == .openings)
  }

  @Test(
    "streams that the server has to end have a limit, too, which is more than it refuses before a client knows the limit"
  )
  func streamErrors() {
    var watch = FrameWatch(streams: 16)
    let limit = FrameLimits.streamErrors
    #expect(limit.burst > FrameLimits.streamsBeforeSettings)
    for _ in 0..<limit.burst { #expect(watch.sent(head(.reset, stream: 1), at: at(0)) == nil) }
    #expect(watch.sent(head(.reset, stream: 1), at: at(0)) == .streamErrors)
    #expect(watch.sent(head(.reset, stream: 1), at: at(10)) == nil)
    #expect(FrameRefusal.streamErrors.sentence.contains("\(limit.burst) at once"))
  }

  @Test("what is borrowed is waited for")
  func borrowing() {
    var allowance = Allowance(burst: 3, perSecond: 2)
    #expect((0..<3).allSatisfy { _ in allowance.borrow(at: at(0)) == .zero })
    #expect(allowance.borrow(at: at(0)) == .milliseconds(500))
    #expect(allowance.borrow(at: at(0)) == .seconds(1))
    allowance.earn(3)
    #expect(allowance.borrow(at: at(0)) == .zero)
    #expect(allowance.borrow(at: at(10)) == .zero, "and the past gives no more than the most at once")
    #expect((0..<2).allSatisfy { _ in allowance.borrow(at: at(10)) == .zero })
    #expect(allowance.borrow(at: at(10)) > .zero)
  }
}

/// Takes the end of one side, which an embedded channel takes for both.
private final class OutputSide: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard case .output = mode else { return context.close(mode: mode, promise: promise) }
    promise?.succeed()
  }
}

@Suite("A guard before HTTP/2")
struct FrameGuardTests {
  private let counts = FrameCounts()

  private func open() throws -> EmbeddedChannel {
    let setup = FrameGuard.Setup(streams: 16, counts: counts, server: "test", logger: Logger(label: "test"))
    let channel = EmbeddedChannel(handlers: [OutputSide(), FrameGuard(setup: setup, caller: .local)])
    try channel.connect(to: .init(unixDomainSocketPath: "/none")).wait()
    try channel.writeInbound(ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    _ = try channel.readInbound(as: ByteBuffer.self)
    return channel
  }

  private func sent(_ channel: EmbeddedChannel) throws -> FrameConnection.Frame? {
    guard let bytes = try channel.readOutbound(as: ByteBuffer.self) else { return nil }
    var (reader, offset) = (FrameReader(preface: 0), 0)
    guard let head = bytes.withUnsafeReadableBytes({ reader.next($0, from: &offset) }) else { return nil }
    return FrameConnection.Frame(head: head, payload: Array(bytes.readableBytesView.dropFirst(offset)))
  }

  @Test("what is within the limits passes unchanged, in both directions")
  func passes() throws {
    let channel = try open()
    let frames = [FrameConnection.frame(.settings), FrameConnection.frame(.data, stream: 1, ByteBuffer(string: "abc"))]
    for frame in frames {
      try channel.writeInbound(frame)
      #expect(try channel.readInbound(as: ByteBuffer.self) == frame)
      try channel.writeOutbound(frame)
      #expect(try channel.readOutbound(as: ByteBuffer.self) == frame)
    }
    #expect(FrameRefusal.allCases.allSatisfy { counts[$0] == 0 })
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test("what is beyond them does not pass; the client is told why, and loses the connection a second later")
  func ends() throws {
    let channel = try open()
    let ping = FrameConnection.frame(.ping, ByteBuffer(repeating: 0, count: 8))
    try channel.writeInbound(FrameConnection.frame(.headers, flags: 5, stream: 7))
    for _ in 0..<FrameLimits.pings.burst { try channel.writeInbound(ping) }
    while try channel.readInbound(as: ByteBuffer.self) != nil {}
    try channel.writeInbound(ping)
    #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    let farewell = try #require(try sent(channel)?.goAway)
    #expect(farewell.stream == 7 && farewell.code == 0xB && farewell.text == FrameRefusal.pings.sentence)
    #expect(counts[.pings] == 1)
    // Nothing else happens on the connection.
    try channel.writeInbound(ping)
    #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    #expect(throws: ChannelError.self) { try channel.writeOutbound(ByteBuffer(string: "more")) }
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive && counts[.pings] == 1)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test(
    "each GOAWAY of the library gets a sentence; one with an error is the end",
    arguments: [UInt32(0), 1, 3, 6, 9, 11])
  func sentences(code: UInt32) throws {
    let channel = try open()
    var payload = ByteBuffer()
    payload.writeMultipleIntegers(UInt32(5), code)
    try channel.writeOutbound(FrameConnection.frame(.goAway, payload))
    let farewell = try #require(try sent(channel)?.goAway)
    #expect(farewell.stream == 5 && farewell.code == code && farewell.text == FrameRefusal.sentence(ofCode: code))
    #expect(farewell.text.count > 20 && counts[.violation] == (code == 0 ? 0 : 1))
    channel.close(promise: nil)
    #expect(channel.isActive == (code != 0), "there is time to read it")
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }

  @Test("a connection without a request is told so and ended, also when a head does not end or has no content")
  func idle() throws {
    let frames = [
      FrameConnection.frame(.settings), FrameConnection.frame(.headers, stream: 1), try FrameConnection.open(1),
    ]
    for frame in frames {
      let channel = try open()
      try channel.writeInbound(frame)
      channel.embeddedEventLoop.advanceTime(by: .seconds(119))
      #expect(try sent(channel) == nil)
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      let farewell = try #require(try sent(channel)?.goAway)
      #expect(farewell.code == 0 && farewell.text == FrameRefusal.idle.sentence)
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      #expect(!channel.isActive)
    }
    #expect(counts[.idle] == 3)
  }

  @Test("a connection with a request stays, and is idle from the end of its last stream")
  func request() throws {
    let channel = try open()
    try channel.writeInbound(try FrameConnection.open(1))
    try channel.writeInbound(FrameConnection.message([1], stream: 1))
    channel.embeddedEventLoop.advanceTime(by: .seconds(10_000))
    #expect(try sent(channel) == nil)
    // The server's end counts: the client may leave its side open.
    try channel.writeOutbound(FrameConnection.frame(.headers, flags: 5, stream: 1))
    _ = try channel.readOutbound(as: ByteBuffer.self)
    channel.embeddedEventLoop.advanceTime(by: .seconds(119))
    #expect(try sent(channel) == nil)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(try sent(channel)?.goAway?.text == FrameRefusal.idle.sentence && counts[.idle] == 1)
  }

  @Test("content that looks like GOAWAY is no GOAWAY")
  func content() throws {
    let channel = try open()
    var payload = ByteBuffer()
    payload.writeMultipleIntegers(UInt32(5), UInt32(1))
    let lookAlike = FrameConnection.frame(.goAway, payload)
    // The head of DATA leaves in a write of its own.
    let frame = FrameConnection.frame(.data, stream: 1, lookAlike)
    try channel.writeOutbound(frame.getSlice(at: 0, length: FrameHead.size) ?? ByteBuffer())
    try channel.writeOutbound(lookAlike)
    _ = try channel.readOutbound(as: ByteBuffer.self)
    #expect(try channel.readOutbound(as: ByteBuffer.self) == lookAlike && counts[.violation] == 0)
    _ = try channel.finish(acceptAlreadyClosed: true)
  }
}
