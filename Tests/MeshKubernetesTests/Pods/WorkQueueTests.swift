import TestSupport
import Testing

@testable import MeshKubernetes

@Suite("Queue of work")
struct WorkQueueTests {
  private var queue = WorkQueue<Int>()

  private mutating func all(at now: Duration = .zero) -> [Int] {
    var keys: [Int] = []
    while let key = queue.next(at: now) { keys.append(key) }
    return keys
  }

  @Test("Gives each key once, the urgent ones first, others in their order")
  mutating func order() {
    for key in 1...3 { queue.add(key, .normal) }
    queue.add(4, .idle)
    queue.add(5, .urgent)
    queue.add(2, .urgent)
    queue.add(1, .normal)
    queue.remove(3)
    let keys = all()
    #expect(keys == [5, 2, 1, 4])
  }

  @Test("Gives a key again only after its work has ended")
  mutating func underWay() {
    queue.add(1, .normal)
    let first = all()
    queue.add(1, .urgent)
    let meanwhile = all()
    queue.succeeded(1)
    let last = all()
    #expect(first == [1] && meanwhile == [] && last == [1])
    #expect(queue.count == 1)
  }

  @Test("Forgets what is to be done, but not what is under way")
  mutating func removeAll() {
    queue.add(1, .normal)
    queue.add(2, .normal)
    _ = queue.next(at: .zero)
    queue.removeAll()
    queue.add(1, .normal)
    let meanwhile = all()
    queue.succeeded(1)
    let last = all()
    #expect(meanwhile == [] && last == [1])
  }

  @Test("Gives what has failed after a time that grows up to a bound, also if it is added again meanwhile")
  mutating func failures() throws {
    var now = Duration.zero
    var waits: [Duration] = []
    for _ in 0..<12 {
      queue.add(1, .normal)
      let keys = all(at: now)
      #expect(keys == [1])
      queue.failed(1, isRefusal: false, at: now, share: 1)
      queue.add(1, .urgent)
      let early = all(at: now)
      #expect(early == [])
      let time = try #require(queue.nextTurn)
      waits.append(time - now)
      now = time
    }
    #expect(waits == waits.sorted())
    #expect(waits.last == .seconds(30))
    let keys = all(at: now)
    #expect(keys == [1])
    queue.succeeded(1)
    queue.add(1, .normal)
    let after = all(at: now)
    #expect(after == [1])
  }

  @Test("What was refused waits longer, and not when something has changed")
  mutating func refusals() {
    queue.add(1, .normal)
    _ = all()
    queue.failed(1, isRefusal: true, at: .zero, share: 1)
    queue.add(1, .normal)
    let early = all(at: .milliseconds(1_999))
    queue.retryRefused(1)
    let changed = all(at: .milliseconds(1_999))
    queue.failed(1, isRefusal: false, at: .zero, share: 1)
    queue.add(1, .normal)
    queue.retryRefused(1)
    let away = all()
    #expect(early == [] && changed == [1] && away == [])
  }

  @Test("Random work is given as a plain list would give it, and nothing is lost", arguments: 0..<20)
  mutating func random(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var wanted: Set<Int> = []
    var underWay: Set<Int> = []
    var now = Duration.zero
    for _ in 0..<2_000 {
      let key = Int.random(in: 0..<12, using: &generator)
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<4:
        queue.add(key, WorkQueue<Int>.Urgency.allCases.randomElement(using: &generator) ?? .normal)
        wanted.insert(key)
      case 4:
        queue.remove(key)
        wanted.remove(key)
      case 5..<8:
        guard let next = queue.next(at: now) else { continue }
        #expect(wanted.contains(next) && !underWay.contains(next))
        wanted.remove(next)
        underWay.insert(next)
      default:
        now += .milliseconds(Int.random(in: 0..<500, using: &generator))
        guard let key = underWay.sorted().first else { continue }
        underWay.remove(key)
        if Bool.random(using: &generator) {
          queue.succeeded(key)
        } else {
          queue.failed(key, isRefusal: Bool.random(using: &generator), at: now, share: 0.5)
        }
      }
    }
    for key in underWay { queue.succeeded(key) }
    let rest = all(at: now + .seconds(3_600))
    #expect(Set(rest) == wanted)
    #expect(rest.count == wanted.count)
  }
}
