import MeshModel
import MeshStore
import MeshTestSupport
import Testing

@Suite struct ChangeFeedStateMachineTests {
  private func delivered(_ action: ChangeFeedStateMachine.NextAction) -> ChangeSet? {
    if case .deliver(let changes) = action { changes } else { nil }
  }

  private func waits(_ action: ChangeFeedStateMachine.NextAction) -> Bool {
    if case .wait = action { true } else { false }
  }

  private func ends(_ action: ChangeFeedStateMachine.NextAction) -> Bool {
    if case .end = action { true } else { false }
  }

  @Test func theWholeStateComesFirstAndThenTheSubscriberWaits() {
    var machine = ChangeFeedStateMachine(present: ResourceTable([.mesh()]))
    let subscriber = machine.subscribe()
    let first = delivered(machine.next(subscriber))
    #expect(first?.isWholeState == true)
    #expect(first?.written == [.mesh()])
    #expect(waits(machine.next(subscriber)))
    let wakeups = machine.commit([.written(.trafficTrace("t"))])
    #expect(wakeups.map(\.subscriber) == [subscriber])
    #expect(wakeups.first?.changes?.written == [.trafficTrace("t")])
    #expect(wakeups.first?.changes?.isWholeState == false)
  }

  @Test func nobodyIsWokenWhoDoesNotWait() {
    var machine = ChangeFeedStateMachine()
    let subscriber = machine.subscribe()
    #expect(machine.commit([.written(.mesh())]).isEmpty)
    #expect(delivered(machine.next(subscriber))?.written == [.mesh()])
    #expect(machine.commit([.written(.mesh(backends: []))]).isEmpty)
    #expect(delivered(machine.next(subscriber))?.written == [.mesh(backends: [])])
    #expect(waits(machine.next(subscriber)))
  }

  @Test func nobodyGetsAnElementBeforeTheStateIsWhole() {
    var machine = ChangeFeedStateMachine(isComplete: false)
    let early = machine.subscribe()
    #expect(waits(machine.next(early)))
    #expect(machine.commit([.written(.mesh())]).isEmpty)
    let late = machine.subscribe()
    #expect(waits(machine.next(late)))
    #expect(machine.commit([.written(.trafficTrace("t"))]).isEmpty)
    let wakeups = machine.complete()
    #expect(wakeups.map(\.subscriber) == [early, late])
    for wakeup in wakeups {
      #expect(wakeup.changes?.isWholeState == true)
      #expect(wakeup.changes?.written.count == 2)
    }
    #expect(machine.complete().isEmpty)
    #expect(delivered(machine.next(machine.subscribe()))?.written.count == 2)
  }

  @Test func changesOfOneCommitAreOneElement() {
    var machine = ChangeFeedStateMachine()
    let subscriber = machine.subscribe()
    _ = machine.next(subscriber)
    _ = machine.next(subscriber)
    let wakeups = machine.commit([
      .written(.mesh()), .written(.trafficTrace("a")), .written(.trafficTrace("a", backend: "x")),
      .deleted(ResourceKey(type: .mesh, name: "default")),
    ])
    #expect(wakeups.count == 1)
    #expect(wakeups.first?.changes?.written == [.trafficTrace("a", backend: "x")])
    #expect(wakeups.first?.changes?.deleted.isEmpty == true)
    #expect(machine.sequence == 1)
  }

  @Test func aSlowSubscriberCostsNoMoreThanWhatExists() {
    var machine = ChangeFeedStateMachine(present: ResourceTable([.mesh(), .dataplane("known")]))
    let subscriber = machine.subscribe()
    _ = machine.next(subscriber)
    for number in 0..<10_000 {
      _ = machine.commit([.written(.dataplane("d\(number)"))])
      _ = machine.commit([.deleted(ResourceKey(type: .dataplane, mesh: "default", name: "d\(number)"))])
      _ = machine.commit([.written(.insight("i", sent: UInt64(number)))])
    }
    _ = machine.commit([.deleted(ResourceKey(type: .dataplane, mesh: "default", name: "known"))])
    #expect(machine.pendingCount(subscriber) == 2)
    let element = delivered(machine.next(subscriber))
    #expect(element?.written == [.insight("i", sent: 9999)])
    #expect(element?.deleted == [ResourceKey(type: .dataplane, mesh: "default", name: "known")])
  }

