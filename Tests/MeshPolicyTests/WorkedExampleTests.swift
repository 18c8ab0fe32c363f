import MeshModel
import MeshPolicy
import Testing

/// A row of the table of worked examples in the reference: what is written, and which policy then applies.
struct WorkedExample: Sendable, CustomTestStringConvertible {
  /// One change; policies have a creation time in seconds.
  enum Change: Sendable {
    case policy(String, [String], created: Int64 = 1, backend: String = "zipkin")
    case deleted(String)
  }

  var row: Int
  var why: String
  var proxy = Dataplane(inbounds: ["service=web protocol=http version=v1 region=us"])
  var changes: [Change]
  var winner: String?
  /// The backend to which spans go; `nil` when nothing is traced.
  var backend: String?

  var testDescription: String { "row \(row): \(why)" }

  init(
    _ row: Int, _ why: String, proxy: Dataplane? = nil, _ changes: [Change], winner: String?, backend: String?? = nil
  ) {
    self.row = row
    self.why = why
    if let proxy { self.proxy = proxy }
    self.changes = changes
    self.winner = winner
    self.backend = backend ?? (winner == nil ? nil : "zipkin")
  }

  static let two = Dataplane(inbounds: ["service=web version=v1", "service=api region=eu"])
  static let ties: [Change] = [
    .policy("a", ["service=web region=us"], created: 1), .policy("b", ["service=web version=v1"], created: 2),
  ]

  static let rows = [
    WorkedExample(
      1, "exact beats wildcard", [.policy("a", ["service=*"]), .policy("b", ["service=web"])], winner: "b"),
    WorkedExample(
      2, "two wildcards beat one exact tag", [.policy("a", ["service=web"]), .policy("b", ["service=* region=*"])],
      winner: "b"),
    WorkedExample(
      3, "of equal totals the more exact wins",
      [.policy("a", ["service=web version=*"]), .policy("b", ["service=web version=v1"])], winner: "b"),
    WorkedExample(4, "of equal ranks the later created wins", ties, winner: "b"),
    WorkedExample(
      5, "of equal times the first by name wins",
      [
        .policy("bbb", ["service=web version=v1"], created: 1), .policy("aaa", ["service=web region=us"], created: 1),
      ], winner: "aaa"),
    WorkedExample(
      6, "an update does not change precedence",
      ties + [.policy("a", ["service=web region=us"], created: 1, backend: "other")], winner: "b"),
    WorkedExample(
      7, "deletion and creation do", ties + [.deleted("a"), .policy("a", ["service=web region=us"], created: 3)],
      winner: "a"),
    WorkedExample(
      8, "the best selector counts",
      [
        .policy("a", ["service=*", "service=web version=v1 region=us"]), .policy("b", ["service=web version=v1"]),
      ], winner: "a"),
    WorkedExample(
      9, "a wildcard needs the tag", [.policy("a", ["service=web team=*"]), .policy("b", ["service=*"])], winner: "b"),
    WorkedExample(10, "case counts", [.policy("a", ["service=Web"]), .policy("b", ["service=*"])], winner: "b"),
    WorkedExample(
      11, "three wildcards beat two exact tags", proxy: Dataplane(inbounds: ["service=web version=v1 a=1 b=2 c=3"]),
      [.policy("a", ["a=* b=* c=*"]), .policy("b", ["service=web version=v1"])], winner: "a"),
    WorkedExample(
      12, "tags of two inbounds are not merged", proxy: two,
      [.policy("a", ["service=web region=eu"]), .policy("b", ["service=*"])], winner: "b"),
    WorkedExample(
      13, "one policy for the whole proxy", proxy: two,
      [
        .policy("a", ["service=web"], created: 1, backend: "zipkin"),
        .policy("b", ["service=api"], created: 2, backend: "other"),
      ], winner: "b", backend: "other"),
    WorkedExample(
      14, "a gateway's tags count", proxy: Dataplane(gateway: "service=edge region=eu"),
      [.policy("a", ["service=edge"]), .policy("b", ["service=* region=us"])], winner: "a"),
    WorkedExample(
      16, "any tag may be exact",
      [.policy("a", ["protocol=http"], created: 1), .policy("b", ["service=*"], created: 2)], winner: "a"),
    WorkedExample(17, "another region", [.policy("a", ["region=eu"])], winner: nil),
    WorkedExample(
      18, "no falling back from an unknown backend",
      [.policy("a", ["service=web"], backend: "missing"), .policy("b", ["service=*"])], winner: "a",
      backend: .some(nil)),
    WorkedExample(
      19, "health is no matter",
      proxy: {
        var proxy = Dataplane(inbounds: ["service=web"])
        proxy.networking?.inbound[0].ready = false
        return proxy
      }(), [.policy("a", ["service=web"])], winner: "a"),
    WorkedExample(20, "a default backend alone enables nothing", [], winner: nil),
  ]
}

