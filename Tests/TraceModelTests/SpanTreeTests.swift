import Testing
import TraceTestSupport

@testable import TraceModel

@Suite struct SpanTreeTests {
  /// A tree as text: a line per node, indented, with `!` where a parent is missing.
  private func draw(_ spans: [Span]) -> [String] {
    SpanTree(spans).nodes.map { node in
      let kind = node.span.kind.map { "\($0)" } ?? "local"
      return String(repeating: "  ", count: node.depth) + "\(node.span.id) \(node.span.serviceName) \(kind)"
        + (node.isDetached ? " !" : "")
    }
  }

  @Test("The server's side of a shared id hangs below the client's, and its calls below it")
  func sharedIDs() {
    let spans = [
      span(1, .server, service: "gateway", at: 0),
      span(2, parent: 1, .client, service: "gateway", at: 1),
      span(2, parent: 1, .server, service: "orders", at: 2, shared: true),
      span(3, parent: 2, .client, service: "orders", at: 3),
      span(3, parent: 2, .server, service: "payments", at: 4, shared: true),
      span(4, parent: 2, .client, service: "orders", at: 5),
    ]
    let expected = [
      "1 gateway server", "  2 gateway client", "    2 orders server", "      3 orders client",
      "        3 payments server", "      4 orders client",
    ]
    #expect(draw(spans) == expected)
    #expect(draw(spans.reversed()) == expected)
    #expect(draw(spans + spans) == expected)
  }

  @Test("A root that is marked as shared is whole if it has the trace's own id, as Envoy's roots do")
  func sharedRoot() {
    let calls = [
      span(trace: 7, 2, parent: 7, .client, service: "gateway", at: 1),
      span(trace: 7, 2, parent: 7, .server, service: "orders", at: 2, shared: true),
    ]
    let whole = [span(trace: 7, 7, .server, service: "gateway", at: 0, shared: true)] + calls
    #expect(draw(whole) == ["7 gateway server", "  2 gateway client", "    2 orders server"])
    #expect(TraceTimes.timestamp(of: whole.reversed()) == whole[0].timestamp)
    #expect(draw([span(trace: 7, 3, .server, service: "gateway", at: 0, shared: true)]) == ["3 gateway server !"])
  }

