import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Who called whom: Zipkin's rules, and what proxies add to them. The dependencies and the graph must agree, in
/// whichever order spans come.
@Suite(.heavy) struct LinkerTests {
  /// The calls of a trace: caller, callee, how many, and how many of them failed.
  private func links(_ spans: [Span]) async throws -> [String] {
    var found: Set<[String]> = []
    for order in [[spans], [spans.reversed()], spans.map { [$0] }, [spans + spans]] {
      let test = try TestStore()
      for report in order { try await test.store.add(report) }
      let links = try await test.store.dependencies(endTs: SampleSpans.now, lookback: 3_600_000)
      found.insert(links.map { "\($0.parent)>\($0.child) \($0.callCount) \($0.errorCount)" })
      let graph = try await test.store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
      found.insert(graph.edges.map { "\($0.parent)>\($0.child) \($0.figures.calls) \($0.figures.errors)" })
    }
    #expect(found.count == 1, "orders and answers differ: \(found)")
    return found.first ?? []
  }

  /// A span as a line: `id<parent kind local>remote !error ~shared`, all but the id optional.
  private func spans(_ lines: [String]) throws -> [Span] {
    try lines.enumerated().map { index, line in
      let words = line.split(separator: " ")
      let ids = try #require(words.first).split(separator: "<").compactMap { UInt64($0, radix: 16) }
      let kinds: [Substring: Span.Kind] = ["C": .client, "S": .server, "P": .producer, "Q": .consumer]
      let sides = words.count > 2 ? words[2].split(separator: ">", omittingEmptySubsequences: false) : []
      return span(
        trace: 0xA, try #require(ids.first), parent: ids.count > 1 ? ids[1] : nil,
        words.count > 1 ? kinds[words[1]] : nil, service: sides.first.map(String.init) ?? "", at: Int64(index),
        for: 100_000 - Int64(index) * 2_000, remote: sides.count > 1 ? String(sides[1]) : "",
        tags: words.contains("!") ? [.init("error", "")] : [], shared: words.contains("~"))
    }
  }

  private struct Case {
    let name: String
    let spans: [String]
    let links: [String]

    init(_ name: String, _ spans: [String], _ links: [String]) {
      self.name = name
      self.spans = spans
      self.links = links
    }
  }