@Suite struct WorkedExampleTests {
  static let mesh = Mesh(
    tracing: Mesh.Tracing(
      defaultBackend: "zipkin",
      backends: ["zipkin", "other"].map {
        TracingBackend(name: $0, zipkin: ZipkinConf(url: "http://\($0):9411/api/v2/spans"))
      }))

  @Test("worked examples", arguments: WorkedExample.rows)
  func row(_ example: WorkedExample) {
    var index = MeshIndex(name: "m1")
    var start = MeshIndex.Change()
    start.mesh = Self.mesh
    start.dataplanes["w"] = example.proxy
    _ = index.apply(start)
    var before = index.configuration(for: "w")
    for step in example.changes {
      var change = MeshIndex.Change()
      switch step {
      case .policy(let name, let selectors, let created, let backend):
        change.policies[name] = (TrafficTrace(selectors, backend: backend), Timestamp(seconds: created))
      case .deleted(let name): change.policies[name] = .some(nil)
      }
      let affected = index.apply(change).affected
      let after = index.configuration(for: "w")
      #expect(before == after || affected == ["w"], "after \(step)")
      before = after
    }
    check(index, example)
    check(index: policies(of: example), example)
  }

  @Test("row 15: meshes are kept apart") func isolation() {
    var one = MeshIndex(name: "m1")
    var two = MeshIndex(name: "m2")
    var change = MeshIndex.Change()
    change.mesh = Self.mesh
    var proxies = change
    proxies.dataplanes["w"] = Dataplane(inbounds: ["service=web"])
    _ = one.apply(proxies)
    change.policies["a"] = (TrafficTrace(["service=web"]), Timestamp(seconds: 1))
    #expect(two.apply(change).affected.isEmpty)
    #expect(one.winner(for: "w") == nil)
    #expect(one.configuration(for: "w")?.tracing == nil)
    #expect(two.winner(for: "w") == nil)
    #expect(two.proxies(matching: TrafficTrace(["service=web"])).isEmpty)
  }

  private func check(_ index: MeshIndex, _ example: WorkedExample) {
    #expect(index.winner(for: "w")?.name == example.winner)
    #expect(index.candidates(for: "w").first?.name == example.winner)
    #expect(index.resolution(for: "w")?.backend?.name == example.backend)
    #expect(index.configuration(for: "w")?.tracing?.backend == example.backend)
    for name in index.policyNames {
      #expect(index.proxies(wonBy: name) == (name == example.winner ? ["w"] : []), "won by \(name)")
    }
  }

  /// The policies as they are at the end, filed in the opposite order.
  private func policies(of example: WorkedExample) -> PolicyIndex {
    var last: [String: (content: TrafficTrace, created: Int64)] = [:]
    for step in example.changes {
      switch step {
      case .policy(let name, let selectors, let created, let backend):
        last[name] = (TrafficTrace(selectors, backend: backend), created)
      case .deleted(let name): last[name] = nil
      }
    }
    var index = PolicyIndex()
    for (name, policy) in last.sorted(by: { $0.key > $1.key }) {
      index.insert(name, policy.content, creationTime: Timestamp(seconds: policy.created))
    }
    return index
  }

  private func check(index: PolicyIndex, _ example: WorkedExample) {
    #expect(index.winner(for: example.proxy.tagSets)?.name == example.winner)
    #expect(index.candidates(for: example.proxy.tagSets).first?.name == example.winner)
  }
}
