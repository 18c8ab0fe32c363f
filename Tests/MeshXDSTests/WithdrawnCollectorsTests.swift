import Foundation
import MeshTestSupport
import MeshXDS
import Testing

/// Clusters of collectors that proxies still need when their mesh does not name them any more.
@Suite("Withdrawn collectors")
struct WithdrawnCollectorsTests {
  private static func cluster(_ name: String, _ content: String = "x") -> EncodedResource {
    EncodedResource(name: name, typeURL: ResourceTypeURL.cluster, bytes: Data(content.utf8))
  }

  private static func snapshot(_ names: String...) -> ProxySnapshot {
    ProxySnapshot(clusters: ResourceSet(names.map { cluster($0) }))
  }

  private static func names(_ snapshot: ProxySnapshot) -> [String] { snapshot.clusters.resources.map(\.name) }

  private var withdrawn = WithdrawnCollectors()

  /// What the proxy `p`, or another, is to hold after a change.
  private mutating func names(
    _ wanted: ProxySnapshot, of proxy: String = "p", at seconds: Int64, drain: Int64 = 30
  ) -> [String] {
    Self.names(withdrawn.add(to: wanted, of: proxy, drainTime: .seconds(drain), now: .seconds(seconds)).snapshot)
  }

  @Test("a cluster stays for as long as listeners drain and spans wait, and goes then")
  mutating func drains() {
    #expect(names(Self.snapshot("api", "tracing:a"), at: 0) == ["api", "tracing:a"])
    let (snapshot, end) = withdrawn.add(
      to: Self.snapshot("api", "tracing:b"), of: "p", drainTime: .seconds(30), now: .seconds(100))
    #expect(Self.names(snapshot) == ["api", "tracing:a", "tracing:b"])
    #expect(
      end == .seconds(142),
      "6 s until the listener is replaced, 30 s to drain, 5 s to send, and up to one so that many proxies end together")
    #expect(withdrawn.count == 1)
    // Whatever else changes meanwhile, it is there until its time, which does not begin anew.
    #expect(names(Self.snapshot("tracing:b"), at: 120) == ["tracing:a", "tracing:b"])
    #expect(withdrawn.expire(at: .seconds(141)).isEmpty)
    #expect(withdrawn.expire(at: .seconds(142)) == ["p"])
    #expect(names(Self.snapshot("tracing:b"), at: 142) == ["tracing:b"])
    #expect(withdrawn.count == 0)
    #expect(withdrawn.expire(at: .seconds(10_000)).isEmpty)
  }

  @Test("a collector whose reports are repeated stays longer, and beside the one of the same backend whose are not")
  mutating func repeatedReports() {
    #expect(names(Self.snapshot("tracing-auto:a"), at: 0) == ["tracing-auto:a"])
    let (snapshot, end) = withdrawn.add(
      to: Self.snapshot("tracing:a"), of: "p", drainTime: .seconds(30), now: .seconds(100))
    #expect(Self.names(snapshot) == ["tracing-auto:a", "tracing:a"])
    #expect(end == .seconds(157), "15 s more, in which a report may be repeated")
    // Back again: both stay, and the first one is not withdrawn any more.
    #expect(names(Self.snapshot("tracing-auto:a"), at: 110) == ["tracing-auto:a", "tracing:a"])
    #expect(withdrawn.expire(at: .seconds(152)) == ["p"])
    #expect(names(Self.snapshot("tracing-auto:a"), at: 152) == ["tracing-auto:a"])
  }

  @Test("a policy that goes leaves the cluster for what is under way, too")
  mutating func untraced() {
    _ = names(Self.snapshot("tracing:a"), at: 0)
    #expect(names(Self.snapshot(), at: 1) == ["tracing:a"])
    #expect(withdrawn.expire(at: .seconds(43)) == ["p"])
    #expect(names(Self.snapshot(), at: 43).isEmpty)
  }

  @Test("a name that is wanted again means what it means now, and is not let go at the old time")
  mutating func backAgain() {
    _ = names(Self.snapshot("tracing:a"), at: 0)
    #expect(names(Self.snapshot("tracing:b"), at: 1) == ["tracing:a", "tracing:b"])
    let again = ProxySnapshot(clusters: ResourceSet([Self.cluster("tracing:a", "other address")]))
    let (snapshot, _) = withdrawn.add(to: again, of: "p", drainTime: .seconds(30), now: .seconds(2))
    #expect(snapshot.clusters["tracing:a"] == Self.cluster("tracing:a", "other address"))
    #expect(Self.names(snapshot) == ["tracing:a", "tracing:b"])
    #expect(withdrawn.expire(at: .seconds(43)).isEmpty, "nothing of the proxy ended: tracing:b stays to 44")
    #expect(withdrawn.expire(at: .seconds(44)) == ["p"])
    #expect(names(again, at: 44) == ["tracing:a"])
  }

  @Test("only collectors are kept, each proxy's own")
  mutating func othersOnly() {
    let service = ProxySnapshot(
      clusters: ResourceSet([Self.cluster("tracing:service"), Self.cluster("api")]),
      endpoints: ResourceSet([
        EncodedResource(name: "tracing:service", typeURL: ResourceTypeURL.endpoints, bytes: Data("e".utf8))
      ]))
    #expect(names(service, at: 0).count == 2)
    #expect(names(Self.snapshot(), at: 1).isEmpty)
    _ = names(Self.snapshot("tracing:a"), of: "q", at: 2)
    #expect(names(Self.snapshot("tracing:b"), at: 3) == ["tracing:b"])
  }

  @Test("a proxy that leaves is forgotten, and gets what its mesh says when it comes back")
  mutating func gone() {
    _ = names(Self.snapshot("tracing:a"), at: 0)
    _ = names(Self.snapshot("tracing:b"), at: 1)
    withdrawn.remove("p")
    #expect(withdrawn.count == 0)
    #expect(names(Self.snapshot("tracing:c"), at: 2) == ["tracing:c"])
    #expect(withdrawn.expire(at: .seconds(1000)).isEmpty)
  }

  @Test("many proxies that change together end together: one time is asked for")
  mutating func together() {
    for number in 0..<1000 { _ = names(Self.snapshot("tracing:a"), of: "p\(number)", at: 0) }
    var ends: [Duration] = []
    for number in 0..<1000 {
      let (_, end) = withdrawn.add(
        to: Self.snapshot("tracing:b"), of: "p\(number)", drainTime: .seconds(30), now: .milliseconds(5000 + number / 2)
      )
      if let end { ends.append(end) }
    }
    #expect(ends == [.seconds(47)])
    #expect(withdrawn.expire(at: .seconds(47)).count == 1000)
  }

  @Test("of a backend that changes all the time a few are kept")
  mutating func bounded() {
    for number in 0..<100 { _ = names(Self.snapshot("tracing:\(number)"), at: 0) }
    #expect(
      names(Self.snapshot("tracing:x"), at: 0).count == WithdrawnCollectors.clustersPerProxy + 1,
      "the newest, and that of now")
  }

  /// Against a plain account of every change, over random changes of many proxies with drain times of their own.
  @Test("random changes", arguments: 0..<20 as Range<UInt64>)
  mutating func random(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let drains = (0..<5).map { _ in Int64.random(in: 0...40, using: &generator) }
    var current: [String: Set<String>] = [:]
    var ends: [String: [String: Int64]] = [:]
    for now in 0..<Int64(300) {
      let due = withdrawn.expire(at: .seconds(now))
      for (proxy, held) in ends where held.values.contains(where: { $0 <= now }) {
        #expect(due.contains(proxy))
        ends[proxy] = held.filter { $0.value > now }
      }
      let index = Int.random(in: 0..<5, using: &generator)
      let proxy = "p\(index)"
      let name = "tracing:\(Int.random(in: 0..<4, using: &generator))"
      let wanted: Set<String> = Bool.random(using: &generator) ? [name] : []
      for gone in (current[proxy] ?? []).subtracting(wanted) {
        ends[proxy, default: [:]][gone] = now + drains[index] + 12
      }
      for back in wanted { ends[proxy]?[back] = nil }
      current[proxy] = wanted
      let (snapshot, _) = withdrawn.add(
        to: ProxySnapshot(clusters: ResourceSet(wanted.map { Self.cluster($0) })), of: proxy,
        drainTime: .seconds(drains[index]), now: .seconds(now))
      #expect(Set(Self.names(snapshot)) == wanted.union(ends[proxy, default: [:]].keys))
    }
  }
}
