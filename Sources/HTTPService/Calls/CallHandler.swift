import HTTPTypes
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Receives one call, calls the responder, and ends the call with the answer. Every call ends with a status; none is just reset.
///
/// It refuses a call as early as possible: if the head is enough, before the message arrives.
final class CallHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private enum State {
    case waiting
    case receiving
    case answering
    /// The answer has been written. Further bytes are ignored.
    case ended
  }

  private let calls: UnaryCalls
  private let service: RequestService
  private let connection: CallConnection
  /// Who sends the call, with a name once that is decided.
  private var caller: Caller
  private var state = State.waiting
  private var request: ReceivedRequest?
  private var encoding: String?
  private var message = CallMessage(limit: 0, mayBeCompressed: false)
  /// The bytes of the call.
  private var headCharge: ByteCharge
  private var messageCharge: ByteCharge
  /// Whether the client sends no more.
  private var hasInputEnded = false
  private var clock: ReceiptClock
  private var timer: Scheduled<Void>?
  private var timerTime = NIODeadline.distantFuture
  private var context: ChannelHandlerContext?

  init(_ calls: UnaryCalls, _ service: RequestService, connection: CallConnection, caller: Caller) {
    self.calls = calls
    self.service = service
    self.connection = connection
    self.caller = caller
    headCharge = ByteCharge(on: service.heads)
    messageCharge = ByteCharge(on: service.bodies)
    clock = ReceiptClock(service.limits, at: .now())
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  // The client has reset the stream, or the library has: there is nobody to tell.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func end() {
    guard context != nil else { return }
    context = nil
    state = .ended
    release()
    stopTimer()
    connection.ended(self)
  }

  private func release() {
    message = CallMessage(limit: 0, mayBeCompressed: false)
    headCharge.reduce(by: .max)
    messageCharge.reduce(by: .max)
  }

  // MARK: From the client

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let head) where state == .waiting:
      hasInputEnded = head.endStream
      begin(context, head.headers)
      if head.endStream { complete(context) }
    case .headers(let trailers) where trailers.endStream: endInput(context)
    case .data(let content):
      if case .byteBuffer(var bytes) = content.data { receive(context, &bytes) }
      if content.endStream { endInput(context) }
    default: break
    }
  }

  private func endInput(_ context: ChannelHandlerContext) {
    hasInputEnded = true
    complete(context)
  }

  private func begin(_ context: ChannelHandlerContext, _ headers: HPACKHeaders) {
    guard !FrameGuard.refuses(context.channel) else {
      state = .ended
      return context.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: nil)
    }
    state = .receiving
    let now = NIODeadline.now()
    clock.headReceived(at: now)
    // Known at once on the event loop of the stream.
    context.channel.getOption(HTTP2StreamChannelOptions.streamID).assumeIsolated().whenSuccess {
      self.connection.began(self, on: $0)
    }
    let head: CallHead
    do throws(CallHead.Failure) {
      head = try CallHead(headers, calls, isSecure: caller.isSecure)
    } catch {
      return refuse(context, error)
    }
    let received = ReceivedRequest(head.request, isLogged: service.logsRequests)
    request = received
    encoding = head.encoding
    let bodyLimit = min(service.smallerBodyLimit(head.request) ?? .max, service.bodyLimit)
    message = CallMessage(limit: bodyLimit, mayBeCompressed: head.encoding != nil)
    let size = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    guard headCharge.add(size) else { return answer(context, service.refuse(head.request, .overloaded)) }
    if let refusal = service.callers.refusal(of: head.request) {
      return answer(context, service.refuse(head.request, refusal))
    }
    let (caller, refusal) = service.admit(head.request, from: caller)
    self.caller = caller
    if let refusal { return answer(context, refusal) }
    startTimer()
  }

  private func refuse(_ context: ChannelHandlerContext, _ failure: CallHead.Failure) {
    service.counts.count(.malformed)
    switch failure {
    case .refused(let status, let sentence): answer(context, .text(sentence + "\n", status))
    case .notACall(let status, let sentence):
      let answer = Answer.text(sentence + "\n", status)
      var headers: HPACKHeaders = [":status": String(status.code)]
      headers.add(name: "content-type", value: MediaType.textUTF8)
      send(context, headers, answer.body, nil)
    }
  }

  private func receive(_ context: ChannelHandlerContext, _ bytes: inout ByteBuffer) {
    guard state == .receiving else { return }
    clock.received(bytes.readableBytes, at: .now())
    do throws(CallMessage.Failure) {
      try message.add(
        &bytes, hasRoom: { service.bodies.hasRoom(for: $0) }, take: { messageCharge.add($0) })
    } catch {
      refuse(context, error)
    }
  }

  private func refuse(_ context: ChannelHandlerContext, _ failure: CallMessage.Failure) {
    switch failure {
    case .tooLarge: answer(context, service.refuse(request?.head, .bodyTooLarge(limit: message.limit)))
    case .noMemory: answer(context, service.refuse(request?.head, .overloaded))
    case .malformed(let reason):
      service.counts.count(.malformed)
      answer(context, .text(reason + "\n", .badRequest))
    }
  }

  private func complete(_ context: ChannelHandlerContext) {
    guard state == .receiving, var head = request?.head else { return }
    do throws(CallMessage.Failure) { try message.finish() } catch { return refuse(context, error) }
    state = .answering
    clock.requestReceived(at: .now())
    if message.isCompressed, let encoding { head.headerFields[.contentEncoding] = encoding }
    let (request, bytes, caller) = (head, message.content, caller)
    message = CallMessage(limit: 0, mayBeCompressed: false)
    let loop = context.eventLoop
    let here = NIOLoopBound(self, eventLoop: loop)
    let responder = service.responder
    service.running.run(on: service.executor) {
      let answer = await responder(request, bytes, caller)
      loop.execute { here.value.answered(answer) }
    }
  }

  // MARK: To the client

  /// The responder has answered.
  private func answered(_ answer: Answer) {
    guard state == .answering, let context else { return }
    if answer.exceedsDocumentBound { service.counts.count(.document) }
    if let reason = answer.refusalReason, let request { service.noteRefusal(reason, of: request.head, caller) }
    self.answer(context, answer)
  }

  /// Ends the call with the status that an answer stands for.
  private func answer(_ context: ChannelHandlerContext, _ answer: Answer) {
    guard state == .receiving || state == .answering else { return }
    var answer = answer
    if let request { service.record(request, &answer, from: connection.remoteAddress) }
    let status = CallStatus(answer)
    var headers: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
    headers.add(name: "grpc-accept-encoding", value: "identity,deflate,gzip")
    if let id = HTTPField.Name.requestID.flatMap({ answer.fields[$0] }) { headers.add(name: "x-request-id", value: id) }
    guard status.code == .ok else {
      status.add(to: &headers)
      return send(context, headers, nil, nil)
    }
    var trailers = HPACKHeaders()
    status.add(to: &trailers)
    var head: [UInt8] = [0]
    for shift in [24, 16, 8, 0] { head.append(UInt8(truncatingIfNeeded: answer.body.count >> shift)) }
    send(context, headers, head + answer.body, trailers)
  }

  /// Sends the last frames of the stream.
  private func send(
    _ context: ChannelHandlerContext, _ headers: HPACKHeaders, _ body: [UInt8]?, _ trailers: HPACKHeaders?
  ) {
    state = .ended
    release()
    stopTimer()
    clock.answerStarted(bytes: body?.count ?? 0, at: .now())
    let sent = context.eventLoop.makePromise(of: Void.self)
    sent.futureResult.assumeIsolated().whenComplete { _ in
      self.clock.answerSent(at: .now())
      self.stopTimer()
      // The rest of the message is not needed (RFC 9113, section 8.1). The library drops content that is not sent before this.
      guard !self.hasInputEnded, let context = self.context else { return }
      context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }
    let head = HTTP2Frame.FramePayload.Headers(headers: headers, endStream: body == nil)
    context.write(wrapOutboundOut(.headers(head)), promise: body == nil ? sent : nil)
    if let body {
      let content = HTTP2Frame.FramePayload.Data(
        data: .byteBuffer(ByteBuffer(bytes: body)), endStream: trailers == nil)
      context.write(wrapOutboundOut(.data(content)), promise: trailers == nil ? sent : nil)
    }
    if let trailers {
      context.write(wrapOutboundOut(.headers(.init(headers: trailers, endStream: true))), promise: sent)
    }
    context.flush()
    if self.context != nil { startTimer() }
  }

  // MARK: Time

  /// The server ends: what has not arrived soon does not count any more.
  func serverEnds() {
    clock.serverEnds(at: .now())
    startTimer()
  }

  private func stopTimer() {
    timer?.cancel()
    timer = nil
    timerTime = .distantFuture
  }

  /// Starts the timer for the next deadline, unless it fires earlier anyway.
  private func startTimer() {
    // After its answer a stream has no further request to wait for.
    guard let context, state != .ended || clock.isSending, let deadline = clock.deadline, deadline < timerTime
    else { return }
    timer?.cancel()
    timerTime = deadline
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
  }

  private func timerFired() {
    guard let context else { return }
    let now = NIODeadline.now()
    // The event loop was busy, and could not read.
    let delay = now - timerTime
    if delay > .milliseconds(250) { clock.postpone(by: delay) }
    timer = nil
    timerTime = .distantFuture
    switch clock.lateness(at: now) {
    case nil: startTimer()
    case .answer:
      service.note(.stalledAnswer, "a client did not receive its answer in time")
      connection.close()
    case .head, .body, .idle:
      guard state == .receiving else { return }
      answer(context, service.refuse(request?.head, .late))
    }
  }
}
