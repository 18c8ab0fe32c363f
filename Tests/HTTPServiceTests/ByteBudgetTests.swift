import Synchronization
import Testing

@testable import HTTPService

@Suite("Budget of bytes")
struct ByteBudgetTests {
  @Test("the newest is refused, what is there stays, and what is given back can be taken again")
  func refusal() {
    let budget = ByteBudget("requests", limit: 100)
    #expect(budget.reserve(60))
    #expect(!budget.reserve(41))
    #expect(budget.reserve(40))
    #expect(!budget.reserve(1))
    #expect(budget.usage == ByteBudget.Usage(bytes: 100, peak: 100, refusals: 2))
    budget.release(60)
    #expect(budget.reserve(50))
    #expect(budget.usage == ByteBudget.Usage(bytes: 90, peak: 100, refusals: 2))
  }

  @Test("a count near the largest integer is refused, and nothing is taken of it")
  func overflow() {
    let budget = ByteBudget("requests", limit: 100)
    #expect(budget.reserve(1))
    #expect(!budget.reserve(.max))
    #expect(budget.reserve(0) && budget.reserve(-5))
    budget.release(-5)
    #expect(budget.usage.bytes == 1)
    budget.release(.max)
    #expect(budget.usage.bytes == 0)
  }

  @Test("shares stay within the whole, and one share cannot use up what is left for another")
  func shares() {
    let whole = ByteBudget("requests", limit: 100)
    let spans = ByteBudget("spans", limit: 70, within: whole)
    let discovery = ByteBudget("discovery", limit: 70, within: whole)
    #expect(spans.reserve(70))
    #expect(!spans.reserve(1))
    #expect(whole.usage.refusals == 0)
    #expect(discovery.reserve(30))
    #expect(!discovery.reserve(1))
    #expect(discovery.usage == ByteBudget.Usage(bytes: 30, peak: 30, refusals: 1))
    #expect(whole.usage == ByteBudget.Usage(bytes: 100, peak: 100, refusals: 1))
    spans.release(70)
    discovery.release(30)
    #expect(whole.usage.bytes == 0 && spans.usage.bytes == 0 && discovery.usage.bytes == 0)
  }

  @Test("a charge gives back everything when it goes away")
  func charge() {
    let budget = ByteBudget("requests", limit: 10)
    do {
      var charge = ByteCharge(on: budget)
      let taken = [charge.add(4), charge.add(6), charge.add(1)]
      #expect(taken == [true, true, false])
      let held = charge.bytes
      #expect(held == 10)
      charge.reduce(by: 3)
      #expect(budget.usage.bytes == 7)
      charge.reduce(by: .max)
      #expect(budget.usage.bytes == 0)
      let again = charge.add(2)
      #expect(again && budget.usage.bytes == 2)
    }
    #expect(budget.usage.bytes == 0)
  }

  @Test("relief is told once, when next to nothing is left of much")
  func relief() {
    let count = Atomic(0)
    let budget = ByteBudget("requests", limit: 640) { count.add(1, ordering: .relaxed) }
    #expect(budget.reserve(80))
    budget.release(80)
    #expect(count.load(ordering: .relaxed) == 0)
    #expect(budget.reserve(81))
    budget.release(70)
    #expect(count.load(ordering: .relaxed) == 0)
    budget.release(1)
    budget.release(10)
    #expect(count.load(ordering: .relaxed) == 1)
  }
}
