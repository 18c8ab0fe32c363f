import HTTPTypes
import NIOCore

/// The first handler of a connection. It counts the bytes of requests, and closes the connection when a deadline is missed. Its
/// ``ReceiptClock`` has the deadlines; ``RequestHandler`` reports where heads and requests end.
///
/// A read may hold thousands of requests. Its bytes are passed on in pieces, and not before the answer to the last request has been
/// sent: neither the parts of requests nor answers pile up, and a client that does not read its answers is not read either.
final class ReceiptWatch: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private let service: RequestService
  private let slot: ConnectionSlot?
  private var clock: ReceiptClock
  private var context: ChannelHandlerContext?
  private var timer: Scheduled<Void>?
  private var timerTime = NIODeadline.distantFuture
  private var progress = 0
  /// The current request, once its head is complete.
  var request: ReceivedRequest?
  /// The bytes of the current request.
  private var headCharge: ByteCharge
  private var bodyCharge: ByteCharge
  /// Whether further bytes are ignored: the last answer is on its way, or the connection is closed.
  private(set) var isClosed = false
  /// What has arrived and is not passed on yet, and its bytes of the budget.
  private var pending = ByteBuffer()
  private var pendingCharge: ByteCharge
  private var isFeeding = false
  /// What waits until ``pending`` is passed on: a wish to read more, and the end of the client's side.
  private var holdsRead = false
  private var holdsInputClosed = false
  /// The bytes of the body that are to come, if its length was announced.
  private var bodyLeft = 0

  /// The bytes of a head that are passed on at a time: at most 28 small requests.
  private static let headPiece = 512
  /// The bytes of a body of unknown length that are passed on at a time.
  private static let chunkedPiece = 4096

  init(service: RequestService, slot: ConnectionSlot?) {
    self.service = service
    self.slot = slot
    clock = ReceiptClock(service.limits, at: .now())
    headCharge = ByteCharge(on: service.heads)
    bodyCharge = ByteCharge(on: service.bodies)
    pendingCharge = ByteCharge(on: service.heads)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if service.ending.hasBegun { clock.serverEnds(at: .now()) }
    startTimer()
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  private func end() {
    timer?.cancel()
    timer = nil
    release()
    dropPending()
    context = nil
    isClosed = true
  }

  private func dropPending() {
    pending = ByteBuffer()
    pendingCharge.reduce(by: .max)
  }

  private func release() {
    headCharge.reduce(by: .max)
    bodyCharge.reduce(by: .max)
  }

  // MARK: Bytes

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    guard !isClosed else { return }
    if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
    feed()
  }

  /// Passes on what has arrived, as far as it can be received now.
  private func feed() {
    guard !isFeeding, let context else { return }
    isFeeding = true
    passOn(context)
    isFeeding = false
    guard !isClosed else { return dropPending() }
    startTimer()
    guard pending.readableBytes == 0 else { return hold(context) }
    dropPending()
    if holdsInputClosed {
      holdsInputClosed = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    if holdsRead {
      holdsRead = false
      context.read()
    }
  }

  private func passOn(_ context: ChannelHandlerContext) {
    while !isClosed, clock.takesBytes, let piece = pending.readSlice(length: min(pieceSize, pending.readableBytes)),
      piece.readableBytes > 0
    {
      guard account(piece.readableBytes) else { return }
      context.fireChannelRead(wrapInboundOut(piece))
    }
  }

  private var pieceSize: Int {
    guard clock.phase == .body else { return Self.headPiece }
    return bodyLeft > 0 ? bodyLeft : Self.chunkedPiece
  }

  /// Counts bytes that are passed on; false if they are refused.
  private func account(_ count: Int) -> Bool {
    let now = NIODeadline.now()
    clock.received(count, at: now)
    switch clock.phase {
    case .head:
      slot?.note(.receiving, at: clock.since)
      guard headCharge.add(count) else {
        service.note(.overloaded, "the server refuses requests: it is receiving too many bytes")
        refuse(.overloaded)
        return false
      }
    case .body:
      progress += count
      if progress >= service.limits.bytesPerInterval {
        progress = 0
        slot?.note(.receiving, at: now)
      }
    case .waiting, .answering: break
    }
    return true
  }

  /// Counts the bytes of requests that wait for an answer to an earlier one.
  private func hold(_ context: ChannelHandlerContext) {
    let change = pending.readableBytes - pendingCharge.bytes
    guard change > 0 else { return pendingCharge.reduce(by: -change) }
    guard !pendingCharge.add(change) else { return }
    service.note(.overloaded, "the server refuses requests: it is receiving too many bytes")
    context.close(promise: nil)
  }

  func read(context: ChannelHandlerContext) {
    if pending.readableBytes > 0 { holdsRead = true } else { context.read() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ServerEnding.Event {
      clock.serverEnds(at: .now())
      startTimer()
    } else if case ChannelEvent.inputClosed = event, pending.readableBytes > 0, !isClosed {
      holdsInputClosed = true
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  /// A request's head is complete. Its size is approximate.
  ///
  /// - Parameter body: the announced bytes of the body; 0 if they are not known.
  func headReceived(size: Int, body: Int) {
    let now = NIODeadline.now()
    clock.headReceived(at: now)
    progress = 0
    bodyLeft = max(0, body)
    headCharge.reduce(by: headCharge.bytes - size)
    slot?.note(.receiving, at: now)
  }

  /// A part of a body has been passed on.
  func bodyReceived(_ count: Int) { bodyLeft = max(0, bodyLeft - count) }

  /// Reserves bytes for a part of a body; false if the budget is exhausted.
  func reserveBody(_ count: Int) -> Bool { bodyCharge.add(count) }

  /// A request is complete.
  func requestReceived() {
    let now = NIODeadline.now()
    clock.requestReceived(at: now)
    slot?.note(.answering, at: now)
  }

  /// An answer is about to be written. The bytes of the request are released.
  ///
  /// - Returns: the number of the answer, for ``answerSent(_:)``.
  func answerStarted(bytes: Int) -> Int {
    release()
    request = nil
    clock.answerStarted(bytes: bytes, at: .now())
    return clock.answered
  }

  /// An answer has been sent.
  func answerSent(_ number: Int) {
    guard !isClosed, number == clock.answered else { return }
    let now = NIODeadline.now()
    clock.answerSent(at: now)
    if clock.phase == .waiting { slot?.note(.waiting, at: now) }
    startTimer()
  }

  /// The next request can be received.
  func resume() { feed() }

  /// Closes the connection after a second, so that the client can receive the answer although it is still sending.
  func linger() {
    release()
    isClosed = true
    timer?.cancel()
    timer = nil
    guard let channel = context?.channel else { return }
    channel.close(mode: .output, promise: nil)
    channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
  }

  // MARK: Time

  /// Starts the timer for the next deadline, unless it fires earlier anyway.
  private func startTimer() {
    guard !isClosed, let context, let deadline = clock.deadline, deadline < timerTime else { return }
    timer?.cancel()
    timerTime = deadline
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
  }

  private func timerFired() {
    guard !isClosed else { return }
    let now = NIODeadline.now()
    // The event loop was busy, and could not read.
    let delay = now - timerTime
    if delay > .milliseconds(250) { clock.postpone(by: delay) }
    timer = nil
    timerTime = .distantFuture
    guard let lateness = clock.lateness(at: now) else { return startTimer() }
    switch lateness {
    case .head where clock.phase == .waiting:
      service.counts.count(.late)
      context?.close(promise: nil)
    case .head, .body:
      service.note(.late, "a request did not arrive in time")
      refuse(.late)
    case .idle:
      service.counts.count(.idle)
      context?.close(promise: nil)
    case .answer:
      service.note(.stalledAnswer, "a client did not receive its answer in time")
      context?.close(promise: nil)
    }
  }

  /// Refuses a request that has not been answered, and closes the connection.
  private func refuse(_ refusal: RequestRefusal) {
    guard let context else { return }
    var answer = service.answer(to: request?.head, refusal)
    if let request { service.record(request, &answer, from: context.remoteAddress) }
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(Self.bytes(of: answer))), promise: nil)
    linger()
  }

  /// The bytes of an answer.
  static func bytes(of answer: Answer) -> ByteBuffer {
    var bytes = ByteBuffer(string: "HTTP/1.1 \(answer.status.code) \(answer.status.reasonPhrase)\r\n")
    for field in answer.fields where field.name != .contentLength && field.name != .connection {
      bytes.writeString("\(field.name.rawName): \(field.value)\r\n")
    }
    bytes.writeString("Date: \(HTTPDate.now)\r\nContent-Length: \(answer.body.count)\r\nConnection: close\r\n\r\n")
    bytes.writeBytes(answer.body)
    return bytes
  }
}
