import MeshTestSupport
import Testing

@testable import HTTPService

@Suite("Clients take turns", .timeLimit(.minutes(15)))
struct FairTurnsTests {
  @Test("each client's elements come in their order, and a client with many delays its own") func order() {
    var queue = FairQueue<String, Int>()
    for number in 0..<5 { queue.add(number, of: "many") }
    queue.add(10, of: "one")
    queue.add(20, of: "two")
    queue.add(21, of: "two")
    var taken: [Int] = []
    while let next = queue.next() { taken.append(next) }
    #expect(taken == [0, 10, 20, 1, 21, 2, 3, 4])
    #expect(queue.count == 0)
  }

  @Test(
    "nothing is lost, doubled or out of order, whoever adds and takes when", arguments: 1...20 as ClosedRange<UInt64>)
  func random(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var queue = FairQueue<Int, (client: Int, number: Int)>()
    var added: [Int: Int] = [:]
    var taken: [Int: Int] = [:]
    var count = 0
    for _ in 0..<2_000 {
      if Bool.random(using: &generator) || Bool.random(using: &generator) {
        let client = Int.random(in: 0..<40, using: &generator)
        queue.add((client, added[client] ?? 0), of: client)
        added[client, default: 0] += 1
        count += 1
      } else if let (client, number) = queue.next() {
        #expect(taken[client] ?? 0 == number)
        taken[client, default: 0] += 1
        count -= 1
      }
      #expect(queue.count == count)
    }
    while let (client, number) = queue.next() {
      #expect(taken[client] ?? 0 == number)
      taken[client, default: 0] += 1
    }
    #expect(taken == added)
  }

  @Test("between two elements of a waiting client, each other client has at most one turn") func fair() {
    var queue = FairQueue<Int, Int>()
    for client in 0..<50 { for _ in 0...client { queue.add(client, of: client) } }
    var since: [Int: Int] = [:]
    var left = Array(1...50)
    while let client = queue.next() {
      left[client] -= 1
      since[client] = nil
      for other in 0..<50 where other != client && left[other] > 0 {
        since[other, default: 0] += 1
        #expect(since[other] ?? 0 <= 49)
      }
    }
    #expect(left.allSatisfy { $0 == 0 })
  }

  @Test("one task runs at a time, and somebody with one task waits for one of a crowd's") func turns() async throws {
    let turns = FairTurns(1)
    let (gate, done) = (Gate(), Requests())
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await turns.run(for: .identity("crowd")) { await gate.wait() } }
      try? await eventually { gate.count == 1 }
      for number in 0..<20 {
        group.addTask { await turns.run(for: .identity("crowd")) { done.append("crowd") } }
        try? await eventually { turns.waitingCount == number + 1 }
      }
      group.addTask { await turns.run(for: .identity("one")) { done.append("one") } }
      try? await eventually { turns.waitingCount == 21 }
      gate.open()
    }
    #expect(turns.peak == 1 && done.all.count == 21)
    #expect(done.all.firstIndex(of: "one") == 1, "\(done.all)")
  }
}
