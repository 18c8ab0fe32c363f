import NIOCore
import Testing

@testable import HTTPService

@Suite("How long requests may take")
struct ReceiptClockTests {
  private let begin = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
  private var limits: ReceiptLimits {
    var limits = ReceiptLimits()
    limits.head = .seconds(10)
    limits.idle = .seconds(120)
    limits.interval = .seconds(20)
    limits.bytesPerInterval = 10_000
    limits.body = .seconds(600)
    limits.answer = .seconds(60)
    return limits
  }

  private func at(_ seconds: Int64) -> NIODeadline { begin + .seconds(seconds) }

  @Test("a head that comes a byte now and then is late ten seconds after the connection began, not after its last byte")
  func slowHead() {
    var clock = ReceiptClock(limits, at: begin)
    #expect(clock.deadline == at(10))
    for second in [Int64(2), 5, 9] {
      clock.received(1, at: at(second))
      #expect(clock.lateness(at: at(second)) == nil)
    }
    #expect(clock.deadline == at(10) && clock.lateness(at: at(10)) == .head)
  }

  @Test("a body of a byte every twenty seconds is late after the first interval")
  func slowBody() {
    var clock = ReceiptClock(limits, at: begin)
    clock.received(100, at: at(1))
    clock.headReceived(at: at(1))
    clock.received(1, at: at(20))
    #expect(clock.deadline == at(21))
    #expect(clock.lateness(at: at(21)) == .body)
  }

  @Test("a large body over a slow link may take as long as it makes progress")
  func slowButSteady() {
    var clock = ReceiptClock(limits, at: begin)
    clock.received(100, at: at(0))
    clock.headReceived(at: at(0))
    for second in Int64(1)...599 {
      clock.received(1_000, at: at(second))
      if let deadline = clock.deadline, deadline <= at(second) { #expect(clock.lateness(at: at(second)) == nil) }
    }
    #expect(clock.deadline == at(600) && clock.lateness(at: at(600)) == .body)
  }

  @Test("nothing is waited for while an answer is found, however long that takes")
  func longPoll() {
    var clock = ReceiptClock(limits, at: begin)
    clock.received(100, at: at(0))
    clock.headReceived(at: at(0))
    clock.requestReceived(at: at(0))
    #expect(clock.deadline == nil && clock.lateness(at: at(100_000)) == nil)
    clock.answerStarted(bytes: 10, at: at(30))
    clock.answerSent(at: at(31))
    #expect(clock.deadline == at(151) && clock.lateness(at: at(151)) == .idle)
  }

  @Test("a further request has its own time, from its first byte")
  func keptAlive() {
    var clock = ReceiptClock(limits, at: begin)
    for second in [Int64(0), 100] {
      clock.received(100, at: at(second))
      clock.headReceived(at: at(second))
      clock.requestReceived(at: at(second))
      clock.answerStarted(bytes: 10, at: at(second))
      clock.answerSent(at: at(second))
    }
    clock.received(1, at: at(200))
    #expect(clock.deadline == at(210) && clock.lateness(at: at(210)) == .head)
  }

  @Test("an answer that is not taken is late, a large one later")
  func untakenAnswer() {
    var clock = ReceiptClock(limits, at: begin)
    clock.headReceived(at: at(0))
    clock.requestReceived(at: at(0))
    clock.answerStarted(bytes: 30_000, at: at(1))
    #expect(clock.deadline == at(121))
    #expect(clock.lateness(at: at(120)) == nil && clock.lateness(at: at(121)) == .answer)
  }

  @Test("time in which nobody read is not counted against the sender")
  func busyLoop() {
    var clock = ReceiptClock(limits, at: begin)
    clock.received(1, at: at(1))
    clock.postpone(by: .seconds(5))
    #expect(clock.lateness(at: at(14)) == nil && clock.lateness(at: at(15)) == .head)
  }

  @Test("no answer is so large that its time overflows")
  func hugeAnswer() {
    var clock = ReceiptClock(limits, at: begin)
    clock.headReceived(at: at(0))
    clock.requestReceived(at: at(0))
    clock.answerStarted(bytes: .max, at: at(1))
    #expect(clock.lateness(at: at(1_000)) == nil)
  }

  @Test("the time in answers is HTTP's")
  func date() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.text(1_709_164_800) == "Thu, 29 Feb 2024 00:00:00 GMT")
  }

  @Test("when the server ends, a request that is on its way has a second to begin and five to arrive")
  func serverEnds() {
    var idle = ReceiptClock(limits, at: begin)
    idle.serverEnds(at: at(3))
    #expect(idle.deadline == at(4) && idle.lateness(at: at(3)) == nil && idle.lateness(at: at(4)) == .idle)
    idle.received(10, at: at(3))
    #expect(idle.deadline == at(8) && idle.lateness(at: at(4)) == nil && idle.lateness(at: at(8)) == .head)
    idle.headReceived(at: at(4))
    #expect(idle.deadline == at(8) && idle.lateness(at: at(8)) == .body)
    idle.requestReceived(at: at(5))
    #expect(idle.deadline == nil)
    // A second event changes nothing.
    idle.serverEnds(at: at(7))
    idle.answerStarted(bytes: 10, at: at(7))
    #expect(idle.deadline == at(67))
    idle.answerSent(at: at(7))
    #expect(idle.deadline == at(4))
  }
}
