import HTTPService
import MeshModel
import MeshXDS
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Runs before gRPC's handler on every HTTP/2 stream, and passes on only frames that this handler can process.
///
/// It refuses headers that would crash gRPC Swift, assembles and decompresses messages within budgets, and tells the peer what is
/// wrong: see docs/decisions/020-a-guard-before-grpc.md.
final class RequestGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = HTTP2Frame.FramePayload
  typealias OutboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  /// The state shared by all streams.
  struct Setup: Sendable {
    let receipts: StreamReceipts
    /// The size of a message in bytes, compressed and decompressed.
    let messageLimit: Int
    /// How long a message may take to arrive.
    let timeout: TimeAmount
    /// The served paths. Content of requests to other paths is ignored.
    let paths: Set<String>
    /// What is different for requests to further paths, which are served too.
    var others: [String: (receipts: StreamReceipts, messageLimit: Int)] = [:]
  }

  private let setup: Setup
  private var receipt: StreamReceipt?
  /// Where the receipt is from.
  private var receipts: StreamReceipts
  private var assembler = MessageAssembler(limit: 0, isCompressed: false)
  private var hasHead = false
  /// Whether further input is discarded.
  private var ignoresInput = false
  private var isRefused = false
  private var hasEnded = false
  private var timer: Scheduled<Void>?

  init(setup: Setup) {
    self.setup = setup
    receipts = setup.receipts
  }

  func handlerRemoved(context: ChannelHandlerContext) { close() }

  func channelInactive(context: ChannelHandlerContext) {
    close()
    context.fireChannelInactive()
  }

  private func close() {
    timer?.cancel()
    timer = nil
    assembler = MessageAssembler(limit: 0, isCompressed: false)
    if let receipt { receipts.close(receipt) }
    receipt = nil
  }

  // MARK: From the peer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let headers) where !hasHead:
      hasHead = true
      begin(context, headers)
    case .headers(let trailers):
      // A gRPC request has no trailers. Trailers that end the stream end the request.
      if trailers.endStream { end(context) }
    case .data(let content):
      if case .byteBuffer(var bytes) = content.data, !ignoresInput { receive(context, &bytes) }
      if content.endStream { end(context) }
    case let other:
      context.fireChannelRead(wrapInboundOut(other))
    }
  }

  private func begin(_ context: ChannelHandlerContext, _ request: HTTP2Frame.FramePayload.Headers) {
    guard !FrameGuard.refuses(context.channel) else {
      (ignoresInput, hasEnded) = (true, true)
      return context.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: nil)
    }
    var request = request
    request.headers.remove(name: StreamReceipts.header)
    let path = request.headers.first(name: ":path") ?? ""
    let other = setup.others[path]
    receipts = other?.receipts ?? setup.receipts
    let receipt = receipts.open()
    self.receipt = receipt
    let (encoding, refusal) = RequestHeaders.check(&request.headers)
    assembler = MessageAssembler(
      limit: other?.messageLimit ?? setup.messageLimit, isCompressed: encoding == .compressed)
    request.headers.add(name: StreamReceipts.header, value: receipt.id, indexing: .neverIndexed)
    ignoresInput = other == nil && !setup.paths.contains(path)
    hasEnded = request.endStream
    context.fireChannelRead(wrapInboundOut(.headers(request)))
    if let refusal { refuse(refusal) }
  }

  private func receive(_ context: ChannelHandlerContext, _ bytes: inout ByteBuffer) {
    guard let receipt else { return }
    do throws(MessageAssembler.Failure) {
      for message in try assembler.add(&bytes, take: receipt.reserve) {
        timer?.cancel()
        timer = nil
        forward(context, message)
        // An empty buffer, so that the next handler does not hold the memory of this one.
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
      refuse(SessionRefusal(code: .invalidArgument, message: "the stream ended in the middle of a message"))
    }
    forward(context, ByteBuffer(), endStream: true)
  }

  /// Makes the service end the stream, and discards what has arrived.
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
      refuse(
        SessionRefusal(code: .deadlineExceeded, message: "a message did not arrive completely within \(seconds) s"))
    }
  }

  // MARK: To the peer

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    context.write(data, promise: promise)
    guard isRefused, !hasEnded, case .headers(let headers) = unwrapOutboundIn(data), headers.endStream else { return }
    // The rest of the request is not needed (RFC 9113, section 8.1).
    hasEnded = true
    context.write(wrapOutboundOut(.rstStream(.noError)), promise: nil)
  }
}

/// The request headers that concern messages.
enum RequestHeaders {
  enum Encoding {
    case plain
    case compressed
  }

  /// Removes headers that gRPC's transport cannot handle, and returns the first error.
  static func check(_ headers: inout HPACKHeaders) -> (Encoding, SessionRefusal?) {
    var refusal: SessionRefusal?
    // Proxies do not send these headers. Browsers do, for web pages, which may not use this server.
    if let origin = headers.first(name: "origin") {
      refusal = SessionRefusal(
        code: .permissionDenied, message: "web pages, such as of \(shown([origin])), may not use the data plane server")
    } else if headers.first(name: "sec-fetch-site")?.lowercased() == "cross-site" {
      refusal = SessionRefusal(
        code: .permissionDenied, message: "web pages of other sites may not use the data plane server")
    }
    let timeouts = headers["grpc-timeout"]
    if timeouts.count > 1 || timeouts.contains(where: { !isTimeout($0) }) {
      headers.remove(name: "grpc-timeout")
      refusal =
        refusal
        ?? SessionRefusal(
          code: .invalidArgument,
          message: "grpc-timeout must be one number of at most 8 digits with a unit, not \"\(shown(timeouts))\"")
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

  /// Whether a text is a timeout in gRPC's format: digits and a unit.
  static func isTimeout(_ text: String) -> Bool {
    let digits = text.utf8.dropLast()
    guard let unit = text.utf8.last, (1...8).contains(digits.count) else { return false }
    return digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && "HMSmun".utf8.contains(unit)
  }

  private static func shown(_ values: [String]) -> String { values.joined(separator: ", ").printable(atMost: 100) }
}