  /// What Zipkin's own linker is held to (openzipkin/zipkin, `DependencyLinkerTest` and `ITDependencies`), in our words.
  private static let zipkin = [
    Case(
      "both sides with one id", ["a S web", "b<a C web>app", "b<a S app>web ~", "c<b C app>db !"],
      ["app>db 1 1", "web>app 1 0"]),
    Case(
      "the called side came without its parent", ["a S web", "b<a C web>app", "b S app>web ~", "c<b C app>db !"],
      ["app>db 1 1", "web>app 1 0"]),
    Case(
      "and the calling side never came", ["a S web", "b S app>web ~", "c<b C app>db !"], ["app>db 1 1", "web>app 1 0"]),
    Case("a called side without its parent", ["a S arn", "b<a C arn>link", "b S link>arn ~"], ["arn>link 1 0"]),
    Case("a queue that only the receiver names", ["a P producer", "b<a Q consumer>kafka"], ["kafka>consumer 1 0"]),
    Case("a queue that only the sender names", ["a P producer>kafka", "b<a Q consumer"], ["producer>kafka 1 0"]),
    Case(
      "a queue that both name", ["a P producer>kafka", "b<a Q consumer>kafka"],
      ["kafka>consumer 1 0", "producer>kafka 1 0"]),
    Case(
      "two queues", ["a P producer>kafka1", "b<a Q consumer>kafka2"], ["kafka2>consumer 1 0", "producer>kafka1 1 0"]),
    Case("a queue that nobody names", ["a P producer", "b<a Q consumer"], []),
    Case("a server below a sender", ["a P producer", "b<a S server"], ["producer>server 1 0"]),
    Case("a server that shares a sender's id", ["a P producer", "a S server ~"], ["producer>server 1 0"]),
    Case("a receiver below a client", ["a C client", "b<a Q consumer"], []),
    Case("a root server that knows its client", ["a S server>client"], ["client>server 1 0"]),
    Case("a root client that knows its server", ["a C client>server ~"], ["client>server 1 0"]),
    Case(
      "clients without a local service", ["a S client", "b<a C >server", "c<a C >server"], ["client>server 2 0"]),
    Case("one client without a local service", ["a S client", "b<a C >server"], ["client>server 1 0"]),
    Case("sides with ids of their own", ["a C client", "b<a S server"], ["client>server 1 0"]),
    Case("both sides saw it fail", ["a C client !", "b<a S server !"], ["client>server 1 1"]),
    Case("both sides saw it fail, with one id", ["a C client !", "a S server ! ~"], ["client>server 1 1"]),
    Case("the server's name counts", ["a C client>server", "b<a S server"], ["client>server 1 0"]),
    Case(
      "two servers below a client", ["a C client", "b<a S server>client !", "c<a S server>client"],
      ["client>server 2 1"]),
    Case(
      "two servers below a client that names them", ["a C client>server", "b<a S server", "c<a S server"],
      ["client>server 2 0"]),
    Case(
      "clients of another service below a local span", ["a S client", "b<a L", "c<b C server", "d<b C server"],
      ["client>server 2 0"]),
    Case(
      "their failures are not the call's", ["a S client", "b<a L", "c<b C server !", "d<b C server !"],
      ["client>server 2 0"]),
    Case(
      "their failures are those of what they call",
      ["a S foo", "b<a L", "c<b C bar>baz !", "d<b C bar>baz"], ["bar>baz 2 1", "foo>bar 2 0"]),
    Case("a client whose parent is not there", ["c<b C foo>bar !"], ["foo>bar 1 1"]),
    Case("a service that is its own client", ["a S service>service"], ["service>service 1 0"]),
    Case("a service that is its own server", ["b C service>service"], ["service>service 1 0"]),
    Case(
      "no kinds at all", ["a L some-client>web", "b<a L web>app !", "c<b L app>db"],
      ["app>db 1 0", "some-client>web 1 0", "web>app 1 1"]),
    Case("a server without names", ["a S"], []), Case("a server alone", ["a S server"], []),
    Case("a server that knows only its client", ["a S >client"], []), Case("a client without names", ["a C"], []),
    Case("a client alone", ["a C client"], []), Case("a client that knows only its server", ["a C >server"], []),
    Case("two servers whose parent is not there", ["b<a S service1", "c<a S service2"], []),
    Case("a server below a server", ["b<a S service1", "c<b S service2"], ["service1>service2 1 0"]),
    Case("only the client saw it fail", ["a C web !", "b<a S app"], ["web>app 1 1"]),
    Case("a missing span between two services", ["a S web", "b<a C app"], ["web>app 1 0"]),
    // Of the integration tests, those that are not among these already.
    Case(
      "all servers reported",
      ["10 S frontend", "20<10 C frontend", "20<10 S backend ~", "30<20 C backend", "30<20 S db ~"],
      ["backend>db 1 0", "frontend>backend 1 0"]),
    Case("a loop", ["1 S frontend", "2<1 C frontend>frontend"], ["frontend>frontend 1 0"]),
    Case(
      "the root is not there", ["2<1 C frontend>backend", "2<1 S backend ~", "3<2 C backend>db !"],
      ["backend>db 1 1", "frontend>backend 1 0"]),
    Case(
      "neither the first client nor the last server reported",
      ["20 S frontend>kafka", "21<20 C frontend", "21<20 S backend ~", "22<21 C backend>db"],
      ["backend>db 1 0", "frontend>backend 1 0", "kafka>frontend 1 0"]),
    Case("a missing parent", ["20 S frontend", "22<21 C backend"], ["frontend>backend 1 0"]),
    Case(
      "a service without a name", ["20 L >frontend", "21<20 L frontend>backend", "22<21 L backend>db"],
      ["backend>db 1 0", "frontend>backend 1 0"]),
    Case(
      "local spans between",
      [
        "20 S frontend", "21<20 L frontend", "22<21 C frontend", "22<21 S backend ~", "23<22 L backend",
        "24<23 L backend", "25<24 C backend>db",
      ], ["backend>db 1 0", "frontend>backend 1 0"]),
    Case(
      "a client with a missing parent of the same service", ["20 S frontend", "22<21 C frontend>backend"],
      ["frontend>backend 1 0"]),
    Case("a server that a queue called", ["10 S backend>kafka", "11<10 L backend"], ["kafka>backend 1 0"]),
  ]

