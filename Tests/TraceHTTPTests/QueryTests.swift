import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Zipkin's queries but the search, which has tests of its own.
@Suite struct QueryTests {
  @Test func names() async throws {
    let collector = try TestCollector { $0.autocompleteKeys = ["env"] }
    try await collector.add(
      span(1, service: "b", name: "post /x", remote: "c", tags: [.init("env", "prod"), .init("other", "x")]),
      span(2, service: "a", name: ""), span(3, service: "b", name: "get /y", tags: [.init("env", "dev")]),
      span(4, service: "", name: "nobody"))
    let expected = [
      ("/api/v2/services", #"["a","b"]"#), ("/api/v2/spans?serviceName=B", #"["get /y","post /x"]"#),
      ("/api/v2/spans?serviceName=a", "[]"), ("/api/v2/spans?serviceName=unknown", "[]"),
      ("/api/v2/remoteServices?serviceName=b", #"["c"]"#), ("/api/v2/autocompleteKeys", #"["env"]"#),
      ("/api/v2/autocompleteValues?key=env", #"["dev","prod"]"#), ("/api/v2/autocompleteValues?key=other", "[]"),
      ("/zipkin/api/v2/services", #"["a","b"]"#), ("/zipkin/api/v2/spans?serviceName=B", #"["get /y","post /x"]"#),
    ]
    for (path, body) in expected {
      let reply = await collector.get(path)
      #expect(reply.status == 200)
      #expect(reply.field("Content-Type") == "application/json")
      #expect(reply.text == body)
    }
  }

  @Test(
    "What is missing or wrong in a query is named",
    arguments: [
      ("/api/v2/spans", "the parameter serviceName is missing"),
      ("/api/v2/spans?serviceName=", "the parameter serviceName is missing"),
      ("/api/v2/remoteServices", "the parameter serviceName is missing"),
      ("/api/v2/autocompleteValues", "the parameter key is missing"),
      ("/api/v2/dependencies", "the parameter endTs is missing"),
      ("/api/v2/traceMany", "the parameter traceIds is missing"),
      (
        "/api/v2/traceMany?traceIds=1,x",
        "each id in the parameter traceIds must have 1 to 32 hexadecimal digits and not be zero: 'x'"
      ),
      ("/api/v2/traceMany?traceIds=1,01", "the parameter traceIds names 0000000000000001 twice"),
      ("/api/v2/trace/xyz", "the id of a trace must have 1 to 32 hexadecimal digits and not be zero: 'xyz'"),
      ("/api/v2/trace/0", "the id of a trace must have 1 to 32 hexadecimal digits and not be zero: '0'"),
      ("/api/v2/traces?limit=0", "the parameter limit must be a whole number of traces, at least 1, not '0'"),
      ("/api/v2/traces?limit=1001", "the parameter limit must be at most 1000, not 1001"),
      (
        "/api/v2/traces?limit=99999999999999999999",
        "the parameter limit must be a whole number of traces, at least 1, not '99999999999999999999'"
      ),
      (
        "/api/v2/traces?endTs=-1",
        "the parameter endTs must be a whole number of milliseconds since 1970, at least 1, not '-1'"
      ),
      (
        "/api/v2/traces?lookback=1.5",
        "the parameter lookback must be a whole number of milliseconds, at least 1, not '1.5'"
      ),
      (
        "/api/v2/traces?minDuration=abc",
        "the parameter minDuration must be a whole number of microseconds, at least 1, not 'abc'"
      ),
      ("/api/v2/traces?maxDuration=5", "the parameter maxDuration is only valid with minDuration"),
      ("/api/v2/traces?minDuration=6&maxDuration=5", "the parameter maxDuration must not be smaller than minDuration"),
      ("/api/v2/traces?errorsOnly=maybe", "the parameter errorsOnly must be true or false"),
    ])
  func wrongParameters(path: String, message: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.get(path)
    #expect(reply.status == 400)
    #expect(reply.field("Content-Type") == "text/plain; charset=utf-8")
    #expect(reply.text == message + "\n")
  }

  @Test func notFound() async throws {
    let collector = try TestCollector()
    let trace = await collector.get("/api/v2/trace/abc")
    #expect(trace.status == 404)
    #expect(trace.text == "there is no trace 0000000000000abc\n")
    let path = await collector.get("/api/v3/nothing")
    #expect(path.status == 404)
    #expect(path.text == "there is nothing at /api/v3/nothing\n")
    #expect(await collector.get("/api/v2/trace/a/b").status == 404)
  }

  @Test("A span comes back as it was sent")
  func roundTrip() async throws {
    let collector = try TestCollector()
    let json =
      #"[{"traceId":"5982fe77008310cc80f1da5e10147517","parentId":"90394f6bcffb5d13","id":"67fae42571535f60","#
      + #""kind":"SERVER","name":"get /m/n","timestamp":1516781775726000,"duration":26000,"#
      + #""localEndpoint":{"serviceName":"site","ipv4":"185.23.354.5","ipv6":"2001:db8::c001","port":8080},"#
      + #""remoteEndpoint":{"serviceName":"caller","ipv4":"1.2.3.4"},"#
      + #""annotations":[{"timestamp":1516781775726001,"value":"foo \"bar\""}],"#
      + #""tags":{"http.path":"/aé😀\n\u0001\\","x":"</script>"},"debug":true,"shared":true}]"#
    #expect(await collector.post(json).status == 202)
    #expect(await collector.get("/api/v2/trace/5982fe77008310cc80f1da5e10147517").text == json)
    #expect(await collector.get("/api/v2/traceMany?traceIds=80f1da5e10147517,1").text == "[\(json)]")
  }

  @Test("HEAD answers as GET does, without the body")
  func head() async throws {
    let collector = try TestCollector()
    let get = await collector.get("/api/v2/services")
    let head = await collector.send(.head, "/api/v2/services")
    #expect(head.status == 200)
    #expect(head.body.isEmpty)
    #expect(head.fields == get.fields)
    #expect(head.field("Content-Length") == "2")
  }

  // MARK: Ids

  @Test("A sender that cuts ids to 64 bits takes part in the trace of 128 bits")
  func idLengths() async throws {
    let collector = try TestCollector()
    try await collector.add(span(trace: 0xB, high: 0xA, 1, at: 0), span(trace: 0xB, 2, parent: 1, at: 1))
    for id in ["b", "000000000000000b", "000000000000000a000000000000000b", "a000000000000000b"] {
      let spans = try await collector.get("/api/v2/trace/\(id)").json([Reply.SpanID].self)
      #expect(spans.map(\.id) == ["0000000000000001", "0000000000000002"])
      #expect(spans.map(\.traceId) == ["000000000000000a000000000000000b", "000000000000000b"])
    }
    #expect(try await collector.get("/api/v2/traces").traces().count == 1)
    // An id of 128 bits that nobody sent is another trace.
    #expect(await collector.get("/api/v2/trace/c000000000000000b").status == 404)
  }

  @Test("A trace that is asked for by ids of both lengths is given once") func manyOfBothLengths() async throws {
    let collector = try TestCollector()
    try await collector.add(
      span(trace: 0xB, high: 0xA, 1, at: 0), span(trace: 0xB, 2, parent: 1, at: 1), span(trace: 0xC, 3),
      span(trace: 0xD, high: 1, 4), span(trace: 0xD, high: 2, 5))
    for (ids, counts) in [
      ("a000000000000000b,b", [2]), ("b,a000000000000000b", [2]), ("b,c", [2, 1]), ("c,b,a000000000000000b", [1, 2]),
      ("1000000000000000d,2000000000000000d,d", [1, 1]), ("e", []),
    ] {
      let reply = await collector.get("/api/v2/traceMany?traceIds=\(ids)")
      #expect(reply.status == 200)
      #expect(try reply.traces().map(\.count) == counts, "\(ids)")
    }
  }

  @Test("Annotations come in the order of their times, wherever they are asked for") func annotationOrder() async throws
  {
    struct Annotated: Decodable {
      struct Annotation: Decodable, Equatable {
        let timestamp: Int64
        let value: String
      }
      let annotations: [Annotation]
    }
    struct Tree: Decodable {
      struct Node: Decodable {
        let span: Annotated
      }
      let nodes: [Node]
    }
    let collector = try TestCollector()
    try await collector.add(
      span(1, .server, annotations: [(9, "c"), (3, "b"), (3, "a"), (7, "z")].map { .init(timestamp: $0, value: $1) }),
      // The same span once more, with what the first did not have.
      span(1, .server, annotations: [.init(timestamp: 1, value: "first")]))
    let expected = [(1, "first"), (3, "a"), (3, "b"), (7, "z"), (9, "c")].map {
      Annotated.Annotation(timestamp: $0, value: $1)
    }
    for path in ["/api/v2/trace/a", "/api/export/zipkin/a"] {
      #expect(try await collector.get(path).json([Annotated].self).map(\.annotations) == [expected])
    }
    #expect(try await collector.get("/api/v2/traces").json([[Annotated]].self).first?.map(\.annotations) == [expected])
    #expect(try await collector.get("/api/trees/a").json(Tree.self).nodes.map(\.span.annotations) == [expected])
  }

  @Test("Different traces with one low half stay apart")
  func sameLowHalf() async throws {
    let collector = try TestCollector()
    try await collector.add(
      span(trace: 0xB, high: 1, 1, at: 0), span(trace: 0xB, high: 2, 2, at: 5), span(trace: 0xB, 3, at: 6))
    for (id, ids) in [("1000000000000000b", ["1", "3"]), ("2000000000000000b", ["2"]), ("b", ["1", "3"])] {
      let spans = try await collector.get("/api/v2/trace/\(id)").json([Reply.SpanID].self)
      #expect(spans.map(\.id) == ids.map { "000000000000000\($0)" })
    }
    #expect(await collector.get("/api/v2/trace/3000000000000000b").status == 404)
    #expect(try await collector.get("/api/v2/traces").traces().map(\.count) == [1, 2])
  }

  @Test("What was sent twice counts once, and late parts are joined")
  func duplicates() async throws {
    let collector = try TestCollector()
    let early = span(1, .server, name: "", for: 0, tags: [.init("a", "1")])
    let late = span(1, .server, name: "get /", for: 500, tags: [.init("a", "2"), .init("b", "3")])
    try await collector.add(early, late, late)
    let spans = try #require(try await collector.store.trace(TraceID(low: 0xA)))
    #expect(spans.map(\.duration) == [500])
    #expect(spans.map(\.name) == ["get /"])
    #expect(spans.map(\.tags) == [[.init("a", "1"), .init("b", "3")]])
    #expect(collector.store.spanCount == 3)
    #expect(try await collector.get("/api/v2/traces").traces() == [["0000000000000001"]])
  }

  @Test("The two sides of a shared id are two spans")
  func sharedID() async throws {
    let collector = try TestCollector()
    try await collector.add(
      span(1, .client, service: "a", at: 0), span(1, .server, service: "b", at: 1, shared: true))
    #expect(try await collector.get("/api/v2/trace/a").json([Reply.SpanID].self).count == 2)
  }

  @Test("Tens of thousands of spans with one id, and of traces with one low half, take no more than a moment")
  func hostileIDs() async throws {
    var spans = (0..<20_000).map { span(7, parent: 7, .server, service: "s\($0 % 3)", at: Int64($0), shared: true) }
    spans += (0..<20_000).map { span(7, parent: 6, .client, service: "c", at: Int64($0)) }
    #expect(SpanTree(spans).nodes.count == 40_000)
    let traces = (1...40_000).map { span(high: UInt64($0), 1) }
    #expect(TraceAssembly.traces(traces).count == 40_000)
  }

  // MARK: For the page

  @Test func tree() async throws {
    struct Tree: Decodable {
      struct Node: Decodable {
        let depth: Int
        let parent: Int
        let descendants: Int
        let isDetached: Bool
        let isError: Bool
        let span: Reply.SpanID
      }
      let traceId: String
      let rootService: String
      let spanCount: Int
      let errorCount: Int
      let nodes: [Node]
    }
    let collector = try TestCollector()
    try await collector.add(
      span(2, parent: 1, .server, service: "b", at: 2, tags: [.init("error", "")], shared: true),
      span(1, .server, service: "a", at: 0), span(2, parent: 1, .client, service: "a", at: 1),
      span(9, parent: 8, service: "c", at: 5))
    let tree = try await collector.get("/api/trees/a").json(Tree.self)
    #expect(tree.nodes.map(\.depth) == [0, 1, 2, 0])
    #expect(tree.nodes.map(\.parent) == [-1, 0, 1, -1])
    #expect(tree.nodes.map(\.descendants) == [2, 1, 0, 0])
    #expect(tree.nodes.map(\.isDetached) == [false, false, false, true])
    #expect(tree.nodes.map(\.isError) == [false, false, true, false])
    #expect(tree.nodes.map(\.span.id).map { $0.suffix(1) } == ["1", "2", "2", "9"])
    #expect([tree.traceId, tree.rootService] == ["000000000000000a", "a"])
    #expect([tree.spanCount, tree.errorCount] == [4, 1])
    #expect(await collector.get("/api/trees/b").status == 404)
  }

  // MARK: Dependencies

  /// The calls of a trace that is stored span by span, in some order.
  private func links(_ spans: [Span]) async throws -> [String] {
    var links: Set<[String]> = []
    for order in [spans, spans.reversed(), spans + spans] {
      let collector = try TestCollector()
      for span in order { try await collector.add(span) }
      let found = try await collector.store.dependencies(endTs: TestCollector.now, lookback: 3_600_000)
      links.insert(found.map { "\($0.parent)>\($0.child) \($0.callCount) \($0.errorCount)" })
    }
    // Neither the order nor a second time matters.
    #expect(links.count == 1)
    return links.first ?? []
  }

  @Test("A call counts once, whether its sides share an id or not, and whoever saw it fail")
  func links() async throws {
    let shared = [
      span(1, .server, service: "a", at: 0), span(2, parent: 1, .client, service: "a", at: 1, remote: "ignored"),
      span(2, parent: 1, .server, service: "b", at: 2, tags: [.init("error", "true")], shared: true),
    ]
    #expect(try await links(shared) == ["a>b 1 1"])
    let own = [
      span(1, .server, service: "a", at: 0),
      span(2, parent: 1, .client, service: "a", at: 1, tags: [.init("error", "500")]),
      span(3, parent: 2, .server, service: "b", at: 2), span(4, parent: 3, service: "b", at: 3),
      span(5, parent: 4, .client, service: "b", at: 4, remote: "database"),
    ]
    #expect(try await links(own) == ["a>b 1 1", "b>database 1 0"])
  }

  @Test("One side alone is enough if it names the other, and queues count as they say")
  func oneSidedLinks() async throws {
    #expect(try await links([span(1, .server, service: "b", remote: "a")]) == ["a>b 1 0"])
    #expect(try await links([span(1, .server, service: "b")]).isEmpty)
    #expect(try await links([span(1, service: "a", remote: "b"), span(2, service: "a")]) == ["a>b 1 0"])
    #expect(
      try await links([
        span(1, .producer, service: "a", at: 0, remote: "queue"),
        span(1, .consumer, service: "b", at: 1, remote: "queue", shared: true),
      ]) == ["a>queue 1 0", "queue>b 1 0"])
  }

  @Test func dependencies() async throws {
    let collector = try TestCollector()
    for trace: UInt64 in 1...3 {
      try await collector.add(
        span(trace: trace, 1, .client, service: "a", at: 0),
        span(trace: trace, 1, .server, service: "b", at: 1, tags: trace == 3 ? [.init("error", "x")] : [], shared: true)
      )
    }
    let now = TestCollector.now
    #expect(
      await collector.get("/api/v2/dependencies?endTs=\(now)").text
        == #"[{"parent":"a","child":"b","callCount":3,"errorCount":1}]"#)
    #expect(await collector.get("/api/v2/dependencies?endTs=\(now - 3_600_000)").text == "[]")
    #expect(await collector.get("/api/v2/dependencies?endTs=\(now)&lookback=1000").text == "[]")
  }
}
