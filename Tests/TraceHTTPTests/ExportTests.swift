import Foundation
import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Traces as files, and files as traces.
@Suite struct ExportTests {
  private func filled() async throws -> TestCollector {
    let collector = try TestCollector()
    try await collector.add(
      span(high: 1, 1, .client, service: "web", name: "get", for: 5_000, remote: "app", tags: [.init("n", "1")]),
      span(high: 1, 1, .server, service: "app", at: 1, for: 3_000, tags: [.init("error", "503")], shared: true),
      span(high: 1, 2, parent: 1, .client, service: "app", at: 2, for: 1_000),
      span(trace: 0xB, 3, service: "other", annotations: [.init(timestamp: 7, value: "x")]))
    return collector
  }

  @Test("What is exported can be imported elsewhere, and is the same there") func roundTrip() async throws {
    let collector = try await filled()
    let search = await collector.get("/api/export/zipkin?lookback=86400000&limit=10")
    #expect(search.status == 200)
    #expect(search.field("Content-Disposition") == "attachment; filename=\"traces.json\"")
    #expect(search.field("Content-Type") == "application/json")
    let one = await collector.get("/api/export/zipkin/a")
    #expect(
      one.field("Content-Disposition") == "attachment; filename=\"trace-0000000000000001000000000000000a.json\"")
    #expect(one.body == (await collector.get("/api/v2/trace/a")).body)

