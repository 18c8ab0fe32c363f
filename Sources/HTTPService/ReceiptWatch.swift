import HTTPTypes
import NIOCore

/// Sits where a connection's bytes come in: ends the connection when they take too long, and counts the bytes of a request
/// from the first one on. Its ``ReceiptClock`` decides, ``RequestHandler`` tells it what the bytes were.
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
  /// The request that arrives or is being answered, once its head is here.
  var request: ReceivedRequest?
  /// What the request that arrives, or is being answered, holds.
  private var headCharge: ByteCharge
  private var bodyCharge: ByteCharge
  /// Whether what comes is not looked at any more.
  private var isOver = false

  init(service: RequestService, slot: ConnectionSlot?) {
    self.service = service
    self.slot = slot
    clock = ReceiptClock(service.limits, at: .now())
    headCharge = ByteCharge(on: service.heads)
    bodyCharge = ByteCharge(on: service.bodies)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
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
    context = nil
    isOver = true
  }

  private func release() {
    headCharge.reduce(by: .max)
    bodyCharge.reduce(by: .max)
  }

  // MARK: Bytes

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    guard !isOver else { return }
    let now = NIODeadline.now()
    clock.received(bytes.readableBytes, at: now)
    switch clock.phase {
    case .head:
      slot?.note(.receiving, at: clock.since)
      guard headCharge.add(bytes.readableBytes) else {
        service.note(.overloaded, "requests are refused: too much is being received")
        return refuse(.overloaded)
      }
    case .body:
      progress += bytes.readableBytes
      if progress >= service.limits.bytesPerInterval {
        progress = 0
        slot?.note(.receiving, at: now)
      }
    case .waiting, .answering: break
    }
    context.fireChannelRead(data)
    startTimer()
  }

  /// A request's head is complete, and holds about so many bytes.
  func headCame(size: Int) {
    let now = NIODeadline.now()
    clock.headCame(at: now)
    progress = 0
    headCharge.reduce(by: headCharge.bytes - size)
    slot?.note(.receiving, at: now)
  }

  /// Takes room for a part of a body; false if there is none.
  func takes(_ count: Int) -> Bool { bodyCharge.add(count) }

  /// A request is complete.
  func requestCame() {
    let now = NIODeadline.now()
    clock.requestCame(at: now)
    slot?.note(.answering, at: now)
  }

  /// An answer is about to be written. What the request held is free again.
  ///
  /// - Returns: the number of the answer, for ``answerLeft(_:)``.
  func answerMade(bytes: Int) -> Int {
    release()
    request = nil
    clock.answerMade(bytes: bytes, at: .now())
    return clock.answered
  }

  /// An answer has left.
  func answerLeft(_ number: Int) {
    guard !isOver, number == clock.answered else { return }
    let now = NIODeadline.now()
    clock.answerLeft(at: now)
    if clock.phase == .waiting { slot?.note(.waiting, at: now) }
    startTimer()
  }

  /// Nothing more is expected of the connection but that it ends: soon, so that an answer is not lost because the rest of a
  /// request was not read.
  func linger() {
    release()
    isOver = true
    timer?.cancel()
    timer = nil
    guard let channel = context?.channel else { return }
    channel.close(mode: .output, promise: nil)
    channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
  }

  // MARK: Time

  /// Has the timer go off when the clock says, if that is not too late anyway.
  private func startTimer() {
    guard !isOver, let context, let deadline = clock.deadline, deadline < timerTime else { return }
    timer?.cancel()
    timerTime = deadline
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.look() }
  }

  private func look() {
    guard !isOver else { return }
    let now = NIODeadline.now()
    // The loop was busy: nothing could be read meanwhile.
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
      service.note(.late, "a request did not come in time")
      refuse(.late)
    case .idle:
      service.counts.count(.idle)
      context?.close(promise: nil)
    case .answer:
      service.note(.stalledAnswer, "an answer was not taken in time")
      context?.close(promise: nil)
    }
  }

  /// Answers a request of which nothing else has been answered yet, and ends the connection.
  private func refuse(_ refusal: RequestRefusal) {
    guard let context else { return }
    var answer = service.answer(to: request?.head, refusal)
    if let request { service.record(request, &answer, from: context.remoteAddress) }
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(Self.bytes(of: answer))), promise: nil)
    linger()
  }

  /// An answer as it is sent.
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