  @Test("Zipkin's rules", arguments: zipkin.indices)
  func zipkinRules(number: Int) async throws {
    let example = Self.zipkin[number]
    #expect(try await links(spans(example.spans)) == example.links, "\(example.name)")
  }

  private static let once = [
    Case(
      "what the called service did next, its server's side is not there",
      ["1 S one-web", "2<1 C one-web>one-app", "3<2 C one-app>one-db"], ["one-app>one-db 1 0", "one-web>one-app 1 0"]),
    Case(
      "the same with two calls, and the first call failed",
      ["1 S web", "2<1 C web>app !", "3<2 C app>db", "4<2 C app>db"], ["app>db 2 0", "web>app 1 1"]),
    Case(
      "what the called service did is local",
      ["1 S web", "2<1 C web>app", "3<2 L app", "4<3 C app>db"], ["app>db 1 0", "web>app 1 0"]),
    Case("a client's side with local spans alone", ["1 C web>db", "2<1 L web", "3<1 L web"], ["web>db 1 0"]),
    Case(
      "two spans below one missing server's side", ["1 S web", "5<4 C app>db", "6<4 C app>db"],
      ["app>db 2 0", "web>app 1 0"]),
    // A tracer replaced the span id and reported nothing: the call was made for the request that is there.
    Case(
      "a call whose parent was never reported, and the request for which it was made",
      ["1 S web", "2<1 C web>app", "2<1 S app ~", "4<3 C app>db"], ["app>db 1 0", "web>app 1 0"]),
    Case(
      "two of them, with both sides",
      ["1 S web", "2<1 C web>app", "2<1 S app ~", "4<3 C app>db", "4<3 S db ~", "6<5 C app>db", "6<5 S db ~"],
      ["app>db 2 0", "web>app 1 0"]),
    Case("a missing parent whose call is known", ["1 S web", "2<1 C web>app", "5<4 S app"], ["web>app 1 0"]),
    Case("a called side without a kind", ["1 C web>app", "1 L app ~"], ["web>app 1 0"]),
    // A proxy before an application, and one behind it.
    Case("a server right under a server of its service", ["1 S web", "2<1 S web"], []),
    Case("also through a local span", ["1 S web", "2<1 L web", "3<2 S web"], []),
    Case(
      "a client right under a client of its service",
      ["1 S web", "2<1 C web>api.example", "3<2 C web>api"], ["web>api 1 0"]),
    Case("the outer one names the other side", ["1 S web", "2<1 C web>api", "3<2 C web"], ["web>api 1 0"]),
    Case(
      "an address is no service",
      [
        "1 S web", "2<1 C web>10.0.0.7", "3<1 C web>[fd00::1]:80", "4<1 C web>127.0.0.1:8080", "5<1 C web>localhost",
        "6<1 C web>fd00::2",
      ], []),
    Case("nor who calls", ["1 S web>10.0.0.7:4711"], []),
    Case(
      "a name that looks a little like one is one", ["1 C web>10-0-0-7.db", "2 C web>lo.example:5432"],
      ["web>10-0-0-7.db 1 0", "web>lo.example:5432 1 0"]),
    Case(
      "two applications behind two proxies, all with ids of their own",
      [
        "1 S web", "2<1 S web", "3<2 C web>127.0.0.1", "4<3 C web", "5<4 S api", "6<5 S api", "7<6 C api>localhost",
        "8<7 C api", "9<8 S db",
      ], ["api>db 1 0", "web>api 1 0"]),
    Case(
      "the same where proxies share ids",
      ["1 S web ~", "2<1 S web", "3<2 C web", "4<3 C web", "4<3 S api ~", "5<4 S api"], ["web>api 1 0"]),
    Case(
      "two calls that one client's side contains", ["1 C web>a", "2<1 L web", "3<2 C web>b"],
      ["web>a 1 0", "web>b 1 0"]),
  ]