  @Test("The same id without the flag is told apart by its kind")
  func sameIDWithoutFlag() {
    #expect(
      draw([span(2, .server, service: "b", at: 1), span(2, .client, service: "a", at: 0)])
        == ["2 a client", "  2 b server"])
  }

  @Test("A child in the client's service hangs below the client's side")
  func childOfTheClient() {
    let spans = [
      span(2, .client, service: "a", at: 0), span(2, .server, service: "b", at: 1, shared: true),
      span(3, parent: 2, service: "a", at: 2), span(4, parent: 2, service: "c", at: 3),
    ]
    #expect(draw(spans) == ["2 a client", "  2 b server", "    4 c local", "  3 a local"])
  }

  @Test("Without shared ids the parents alone decide")
  func ownIDs() {
    let spans = [
      span(1, .server, service: "a", at: 0), span(2, parent: 1, .client, service: "a", at: 1),
      span(3, parent: 2, .server, service: "b", at: 2),
    ]
    #expect(draw(spans) == ["1 a server", "  2 a client", "    3 b server"])
  }

  @Test("What is not there leaves roots that say so")
  func missing() {
    let spans = [
      span(9, parent: 8, service: "late", at: 1), span(2, .server, service: "half", at: 2, shared: true),
      span(1, service: "whole", at: 5),
    ]
    #expect(draw(spans) == ["1 whole local", "9 late local !", "2 half server !"])
  }

  @Test("Cycles are cut and every span is there once")
  func cycles() {
    let spans = [
      span(1, parent: 3, at: 0), span(2, parent: 1, at: 1), span(3, parent: 2, at: 2), span(4, parent: 3, at: 3),
      span(5, parent: 5, at: 4),
    ]
    #expect(
      draw(spans) == [
        "1 frontend local !", "  2 frontend local", "    3 frontend local", "      4 frontend local",
        "5 frontend local !",
      ])
  }

  @Test("A retry that reuses the id keeps its server sides apart")
  func retries() {
    let spans = [
      span(2, .client, service: "a", at: 0), span(2, .server, service: "b", at: 1, shared: true),
      span(2, .server, service: "b", at: 5, shared: true),
    ]
    #expect(draw(spans) == ["2 a client", "  2 b server", "  2 b server"])
  }

  /// A server's side of an attempt at host `10.9.0.N`, and what it called.
  private func attempt(_ host: Int, port: UInt16 = 0, at start: Int64, for duration: Int64, client: Bool = false)
    -> Span
  {
    var span =
      client
      ? span(0xC + UInt64(host), parent: 2, .client, service: "stock", at: start, for: duration)
      : span(2, parent: 1, .server, service: "stock", at: start, for: duration, shared: true)
    span.localEndpoint = Endpoint(serviceName: "stock", ipv4: "10.9.0.\(host)", port: port)
    return span
  }

  /// Which start, in milliseconds, the parents of the calls have, in the calls' order.
  private func parents(_ spans: [Span]) -> [Int64] {
    let nodes = SpanTree(spans).nodes
    return nodes.filter { $0.span.kind == .client && $0.span.id != 2 }.sorted { $0.span.timestamp < $1.span.timestamp }
      .map { node in (node.parent.map { nodes[$0].span.timestamp } ?? 0) / 1_000 - (SampleSpans.now - 60_000) }
  }

  @Test("What retries with one id called hangs under the attempt of its host, then of its time, however many there are")
  func callsOfRetries() {
    let client = span(2, parent: 1, .client, service: "web", at: 1, for: 90_000)
    let byHost = [
      client, attempt(2, at: 2, for: 20_000), attempt(3, at: 40, for: 40_000),
      attempt(3, at: 50, for: 20_000, client: true),
    ]
    #expect(parents(byHost) == [40])
    // The first attempt went on when the second had begun.
    #expect(parents([client, attempt(2, at: 2, for: 80_000)] + byHost[2...]) == [40])
    #expect(
      parents([
        client, attempt(2, at: 2, for: 80_000), attempt(3, at: 40, for: 40_000),
        attempt(2, at: 50, for: 1_000, client: true),
      ]) == [2])
    // One host, three times.
    var spans = [client]
    for (start, length): (Int64, Int64) in [(2, 8_000), (12, 8_000), (22, 8_000)] {
      spans += [attempt(2, at: start, for: length), attempt(2, at: start + 3, for: 1_000, client: true)]
      spans[spans.count - 1].id = UInt64(start) + 100
    }
    #expect(parents(spans) == [2, 12, 22])
    // Two ports of one host, at the same time.
    var ports = [client, attempt(2, port: 81, at: 2, for: 50_000), attempt(2, port: 82, at: 4, for: 50_000)]
    ports += [
      attempt(2, port: 81, at: 6, for: 1_000, client: true), attempt(2, port: 82, at: 7, for: 1_000, client: true),
    ]
    ports[4].id = 0x99
    #expect(parents(ports) == [2, 4])
    // And so many that they are looked up.
    var many = [client]
    for number in 0..<200 {
      many += [
        attempt(number % 250, at: Int64(number) * 10, for: 9_000),
        attempt(number % 250, at: Int64(number) * 10 + 5, for: 1_000, client: true),
      ]
      many[many.count - 1].id = 0x1000 + UInt64(number)
    }
    #expect(parents(many) == (0..<200).map { Int64($0) * 10 })
    for index in many.indices { many[index].localEndpoint?.ipv4 = "" }
    #expect(parents(many) == (0..<200).map { Int64($0) * 10 })
  }

  @Test("Reports of one id and start keep their names, ports and addresses")
  func reportsWithOneStart() {
    var first = span(2, .server, service: "a", name: "get", at: 0, shared: true)
    first.localEndpoint = Endpoint(serviceName: "a", ipv4: "10.0.0.1", port: 80)
    var other = first
    other.localEndpoint = Endpoint(serviceName: "a", ipv4: "10.0.0.2", port: 81)
    #expect(Set(TraceAssembly.merged([first, other]).compactMap(\.localEndpoint?.ipv4)) == ["10.0.0.1", "10.0.0.2"])
    other = first
    other.localEndpoint?.port = 81
    #expect(Set(TraceAssembly.merged([first, other]).compactMap(\.localEndpoint?.port)) == [80, 81])
    other = first
    other.name = "get /users/{id}"
    #expect(Set(TraceAssembly.merged([first, other]).map(\.name)) == ["get", "get /users/{id}"])
    other = first
    first.remoteEndpoint = Endpoint(ipv4: "10.0.0.8")
    other.remoteEndpoint = Endpoint(ipv4: "10.0.0.9")
    #expect(TraceAssembly.merged([first, other]).count == 2)
    // What one lacks it takes from the other.
    var bare = first
    bare.name = ""
    bare.localEndpoint = Endpoint(serviceName: "a", port: 80)
    bare.remoteEndpoint = Endpoint(serviceName: "b", port: 9)
    for spans in [[first, bare], [bare, first]] {
      let merged = TraceAssembly.merged(spans)
      #expect(merged.map(\.name) == ["get"])
      #expect(merged.first?.localEndpoint == Endpoint(serviceName: "a", ipv4: "10.0.0.1", port: 80))
      #expect(merged.first?.remoteEndpoint == Endpoint(serviceName: "b", ipv4: "10.0.0.8", port: 9))
    }
  }

  @Test("A chain of 20,000 spans needs no stack, and descendants are counted")
  func deepChain() {
    let spans = (1...20_000).map { (number: Int) -> Span in
      span(UInt64(number), parent: number == 1 ? nil : UInt64(number - 1), at: Int64(number))
    }
    let nodes = SpanTree(spans.reversed()).nodes
    let descendants: [Int] = nodes.map { $0.descendants }
    #expect(descendants == Array((0..<20_000).reversed()))
    #expect(nodes.last?.depth == 19_999)
  }

  @Test("Any spans make a forest that holds each once")
  func randomSpans() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let spans = (0..<Int.random(in: 1...12, using: &random)).map { index in
        span(
          .random(in: 1...5, using: &random), parent: Bool.random() ? .random(in: 1...6, using: &random) : nil,
          [.client, .server, nil].randomElement(using: &random) ?? nil, service: ["a", "b"].randomElement() ?? "a",
          at: Int64(index), shared: .random(using: &random))
      }
      let tree = SpanTree(spans)
      #expect(tree.nodes.count == spans.count)
      for (index, node) in tree.nodes.enumerated() {
        if let parent = node.parent {
          #expect(parent < index)
          #expect(tree.nodes[parent].depth == node.depth - 1)
          #expect(index <= parent + tree.nodes[parent].descendants)
        } else {
          #expect(node.depth == 0)
        }
      }
    }
  }

  @Test func summary() throws {
    let summary = try #require(
      TraceSummary(
        SpanTree([
          span(high: 3, 1, .server, service: "a", name: "get /", at: 0, for: 5_000),
          span(2, parent: 1, .client, service: "a", at: 1, for: 9_000, tags: [.init("error", "true")]),
          span(2, parent: 1, .server, service: "b", at: 2, tags: [.init("error", "false")], shared: true),
          span(7, parent: 6, service: "", at: 3),
        ])))
    #expect(summary.traceID.description == "0000000000000003000000000000000a")
    #expect([summary.rootService, summary.rootName] == ["a", "get /"])
    #expect(summary.duration == 10_000)
    #expect([summary.spanCount, summary.errorCount, summary.detachedCount] == [4, 1, 1])
    #expect(
      summary.services == [
        .init(name: "a", spanCount: 2, errorCount: 1), .init(name: "b", spanCount: 1, errorCount: 0),
        .init(name: "", spanCount: 1, errorCount: 0),
      ])
  }
}