  @Test func deletingWhatIsNotThereIsNoChange() {
    var machine = ChangeFeedStateMachine()
    let subscriber = machine.subscribe()
    _ = machine.next(subscriber)
    _ = machine.next(subscriber)
    #expect(machine.commit([.deleted(ResourceKey(type: .mesh, name: "none"))]).isEmpty)
    #expect(machine.sequence == 0)
  }

  @Test func aCancelledSubscriberMissesNothing() {
    var machine = ChangeFeedStateMachine()
    let subscriber = machine.subscribe()
    _ = machine.next(subscriber)
    #expect(waits(machine.next(subscriber)))
    let wakeup = machine.cancelWait(subscriber)
    #expect(wakeup?.subscriber == subscriber)
    #expect(wakeup?.changes == nil)
    #expect(machine.cancelWait(subscriber) == nil)
    #expect(machine.commit([.written(.mesh())]).isEmpty)
    #expect(delivered(machine.next(subscriber))?.written == [.mesh()])
  }

  @Test func unsubscribingFreesEverythingAndEndsAWait() {
    var machine = ChangeFeedStateMachine()
    let waiting = machine.subscribe()
    let other = machine.subscribe()
    _ = machine.next(waiting)
    _ = machine.next(waiting)
    #expect(machine.unsubscribe(waiting)?.subscriber == waiting)
    #expect(machine.unsubscribe(other) == nil)
    #expect(machine.subscriberCount == 0)
    #expect(machine.commit([.written(.mesh())]).isEmpty)
    #expect(ends(machine.next(waiting)))
  }

  @Test func finishingEndsEverySubscription() {
    var machine = ChangeFeedStateMachine()
    let waiting = machine.subscribe()
    _ = machine.next(waiting)
    _ = machine.next(waiting)
    #expect(machine.finish().map(\.subscriber) == [waiting])
    #expect(ends(machine.next(waiting)))
    let late = machine.subscribe()
    #expect(ends(machine.next(late)))
  }

  @Test func anIteratorUnsubscribesWhenItGoes() async throws {
    let feed = ChangeFeed()
    do {
      var changes = feed.changes().makeAsyncIterator()
      #expect(await changes.next()?.isWholeState == true)
      #expect(feed.subscriberCount == 1)
    }
    #expect(feed.subscriberCount == 0)
  }

  @Test func closingEndsAWaitingReader() async throws {
    let feed = ChangeFeed()
    let reader = Task {
      var count = 0
      for await _ in feed.changes() { count += 1 }
      return count
    }
    try await eventually("the subscription", holds: { feed.subscriberCount == 1 })
    feed.finish()
    #expect(await reader.value <= 1)
  }
}

@Suite struct StoreClockTests {
  @Test("readings grow", arguments: [0, 1_700_000_000, -5, -280, Int64.max])
  func grows(_ seconds: Int64) {
    var clock = StoreClock(source: { Timestamp(seconds: seconds) }, last: Timestamp(seconds: 10))
    let first = clock.tick()
    let second = clock.tick()
    #expect(first > Timestamp(seconds: 10))
    // At the end of time there is nothing later; the clock stands still there and does not trap.
    #expect(second > first || second.nanosecondsSince1970 == .max)
  }

  @Test("a clock that has come back from a wrong time counts again", arguments: [-291, -1_000_000, Int64.min])
  func comesBack(_ seconds: Int64) {
    var clock = StoreClock(source: { Timestamp(seconds: seconds) }, last: Timestamp(seconds: 10))
    let first = clock.tick()
    let second = clock.tick()
    #expect(first.nanosecondsSince1970 == Timestamp(seconds: seconds).nanosecondsSince1970)
    #expect(second > first)
    #expect(second < Timestamp(seconds: 10))
  }

  @Test func theWallClockIsTaken() {
    var clock = StoreClock()
    #expect(clock.tick() > Timestamp(seconds: 1_700_000_000))
  }
}