  @Test("Each call counts once", arguments: once.indices)
  func eachCallOnce(number: Int) async throws {
    let example = Self.once[number]
    #expect(try await links(spans(example.spans)) == example.links, "\(example.name)")
  }

  @Test("A root that is a call to another service is no request of its own service")
  func brokenOffRoots() async throws {
    let test = try TestStore()
    // With and without a kind, alone and with more spans in the trace.
    try await test.store.add([
      span(trace: 1, 1, .server, service: "web", at: 0),
      span(trace: 2, 2, .client, service: "web", at: 1, remote: "app"),
      span(trace: 3, 3, service: "web", at: 2, remote: "app"), span(trace: 4, 4, service: "web", at: 3, remote: "app"),
      span(trace: 4, 5, parent: 4, .server, service: "app", at: 4), span(trace: 5, 6, service: "web", at: 5),
    ])
    let graph = try await test.store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
    #expect(graph.services.map { "\($0.name) \($0.calls) of \($0.spans)" } == ["app 1 of 1", "web 2 of 5"])
    #expect(graph.edges.map { "\($0.parent)>\($0.child) \($0.figures.calls)" } == ["web>app 3"])
  }

  private static func cluster(_ name: String) -> [Span.Tag] {
    [.init("component", "proxy"), .init("upstream_cluster", name)]
  }

  @Test("Sides that use 64 and 128 bits of one trace's id are one call; two traces with one low half are two")
  func halves() async throws {
    let client = span(high: 9, 1, .client, service: "web", at: 0)
    var server = span(2, parent: 1, .server, service: "api", at: 1)
    #expect(try await links([client, server]) == ["web>api 1 0"])
    server.traceID.high = 9
    var (otherClient, otherServer) = (client, server)
    otherClient.traceID.high = 8
    otherServer.traceID.high = 8
    #expect(try await links([client, server, otherClient, otherServer]) == ["web>api 2 0"])
  }

  @Test("Envoy's cluster names the other side of its calls, not of those it receives, and no address")
  func upstreamCluster() async throws {
    let spans = [
      span(1, .server, service: "web", at: 0, tags: Self.cluster("localhost:8080")),
      span(2, parent: 1, .client, service: "web", at: 1, tags: Self.cluster("API")),
      span(3, parent: 1, .client, service: "web", at: 2, remote: "127.0.0.1", tags: Self.cluster("db")),
      span(4, parent: 1, .client, service: "web", at: 3, tags: Self.cluster("-")),
      span(5, parent: 1, .client, service: "web", at: 4, tags: Self.cluster("outbound:passthrough:ipv4")),
      span(6, parent: 1, .server, service: "other", at: 5, tags: Self.cluster("web")),
    ]
    #expect(try await links(spans) == ["web>api 1 0", "web>db 1 0", "web>other 1 0"])
    let test = try TestStore()
    try await test.store.add(spans)
    #expect(test.store.remoteServiceNames(service: "web") == ["127.0.0.1", "api", "db"])
    for (name, count) in [("api", 1), ("db", 1), ("x", 0)] {
      var query = SampleSpans.everything
      query.serviceName = "web"
      query.remoteServiceName = name
      #expect(try await test.store.search(query).traces.count == count)
    }
  }

