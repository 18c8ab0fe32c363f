import MeshXDS
import Synchronization
import Testing

@Suite("Snapshot cache")
struct DiscoveryCacheTests {
  private let cache = SnapshotCache()

  @Test("A change wakes the streams of its proxy only, an equal snapshot none")
  func wakesOnlyItsStreams() {
    let calls = Mutex<[String]>([])
    let first = cache.watch("a") { calls.withLock { $0.append("a1") } }
    let second = cache.watch("a") { calls.withLock { $0.append("a2") } }
    let other = cache.watch("b") { calls.withLock { $0.append("b") } }
    #expect(cache.set(.words(cds: "x"), for: "a"))
    #expect(calls.withLock { $0.sorted() } == ["a1", "a2"])
    #expect(!cache.set(.words(cds: "x"), for: "a"))
    #expect(calls.withLock { $0.count } == 2)
    cache.end(first)
    #expect(cache.set(.words(cds: "y"), for: "a"))
    #expect(calls.withLock { $0.last } == "a2")
    #expect(calls.withLock { $0.count } == 3)
    #expect(cache.snapshot(for: "a") == .words(cds: "y"))
    cache.end(second)
    cache.end(other)
    #expect(cache.count == 1, "b has neither snapshot nor stream")
  }

  @Test("A watch that begins late is woken at once")
  func wakesAtOnce() {
    cache.set(.words(), for: "a")
    let calls = Mutex(0)
    let watch = cache.watch("a") { calls.withLock { $0 += 1 } }
    #expect(calls.withLock { $0 } == 1)
    #expect(cache.watchedProxies == ["a"])
    cache.end(watch)
    #expect(cache.watchedProxies.isEmpty)
  }

  @Test("What a proxy held is kept for its next stream, of a bounded number of proxies")
  func remembersWhatWasHeld() {
    func leave(_ proxy: String) {
      let watch = cache.watch(proxy) {}
      cache.end(watch, held: [Kind.cds.typeURL: [.words(.cds, "x")]])
      cache.end(watch, held: [Kind.cds.typeURL: []])
    }
    cache.set(.words(), for: "a")
    leave("a")
    cache.remove("a")
    #expect(cache.held(by: "a") == [Kind.cds.typeURL: [.words(.cds, "x")]])
    #expect(cache.snapshot(for: "a") == nil)
    #expect(cache.count == 0)
    for number in 0..<SnapshotCache.memoryLimit { leave("b\(number)") }
    #expect(!cache.held(by: "a").isEmpty)
    for number in 0..<SnapshotCache.memoryLimit { leave("c\(number)") }
    #expect(cache.held(by: "a").isEmpty)
  }

  @Test("Equal sets of a new snapshot share the storage of the old one, equality stays by content")
  func sharing() {
    let old = ProxySnapshot.words(cds: "a", lds: "l")
    let new = ProxySnapshot.words(cds: "a", lds: "m")
    #expect(new.sharing(old) == new)
    #expect(new != old)
  }
}
