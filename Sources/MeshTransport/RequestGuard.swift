import MeshModel
import MeshXDS
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Stands before gRPC's handler on every HTTP/2 stream and lets only those frames through that this handler can take.
///
/// It refuses headers that would end the whole program in gRPC Swift, receives messages whole, decompressed and within budgets, and
/// tells the peer in words what is wrong: see docs/decisions/020-a-guard-before-grpc.md.
final class RequestGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = HTTP2Frame.FramePayload
  typealias OutboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  /// What all streams share.
  struct Setup: Sendable {
    let receipts: StreamReceipts
    /// Bytes of a message, compressed and decompressed.
    let messageLimit: Int
    /// How long a message may take to arrive.
    let timeout: TimeAmount
    /// The paths whose messages are of interest; content of others is not looked at.
    let paths: Set<String>
  }

  private let setup: Setup
  private var receipt: StreamReceipt?
  private var assembler = MessageAssembler(limit: 0, isCompressed: false)
  private var hasHead = false
  /// Whether nothing that comes is looked at any more.
  private var ignoresInput = false
  private var isRefused = false
  private var hasEnded = false
  private var timer: Scheduled<Void>?

  init(setup: Setup) { self.setup = setup }

  func handlerRemoved(context: ChannelHandlerContext) { close() }

  func channelInactive(context: ChannelHandlerContext) {
    close()
    context.fireChannelInactive()
  }

  private func close() {
    timer?.cancel()
    timer = nil
    assembler = MessageAssembler(limit: 0, isCompressed: false)
    if let receipt { setup.receipts.close(receipt) }
    receipt = nil
  }

  // MARK: From the peer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let headers) where !hasHead:
      hasHead = true
      begin(context, headers)
    case .headers(let trailers):
      // A gRPC request has no trailers. If they end the stream, they end the request.
      if trailers.endStream { end(context) }
    case .data(let content):
      if case .byteBuffer(var bytes) = content.data, !ignoresInput { receive(context, &bytes) }
      if content.endStream { end(context) }
    case let other:
      context.fireChannelRead(wrapInboundOut(other))
    }
  }

  private func begin(_ context: ChannelHandlerContext, _ request: HTTP2Frame.FramePayload.Headers) {
    var request = request
    request.headers.remove(name: StreamReceipts.header)
    let receipt = setup.receipts.open()
    self.receipt = receipt
    let (encoding, refusal) = RequestHeaders.check(&request.headers)
    assembler = MessageAssembler(limit: setup.messageLimit, isCompressed: encoding == .compressed)
    request.headers.add(name: StreamReceipts.header, value: receipt.id, indexing: .neverIndexed)
    ignoresInput = !setup.paths.contains(request.headers.first(name: ":path") ?? "")
    hasEnded = request.endStream
    context.fireChannelRead(wrapInboundOut(.headers(request)))
    if let refusal { refuse(refusal) }
  }

  private func receive(_ context: ChannelHandlerContext, _ bytes: inout ByteBuffer) {
    guard let receipt else { return }
    do throws(MessageAssembler.Failure) {
      for message in try assembler.add(&bytes, take: receipt.take) {
        timer?.cancel()
        timer = nil
        forward(context, message)
        // In place of the message, whose memory the next handler would keep.
        if message.readableBytes > MessageAssembler.freeBytes { forward(context, ByteBuffer()) }
      }
      if assembler.isWaiting, timer == nil { startTimer(context) }
    } catch {
      refuse(SessionRefusal(code: error.code, message: error.message))
    }
  }

  private func forward(_ context: ChannelHandlerContext, _ bytes: ByteBuffer, endStream: Bool = false) {
    context.fireChannelRead(wrapInboundOut(.data(.init(data: .byteBuffer(bytes), endStream: endStream))))
  }

  private func end(_ context: ChannelHandlerContext) {
    guard !hasEnded else { return }
    hasEnded = true
    if assembler.isWaiting, !ignoresInput {
      refuse(SessionRefusal(code: .invalidArgument, message: "the stream was ended in the middle of a message"))
    }
    forward(context, ByteBuffer(), endStream: true)
  }

  /// Has the service end the stream, and drops what has arrived.
  private func refuse(_ refusal: SessionRefusal) {
    timer?.cancel()
    timer = nil
    ignoresInput = true
    isRefused = true
    assembler = MessageAssembler(limit: 0, isCompressed: false)
    receipt?.refuse(refusal)
  }

  private func startTimer(_ context: ChannelHandlerContext) {
    let seconds = setup.timeout.nanoseconds / 1_000_000_000
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: setup.timeout) { [self] in
      refuse(SessionRefusal(code: .deadlineExceeded, message: "a message did not arrive whole within \(seconds) s"))
    }
  }

  // MARK: To the peer

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    context.write(data, promise: promise)
    guard isRefused, !hasEnded, case .headers(let headers) = unwrapOutboundIn(data), headers.endStream else { return }
    // Nothing more of the request is wanted (RFC 9113, section 8.1).
    hasEnded = true
    context.write(wrapOutboundOut(.rstStream(.noError)), promise: nil)
  }
}

/// The headers of a request as far as they concern its messages.
enum RequestHeaders {
  enum Encoding {
    case plain
    case compressed
  }

  /// Takes out what gRPC's transport must not see, and says what is wrong with it.
  static func check(_ headers: inout HPACKHeaders) -> (Encoding, SessionRefusal?) {
    var refusal: SessionRefusal?
    // No proxy sends these: a browser does, for a page that has no business here.
    if let origin = headers.first(name: "origin") {
      refusal = SessionRefusal(
        code: .permissionDenied, message: "pages, such as of \(shown([origin])), may not use the data plane server")
    } else if headers.first(name: "sec-fetch-site")?.lowercased() == "cross-site" {
      refusal = SessionRefusal(
        code: .permissionDenied, message: "pages of other sites may not use the data plane server")
    }
    let timeouts = headers["grpc-timeout"]
    if timeouts.count > 1 || timeouts.contains(where: { !isTimeout($0) }) {
      headers.remove(name: "grpc-timeout")
      refusal =
        refusal
        ?? SessionRefusal(
          code: .invalidArgument,
          message: "grpc-timeout has to be one number of at most 8 digits with a unit, not \"\(shown(timeouts))\"")
    }
    let encodings = headers["grpc-encoding"]
    headers.remove(name: "grpc-encoding")
    switch encodings.count > 1 ? "" : encodings.first?.lowercased() ?? "identity" {
    case "identity": return (.plain, refusal)
    case "gzip", "deflate": return (.compressed, refusal)
    default:
      return (
        .plain,
        refusal
          ?? SessionRefusal(
            code: .unimplemented,
            message: "grpc-encoding \"\(shown(encodings))\" is not supported; use identity, gzip or deflate")
      )
    }
  }

  /// Whether text is a timeout as gRPC's protocol has it: digits and a unit.
  static func isTimeout(_ text: String) -> Bool {
    let digits = text.utf8.dropLast()
    guard let unit = text.utf8.last, (1...8).contains(digits.count) else { return false }
    return digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && "HMSmun".utf8.contains(unit)
  }

  private static func shown(_ values: [String]) -> String { values.joined(separator: ", ").printable(atMost: 100) }
}
