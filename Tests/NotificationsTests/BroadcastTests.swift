import Notifications
import Testing

@Suite("Broadcasts") struct BroadcastTests {
  @Test("every subscriber gets what is sent from then on, a slow one the newest alone")
  func newest() async {
    let broadcast = Broadcast<Int>()
    var early = broadcast.stream().makeAsyncIterator()
    broadcast.send(1)
    var late = broadcast.stream().makeAsyncIterator()
    #expect(await early.next() == 1)
    broadcast.send(2)
    broadcast.send(3)
    #expect(await early.next() == 3)
    #expect(await late.next() == 3)
  }

  @Test("a first element is for one subscriber") func first() async {
    let broadcast = Broadcast<Int>()
    var other = broadcast.stream().makeAsyncIterator()
    var own = broadcast.stream(first: 7).makeAsyncIterator()
    #expect(await own.next() == 7)
    broadcast.send(8)
    #expect(await other.next() == 8)
    #expect(await own.next() == 8)
  }

  @Test("an end is for those who subscribed, and for those who come later") func finish() async {
    let broadcast = Broadcast<Void>()
    var early = broadcast.stream().makeAsyncIterator()
    broadcast.finish()
    var late = broadcast.stream().makeAsyncIterator()
    #expect(await early.next() == nil)
    #expect(await late.next() == nil)
    broadcast.send()
  }
}
