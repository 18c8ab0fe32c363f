import HTTPTypes
import NIOCore
import NIOHTTP1

/// Receives the requests of a connection one by one, calls the responder, and writes the answers.
///
/// It refuses a request as early as possible: if the head is enough, before the body arrives.
final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    case waiting
    case receiving
    case answering
    /// The answer has been written, and not sent.
    case sending
    /// Further bytes are ignored.
    case refused
  }

  /// A request without its body, until its answer is written.
  private struct Exchange {
    var request: ReceivedRequest
    var version: HTTPVersion
    var isKeepAlive: Bool
    /// Who sent it, once that is decided.
    var caller: Caller
    /// What it gets instead of the responder's answer.
    var refusal: Answer?
    /// The largest body, in bytes.
    var bodyLimit: Int
  }

  private let service: RequestService
  private let watch: ReceiptWatch
  /// The client of the connection.
  private let caller: Caller
  private var state = State.waiting
  private var exchange: Exchange?
  private var body: [UInt8] = []
  /// Whether the client has closed its side of the connection.
  private var isHalfClosed = false

  init(service: RequestService, watch: ReceiptWatch, caller: Caller) {
    self.service = service
    self.watch = watch
    self.caller = caller
  }

  // MARK: Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if case .body(let bytes) = part { watch.bodyReceived(bytes.readableBytes) }
    switch (state, part) {
    case (.waiting, .head(let head)): begin(context, head)
    case (.receiving, .body(let bytes)):
      guard let exchange, exchange.refusal == nil else { return }
      guard bytes.readableBytes <= exchange.bodyLimit - body.count else {
        return refuse(context, .bodyTooLarge(limit: exchange.bodyLimit))
      }
      guard watch.reserveBody(bytes.readableBytes) else { return refuse(context, .overloaded) }
      body.append(contentsOf: bytes.readableBytesView)
    case (.receiving, .end): complete(context)
    default: break
    }
  }

  private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    state = .receiving
    let announced = head.headers.first(name: "content-length").map { Int($0) ?? .max }
    watch.headReceived(
      size: head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count },
      body: announced ?? 0)
    guard
      let request = HTTPRequest(
        head, scheme: caller.isSecure ? "https" : "http", address: context.channel.localAddress?.authority)
    else { return refuse(context, .malformed("the method is invalid"), version: head.version) }
    let received = ReceivedRequest(request, isLogged: service.logsRequests)
    watch.request = received
    let bodyLimit = min(service.smallerBodyLimit(request) ?? .max, service.bodyLimit)
    exchange = Exchange(
      request: received, version: head.version, isKeepAlive: head.isKeepAlive, caller: caller, bodyLimit: bodyLimit)
    guard head.headers["host"].count <= 1 else { return refuse(context, .malformed("it has two Host fields")) }
    if let refusal = service.callers.refusal(of: request) { return refuse(context, refusal) }
    if let refusal = refusal(of: request) {
      // After a small body the connection can go on.
      guard (announced ?? 0) <= RequestService.discardedBodyLimit, !head.headers.contains(name: "transfer-encoding"),
        !head.headers.contains(name: "expect")
      else {
        return refuse(context, with: refusal)
      }
      exchange?.refusal = refusal
      return
    }
    if let announced {
      guard announced <= bodyLimit else { return refuse(context, .bodyTooLarge(limit: bodyLimit)) }
      guard service.bodies.hasRoom(for: announced) else { return refuse(context, .overloaded) }
      body.reserveCapacity(announced)
    }
    // HTTP/1.0 has no interim answers (https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1).
    guard let expectation = head.headers.first(name: "expect"), !head.version.isBeforeHTTP11 else { return }
    guard expectation.lowercased() == "100-continue" else { return refuse(context, .expectation) }
    guard announced != 0 else { return }
    context.writeAndFlush(
      wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
  }

  /// The answer to a request that comes too soon, or whose sender may not send it.
  private func refusal(of request: HTTPRequest) -> Answer? {
    let (caller, refusal) = service.admit(request, from: caller)
    exchange?.caller = caller
    return refusal
  }

  private func complete(_ context: ChannelHandlerContext) {
    guard let exchange else { return }
    state = .answering
    watch.requestReceived()
    let (request, bytes, caller) = (exchange.request.head, body, exchange.caller)
    body = []
    if let refusal = exchange.refusal { return answer(context, refusal) }
    if let preflight = service.callers.origins.preflight(request) { return answer(context, preflight) }
    let loop = context.eventLoop
    let here = NIOLoopBound(self, eventLoop: loop)
    let there = NIOLoopBound(context, eventLoop: loop)
    let responder = service.responder
    service.running.run(on: service.executor) {
      let answer = await responder(request, bytes, caller)
      loop.execute { here.value.answer(there.value, answer) }
    }
  }

  // MARK: Answers

  private func answer(_ context: ChannelHandlerContext, _ answer: Answer) {
    guard case .answering = state, let exchange, context.channel.isActive else { return }
    self.exchange = nil
    state = .sending
    if answer.exceedsDocumentBound { service.counts.count(.document) }
    if let reason = answer.refusalReason { service.noteRefusal(reason, of: exchange.request.head, exchange.caller) }
    var answer = answer
    answer.fields.add(service.callers.origins.fields(for: exchange.request.head))
    let isKeepAlive =
      exchange.isKeepAlive && !isHalfClosed && answer.fields[.connection] != "close" && !service.ending.hasBegun
    let sent = write(context, answer, to: exchange.request, version: exchange.version, isKeepAlive: isKeepAlive)
    if !isKeepAlive { state = .refused }
    let here = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    sent.whenComplete { _ in here.value.handler.sent(here.value.context) }
  }

  /// The operating system has taken an answer. The next request can come.
  private func sent(_ context: ChannelHandlerContext) {
    guard case .sending = state, !isHalfClosed, context.channel.isActive else { return context.close(promise: nil) }
    state = .waiting
    // NIO's handler passes on no request before this.
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    watch.resume()
  }

  private func refuse(_ context: ChannelHandlerContext, _ refusal: RequestRefusal, version: HTTPVersion = .http1_1) {
    end(context, with: service.refuse(exchange?.request.head, refusal), version: version)
  }

  /// Refuses a request whose body is not received.
  private func refuse(_ context: ChannelHandlerContext, with answer: Answer) {
    var answer = answer
    if let request = exchange?.request.head { answer.fields.add(service.callers.origins.fields(for: request)) }
    end(context, with: answer, version: exchange?.version ?? .http1_1)
  }

  /// Sends the last answer of the connection.
  private func end(_ context: ChannelHandlerContext, with answer: Answer, version: HTTPVersion) {
    state = .refused
    body = []
    let request = exchange?.request
    exchange = nil
    let here = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    write(context, answer, to: request, version: version, isKeepAlive: false).whenComplete { _ in
      // NIO's handler stops reading before this, and the client may still be sending.
      here.value.context.writeAndFlush(here.value.handler.wrapOutboundOut(.end(nil)), promise: nil)
      here.value.handler.watch.linger()
    }
  }

  /// Writes an answer but its end, for which ``sent(_:)`` waits.
  ///
  /// - Returns: when it has been sent.
  private func write(
    _ context: ChannelHandlerContext, _ answer: Answer, to request: ReceivedRequest?, version: HTTPVersion,
    isKeepAlive: Bool
  ) -> EventLoopFuture<Void> {
    var answer = answer
    if let request { service.record(request, &answer, from: context.remoteAddress) }
    let status = answer.status
    var headers = HTTPHeaders()
    headers.reserveCapacity(answer.fields.count + 3)
    for field in answer.fields where field.name != .connection && field.name != .contentLength {
      headers.add(name: field.name.rawName, value: field.value)
    }
    headers.add(name: "Date", value: HTTPDate.now)
    if status != .noContent, status != .notModified {
      headers.add(name: "Content-Length", value: String(answer.body.count))
    }
    if !isKeepAlive {
      headers.add(name: "Connection", value: "close")
    } else if version.isBeforeHTTP11 {
      headers.add(name: "Connection", value: "keep-alive")
    }
    let head = HTTPResponseHead(
      version: version, status: HTTPResponseStatus(statusCode: status.code), headers: headers)
    let sent = context.eventLoop.makePromise(of: Void.self)
    let number = watch.answerStarted(bytes: answer.body.count)
    let watch = NIOLoopBound(watch, eventLoop: context.eventLoop)
    sent.futureResult.whenSuccess { watch.value.answerSent(number) }
    if request?.head.method != .head, !answer.body.isEmpty {
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: sent)
    } else {
      context.writeAndFlush(wrapOutboundOut(.head(head)), promise: sent)
    }
    return sent.futureResult
  }

  // MARK: The connection

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
    // A request that was ended because it did not arrive is incomplete for the parser, too.
    guard !watch.isClosed else { return }
    switch state {
    case .waiting, .receiving:
      refuse(context, error == .headerOverflow ? .headTooLarge : .malformed("it cannot be parsed"))
    case .answering, .sending, .refused: break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
    isHalfClosed = true
    switch state {
    case .answering, .sending: return
    case .waiting, .receiving, .refused: break
    }
    context.close(promise: nil)
  }
}

extension HTTPRequest {
  /// The request of a parsed head; nil if its method is not a token.
  ///
  /// - Parameter address: the local address, for a request without a host.
  fileprivate init?(_ head: HTTPRequestHead, scheme: String, address: @autoclosure () -> String?) {
    guard let method = HTTPRequest.Method(head.method.rawValue) else { return nil }
    var fields = HTTPFields()
    for (name, value) in head.headers {
      guard let name = HTTPField.Name(name) else { continue }
      fields.append(HTTPField(name: name, value: value))
    }
    // The host of an absolute target overrides `Host`.
    let whole = HTTPRequest.split(address: head.uri)
    self.init(
      method: method, scheme: scheme, authority: whole?.authority ?? head.headers.first(name: "host") ?? address(),
      path: whole?.path ?? head.uri, headerFields: fields)
  }
}

extension HTTPVersion {
  fileprivate var isBeforeHTTP11: Bool { major < 1 || (major == 1 && minor < 1) }
}

extension SocketAddress {
  /// The address and port in the syntax of `Host`.
  var authority: String? {
    guard let ipAddress, let port else { return nil }
    return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
  }
}
