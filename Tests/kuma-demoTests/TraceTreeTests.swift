import Foundation
import Testing

@testable import kuma_demo

@Suite("A trace as a tree in the terminal")
struct TraceTreeTests {
  /// The sides of a trace as Envoys report them: service, kind, callee, index of the node above, start and length in
  /// microseconds.
  private typealias Side = (service: String, kind: String, callee: String, parent: Int, start: Int, duration: Int)

  private static let whole: [Side] = [
    ("storefront", "SERVER", "localhost:8080", -1, 0, 40_000),
    ("storefront", "CLIENT", "catalogue", 0, 4000, 10_000),
    ("catalogue", "SERVER", "localhost:8081", 1, 5000, 8000),
    ("storefront", "CLIENT", "checkout", 0, 16_000, 20_000),
    ("checkout", "SERVER", "localhost:8082", 3, 17_000, 18_000),
    ("checkout", "CLIENT", "payments", 4, 20_000, 12_000),
    ("payments", "SERVER", "localhost:8083", 5, 21_000, 10_000),
  ]

  private static func tree(_ sides: [Side], failing: Set<Int> = [], component: String = "proxy") throws -> TraceTree {
    var nodes: [[String: Any]] = []
    var depths: [Int] = []
    for (index, side) in sides.enumerated() {
      depths.append(side.parent < 0 ? 0 : depths[side.parent] + 1)
      let tags = [
        "component": component, "node_id": "default.\(side.service)-1", "upstream_cluster": side.callee,
        "http.status_code": failing.contains(index) ? "503" : "200",
      ]
      let span: [String: Any] = [
        "kind": side.kind, "timestamp": 1_000_000 + side.start, "duration": side.duration,
        "localEndpoint": ["serviceName": side.service], "tags": tags,
      ]
      nodes.append([
        "depth": depths[index], "parent": side.parent, "isError": failing.contains(index),
        "span": span,
      ])
    }
    let document: [String: Any] = [
      "traceId": "80f198ee56343ba8", "timestamp": 1_000_000, "duration": 40_000, "nodes": nodes,
    ]
    return try JSONDecoder().decode(TraceTree.self, from: JSONSerialization.data(withJSONObject: document))
  }

  @Test("a trace with both sides of every call is whole")
  func whole() throws {
    let plan = try DemoPlan(usesUsualPorts: false)
    let tree = try Self.tree(Self.whole)
    #expect(tree.missing(for: plan.traced).isEmpty)
    #expect(tree.count("CLIENT") == 3)
    #expect(tree.count("SERVER") == 4)
  }

  @Test("what is missing is named")
  func missing() throws {
    let plan = try DemoPlan(usesUsualPorts: false)
    let withoutPayments = try Self.tree(Array(Self.whole.dropLast()))
    #expect(
      withoutPayments.missing(for: plan.traced) == [
        "the call from checkout to payments", "the server side of payments",
      ])

    var detached = Self.whole
    detached[4].parent = -1
    #expect(
      try Self.tree(detached).missing(for: plan.traced) == [
        "what joins its parts", "the call from storefront to checkout",
      ])
  }

  @Test("spans that no Envoy made do not count")
  func onlyEnvoys() throws {
    let tree = try Self.tree(Self.whole, component: "library")
    #expect(tree.count("SERVER") == 0)
    #expect(tree.missing(for: try DemoPlan(usesUsualPorts: false).traced).count == 7)
  }

  @Test("the drawing shows branches, times and failures")
  func drawing() throws {
    let style = TerminalStyle(isTerminal: false, hasColours: false, width: 64)
    let services = ["storefront", "catalogue", "checkout", "payments"]
    let lines = TraceDrawing(try Self.tree(Self.whole, failing: [6]), services: services, style: style).lines
    #expect(
      lines == [
        "  storefront server            ━━━━━━━━━━━━━━   40.0 ms",
        "  ├─ → catalogue client         ━━━━            10.0 ms",
        "  │  └─ catalogue server        ━━━              8.0 ms",
        "  └─ → checkout client              ━━━━━━━     20.0 ms",
        "     └─ checkout server             ━━━━━━      18.0 ms",
        "        └─ → payments client          ━━━━      12.0 ms",
        "           └─ payments server         ━━━━      10.0 ms ✗ 503",
      ])
  }

  @Test("times that make no sense draw something still")
  func strangeTimes() throws {
    let sides: [Side] = [
      ("storefront", "SERVER", "", -1, 0, 0), ("storefront", "CLIENT", "catalogue", 0, -5000, 900_000),
    ]
    let style = TerminalStyle(isTerminal: false, hasColours: true, width: 60)
    let lines = TraceDrawing(try Self.tree(sides), services: [], style: style).lines
    #expect(lines.count == 2)
    #expect(lines.allSatisfy { $0.contains("━") })
  }
}
