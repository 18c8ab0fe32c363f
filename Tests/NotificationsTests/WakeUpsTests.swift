import Notifications
import Testing

@Suite("Wake-ups") struct WakeUpsTests {
  @Test(
    "those before the loop runs become one, and the loop wakes itself at the time that it asked for",
    .timeLimit(.minutes(15)))
  func times() async {
    let wakeUps = WakeUps()
    wakeUps.wake()
    wakeUps.wake()
    let (runs, run) = AsyncStream<Int>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        var number = 0
        await wakeUps.run {
          number += 1
          run.yield(number)
          return number < 3 ? .milliseconds(1) : nil
        }
        run.finish()
      }
      for await number in runs where number == 3 { group.cancelAll() }
    }
    var others = 0
    for await _ in runs { others += 1 }
    #expect(others == 0)
  }

  @Test("a wake-up does not wait for the time, which then counts no more", .timeLimit(.minutes(15)))
  func early() async {
    let wakeUps = WakeUps()
    let (begun, begin) = AsyncStream<Void>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await wakeUps.run {
          begin.yield()
          return .seconds(3_600)
        }
      }
      wakeUps.wake()
      var iterator = begun.makeAsyncIterator()
      await iterator.next()
      wakeUps.wake()
      await iterator.next()
      group.cancelAll()
    }
  }
}
