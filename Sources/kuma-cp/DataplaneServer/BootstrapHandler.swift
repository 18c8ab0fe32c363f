import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers HTTP/1.1 requests on a connection of the data plane server, one after the other.
final class BootstrapHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// Answers a request with its whole body; the request's scheme tells whether the connection is secured.
  typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> (HTTPResponse, [UInt8])

  /// What all connections share.
  struct Setup: Sendable {
    let responder: Responder
    /// Bytes of a body above which the answer is 413.
    let bodyLimit: Int
    /// How long a request may take to arrive, and a connection may wait for the next.
    let timeout: TimeAmount
  }

  private let setup: Setup
  private let isTLS: Bool
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()
  private var timer: Scheduled<Void>?
  /// Whether the rest of the connection is not looked at any more.
  private var isRefused = false

  init(setup: Setup, isTLS: Bool) {
    self.setup = setup
    self.isTLS = isTLS
  }

  func handlerAdded(context: ChannelHandlerContext) { startTimer(context) }
  func handlerRemoved(context: ChannelHandlerContext) { stopTimer() }

  func channelInactive(context: ChannelHandlerContext) {
    stopTimer()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
      if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > setup.bodyLimit {
        refuse(context)
      } else if head.headers[canonicalForm: "expect"].contains("100-continue") {
        let head = HTTPResponseHead(version: head.version, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
      }
    case .body(var bytes):
      guard bytes.readableBytes <= setup.bodyLimit - body.readableBytes else { return refuse(context) }
      body.writeBuffer(&bytes)
    case .end:
      guard let head else { return }
      self.head = nil
      stopTimer()
      answer(context, head)
    }
  }

  private func answer(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    guard let request = HTTPRequest(head, scheme: isTLS ? "https" : "http") else {
      return refuse(context, .badRequest, "The request's method or target is not valid.\n")
    }
    let bytes = Array(body.readableBytesView)
    body = ByteBuffer()
    let responder = setup.responder
    let eventLoop = context.eventLoop
    let channel = context.channel
    let handler = NIOLoopBound(self, eventLoop: eventLoop)
    let contextBox = NIOLoopBound(context, eventLoop: eventLoop)
    eventLoop.makeFutureWithTask {
      await responder(request, bytes)
    }.whenComplete { result in
      guard channel.isActive, case .success(let (response, bytes)) = result else { return channel.close(promise: nil) }
      handler.value.write(contextBox.value, response, bytes, version: head.version, keepAlive: head.isKeepAlive)
    }
  }

  private func refuse(
    _ context: ChannelHandlerContext, _ status: HTTPResponse.Status = .contentTooLarge, _ text: String? = nil
  ) {
    isRefused = true
    let text = text ?? "The body is larger than \(setup.bodyLimit) bytes.\n"
    let response = HTTPResponse(status: status, headerFields: [.contentType: "text/plain; charset=utf-8"])
    write(context, response, Array(text.utf8), version: .http1_1, keepAlive: false)
  }

  private func write(
    _ context: ChannelHandlerContext, _ response: HTTPResponse, _ bytes: [UInt8], version: HTTPVersion, keepAlive: Bool
  ) {
    var headers = HTTPHeaders()
    for field in response.headerFields { headers.add(name: field.name.rawName, value: field.value) }
    headers.replaceOrAdd(name: "content-length", value: String(bytes.count))
    headers.replaceOrAdd(name: "connection", value: keepAlive ? "keep-alive" : "close")
    let status = HTTPResponseStatus(statusCode: response.status.code)
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: version, status: status, headers: headers))), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
    let written = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    if keepAlive {
      startTimer(context)
    } else {
      stopTimer()
      // Not at once: closing with unread input resets the connection, and the answer might be lost.
      let channel = context.channel
      let linger: TimeAmount = isRefused ? .seconds(1) : .zero
      written.futureResult.whenComplete { _ in
        if linger == .zero { return channel.close(promise: nil) }
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
      }
    }
  }

  private func startTimer(_ context: ChannelHandlerContext) {
    stopTimer()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: setup.timeout) { [channel = context.channel] in
      channel.close(promise: nil)
    }
  }

  private func stopTimer() {
    timer?.cancel()
    timer = nil
  }
}

extension HTTPRequest {
  /// The request of a parsed head; `nil` if its method is no token.
  fileprivate init?(_ head: HTTPRequestHead, scheme: String) {
    guard let method = HTTPRequest.Method(head.method.rawValue) else { return nil }
    var fields = HTTPFields()
    for (name, value) in head.headers {
      guard let name = HTTPField.Name(name) else { continue }
      fields.append(HTTPField(name: name, value: value))
    }
    self.init(
      method: method, scheme: scheme, authority: head.headers.first(name: "host"), path: head.uri, headerFields: fields)
  }
}