  @Test("An application that joins its proxy's span is the same request; a retry is another one")
  func joinedSpans() async throws {
    let proxy = Self.cluster("localhost:8080")
    let spans = [
      span(2, parent: 1, .client, service: "web", at: 0, for: 100_000, tags: Self.cluster("api")),
      span(
        2, parent: 1, .server, service: "api", at: 1, for: 30_000, tags: proxy + [.init("error", "503")], shared: true),
      span(2, parent: 1, .server, service: "api", at: 40, for: 50_000, tags: proxy, shared: true),
      span(2, parent: 1, .server, service: "api", name: "route", at: 45, for: 60_000, shared: true),
    ]
    #expect(try await links(spans) == ["web>api 2 1"])
    let tree = SpanTree(spans).nodes
    #expect(tree.map(\.depth) == [0, 1, 1, 2])
    #expect(tree.last?.span.name == "route")
    let test = try TestStore()
    try await test.store.add(spans)
    let operations = try await test.store.operations(
      service: "api", endTs: SampleSpans.now, lookback: 3_600_000
    ).operations
    #expect(operations.map { "\($0.name) \($0.figures.calls)" } == ["get / 1", "route 1"])
    let services = try await test.store.graph(endTs: SampleSpans.now, lookback: 3_600_000).services
    #expect(services.first { $0.name == "api" }?.calls == 2)
  }

  @Test("A span that is alone in its trace gives the calls that linking it would give")
  func aloneInItsTrace() {
    func calls(_ link: ((Call) -> Void) -> Void) -> [String] {
      var found: [String] = []
      link { found.append("\($0)") }
      return found.sorted()
    }
    for kind in [nil] + Span.Kind.allCases.map(Optional.some) {
      for (service, remote) in [("web", "app"), ("", "app"), ("web", ""), ("", ""), ("web", "web")] {
        for (id, parent) in [(0xA, nil), (1, nil), (1, 2)] as [(UInt64, UInt64?)] {
          for shared in [true, false] {
            let entry = SpanEntry(
              span(
                id, parent: parent, kind, service: service, remote: remote, tags: [.init("error", "")], shared: shared),
              received: 1)
            #expect(
              calls { CallLinker.calls(in: [entry], $0) } == calls { CallLinker.linkedCalls(in: [entry], $0) })
          }
        }
      }
    }
  }

  @Test("A trace of any shape is linked in steps that its number of spans bounds")
  func hostileShapes() throws {
    let count = 40_000
    func entries(_ make: (Int) -> Span) -> [SpanEntry] {
      (1...count).map { SpanEntry(make($0), received: 1) }
    }
    let shapes: [(Int) -> Span] = [
      // A chain of local spans with calls all along it.
      { span(UInt64($0), parent: $0 == 1 ? nil : UInt64($0 - 1), $0 % 2 == 0 ? .client : nil, service: "a\($0 % 3)") },
      // All with one id, of many hosts and starts, and all below it.
      {
        var side = span(7, parent: 1, .server, service: "s", at: Int64($0 % 100), for: Int64($0), shared: true)
        side.localEndpoint = Endpoint(serviceName: "s", ipv4: "10.0.\($0 / 250).\($0 % 250)", port: UInt16($0 % 60_000))
        return side
      },
      { span(7, parent: 1, .server, service: "s", name: "\($0)", at: 0, shared: true) },
      { span(UInt64($0), parent: 7, $0 % 2 == 0 ? .server : .client, service: "s\($0 % 7)", at: Int64($0)) },
      // Reversed ids in as many groups as there are spans.
      {
        var one = span(UInt64($0) << 1 | 1, parent: UInt64($0 + 1).byteSwapped, .client, service: "s")
        one.hasDoubtfulIDs = true
        return one
      },
    ]
    for shape in shapes {
      var calls = 0
      CallLinker.calls(in: entries(shape)) { _ in calls += 1 }
      #expect(calls <= 4 * count)
      // Three ways to a parent, and 32 spans at most that are looked at on each.
      #expect(SpanLinks(TraceAssembly.merged(entries(shape))).looks <= 100 * count)
      #expect(SpanTree((1...count).map(shape)).nodes.count <= count)
    }
  }
}