    let other = try TestCollector()
    #expect(await other.send(.post, "/api/import", search.body).status == 202)
    #expect(other.store.spanCount == 4)
    #expect((await other.get("/api/v2/traces")).body == (await collector.get("/api/v2/traces")).body)
    let third = try TestCollector()
    #expect(await third.send(.post, "/api/import", one.body).status == 202)
    #expect((await third.get("/api/v2/trace/a")).body == one.body)
    #expect(await collector.get("/api/export/zipkin/c").status == 404)
    #expect(await collector.get("/api/export/zipkin?limit=x").status == 400)
    #expect(await collector.get("/api/import").status == 405)
  }

  @Test("What is wrong in a file is named, across its traces") func badImport() async throws {
    let collector = try TestCollector { $0.limits.spansPerRequest = 4 }
    let good = #"{"traceId":"1","id":"1"}"#
    let reply = await collector.send(
      .post, "/api/import", Array("[[\(good),{}],[],[7,\(good)]]".utf8))
    #expect(reply.status == 202)
    #expect(
      reply.text == #"{"stored":2,"rejected":[{"index":1,"reason":"traceId is missing"},"#
        + #"{"index":2,"reason":"a span must be an object"}],"traceIds":["0000000000000001"]}"#)
    for (body, reason) in [
      ("[[\(good)],7]", "the body is not a file of traces of a known form"),
      ("[[\(good)]", "the body is not a file of traces of a known form"),
      ("[[\(good),\(good)],[\(good),\(good),\(good)]]", "the request has more than 4 spans"),
      (String(repeating: "[", count: 1_000), "the body is not a file of traces of a known form"),
      ("", "the file is empty"), ("\n [\n", "the body is not a file of traces of a known form"),
      ("{}", #"{"stored":0,"rejected":[{"index":0,"reason":"traceId is missing"}]"#),
      ("\(good)\n{\"resourceSpans\":7}\n", "the value that begins in line 2 is not valid: the body is not an Export"),
    ] {
      let refused = await collector.send(.post, "/api/import", Array(body.utf8))
      #expect(refused.status == 400 || refused.status == 413)
      #expect(refused.text.hasPrefix(reason), "\(refused.text)")
    }
    #expect(collector.store.spanCount == 2)
  }

  // MARK: Jaeger

  private struct Jaeger: Decodable {
    struct Trace: Decodable {
      let traceID: String
      let spans: [Span]
      let processes: [String: Process]
    }
    struct Span: Decodable {
      let traceID: String
      let spanID: String
      let operationName: String
      let references: [Reference]
      let startTime: Int64
      let duration: Int64
      let tags: [Field]
      let logs: [Log]
      let processID: String

      func tag(_ key: String) -> Field? { tags.first { $0.key == key } }
    }
    struct Reference: Decodable, Equatable {
      let refType: String
      let traceID: String
      let spanID: String
    }
    struct Log: Decodable {
      let timestamp: Int64
      let fields: [Field]
    }
    struct Process: Decodable {
      let serviceName: String
      let tags: [Field]
    }
    struct Field: Decodable, Equatable {
      enum Value: Decodable, Equatable {
        case bool(Bool)
        case integer(Int64)
        case double(Double)
        case string(String)

        init(from decoder: any Decoder) throws {
          let value = try decoder.singleValueContainer()
          if let flag = try? value.decode(Bool.self) {
            self = .bool(flag)
          } else if let number = try? value.decode(Int64.self) {
            self = .integer(number)
          } else if let number = try? value.decode(Double.self) {
            self = .double(number)
          } else {
            self = .string(try value.decode(String.self))
          }
        }
      }
      let key: String
      let type: String
      let value: Value
    }
    let data: [Trace]
  }

  private func jaeger(_ collector: TestCollector, _ id: String) async throws -> Jaeger.Trace {
    let reply = await collector.get("/api/export/jaeger/\(id)")
    #expect(reply.status == 200)
    return try #require(try reply.json(Jaeger.self).data.first)
  }

  @Test("Two sides of a call with one id become two spans") func sharedIDs() async throws {
    let trace = try await jaeger(try await filled(), "a")
    #expect(trace.traceID == "0000000000000001000000000000000a")
    #expect(trace.spans.map(\.spanID) == ["0000000000000001", "0000000000000003", "0000000000000002"])
    #expect(
      trace.spans.map { $0.references.map(\.spanID) } == [[], ["0000000000000001"], ["0000000000000003"]])
    #expect(trace.spans.allSatisfy { $0.traceID == trace.traceID })
    let references = trace.spans.flatMap(\.references)
    #expect(references.allSatisfy { $0.refType == "CHILD_OF" && $0.traceID == trace.traceID })
    #expect(trace.spans.map { trace.processes[$0.processID]?.serviceName } == ["web", "app", "app"])
    #expect(trace.processes.count == 2)
    let (client, server) = (trace.spans[0], trace.spans[1])
    #expect(client.operationName == "get")
    #expect(client.duration == 5_000)
    #expect(client.tag("span.kind") == .init(key: "span.kind", type: "string", value: .string("client")))
    #expect(client.tag("peer.service")?.value == .string("app"))
    #expect(server.tag("error") == .init(key: "error", type: "bool", value: .bool(true)))
    #expect(server.tag("error.message")?.value == .string("503"))
  }

  @Test("Values get the types that they are written as") func types() async throws {
    let collector = try TestCollector()
    let values = ["200", "007", "-1", "9007199254740993", "0.5", "1.50", "true", "maybe", "", "1e5", "nan"]
    try await collector.add(
      span(
        1, parent: 9, tags: values.enumerated().map { .init("t\($0)", $1) } + [.init("error", "false")],
        annotations: [.init(timestamp: 7, value: "</script>")]))
    let spans = try await jaeger(collector, "a").spans
    let span = try #require(spans.first)
    #expect(
      (0..<values.count).map { span.tag("t\($0)")?.value } == [
        .integer(200), .string("007"), .integer(-1), .string("9007199254740993"), .double(0.5), .string("1.50"),
        .bool(true), .string("maybe"), .string(""), .string("1e5"), .string("nan"),
      ])
    #expect(
      (0..<values.count).map { span.tag("t\($0)")?.type } == [
        "int64", "string", "int64", "string", "float64", "string", "bool", "string", "string", "string", "string",
      ])
    #expect(span.tag("error")?.value == .bool(false))
    #expect(span.logs.map(\.timestamp) == [7])
    #expect(span.logs.first?.fields == [.init(key: "event", type: "string", value: .string("</script>"))])
    // The parent that is not there stays named.
    #expect(span.references.map(\.spanID) == ["0000000000000009"])
  }
}
