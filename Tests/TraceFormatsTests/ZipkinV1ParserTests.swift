import Testing

@testable import TraceFormats
@testable import TraceModel

/// Zipkin's v1 JSON, and what v2 spans are made of it.
@Suite struct ZipkinV1ParserTests {
  private static let web = #"{"serviceName":"Web","ipv4":"10.0.0.1","port":80}"#
  private static let app = #"{"serviceName":"app","ipv4":"10.0.0.2"}"#

  private func parse(_ members: String) throws -> [Span] {
    let json = #"[{"traceId":"1","id":"2","parentId":"1","name":"GET",\#(members)}]"#
    let result = try ZipkinV1Parser.parse(Array(json.utf8), limits: CollectorLimits())
    #expect(result.rejections == [])
    return result.spans
  }

  private static func events(_ events: (String, Int, String)...) -> String {
    #""annotations":["#
      + events.map { #"{"value":"\#($0.0)","timestamp":\#($0.1),"endpoint":\#($0.2)}"# }.joined(separator: ",") + "]"
  }

  private let webHost = Endpoint(serviceName: "web", ipv4: "10.0.0.1", port: 80)
  private let appHost = Endpoint(serviceName: "app", ipv4: "10.0.0.2")

  private func span(
    _ kind: Span.Kind?, at start: Int64, for duration: Int64, _ host: Endpoint?, to remote: Endpoint? = nil,
    annotations: [Span.Annotation] = [], tags: [Span.Tag] = [], shared: Bool = false
  ) -> Span {
    Span(
      traceID: TraceID(low: 1), id: 2, parentID: 1, kind: kind, name: "get", timestamp: start, duration: duration,
      localEndpoint: host, remoteEndpoint: remote, annotations: annotations, tags: tags, isShared: shared)
  }

  @Test("One side of a call, its time from its events or its own") func oneSide() throws {
    #expect(
      try parse(Self.events(("cs", 50, Self.web), ("cr", 100, Self.web)))
        == [span(.client, at: 50, for: 50, webHost)])
    #expect(
      try parse(#""timestamp":40,"duration":70,"# + Self.events(("cs", 50, Self.web), ("cr", 100, Self.web)))
        == [span(.client, at: 40, for: 70, webHost)])
    #expect(
      try parse(#""timestamp":40,"duration":70,"# + Self.events(("sr", 50, Self.app), ("ss", 100, Self.app)))
        == [span(.server, at: 40, for: 70, appHost)])
  }

  @Test("A server's side without a time of its own takes part in another's span") func shared() throws {
    #expect(
      try parse(Self.events(("sr", 50, Self.app), ("ss", 100, Self.app)))
        == [span(.server, at: 50, for: 50, appHost, shared: true)])
    #expect(
      try parse(#""timestamp":50,"# + Self.events(("sr", 50, Self.app), ("ss", 100, Self.app)))
        == [span(.server, at: 50, for: 50, appHost, shared: true)])
  }

  @Test("A span that holds both sides becomes two") func bothSides() throws {
    let spans = try parse(
      #""timestamp":10,"duration":100,"#
        + Self.events(
          ("cs", 10, Self.web), ("sr", 30, Self.app), ("note", 40, Self.app), ("ss", 90, Self.app),
          ("cr", 110, Self.web))
        + #","binaryAnnotations":[{"key":"http.path","value":"/x","endpoint":\#(Self.web)},"#
        + #"{"key":"http.path","value":"/y","endpoint":\#(Self.app)},"#
        + #"{"key":"sa","value":true,"endpoint":\#(Self.app)},{"key":"ca","value":true,"endpoint":\#(Self.web)}]"#)
    #expect(
      spans == [
        span(.client, at: 10, for: 100, webHost, to: appHost, tags: [.init("http.path", "/x")]),
        span(
          .server, at: 30, for: 60, appHost, to: webHost, annotations: [.init(timestamp: 40, value: "note")],
          tags: [.init("http.path", "/y")], shared: true),
      ])
  }

  @Test("A call of a service to itself becomes two as well") func loopback() throws {
    let spans = try parse(
      Self.events(("cs", 10, Self.web), ("sr", 30, Self.web), ("ss", 90, Self.web), ("cr", 110, Self.web)))
    #expect(
      spans == [span(.client, at: 10, for: 100, webHost), span(.server, at: 30, for: 60, webHost, shared: true)])
  }

  @Test("Half of a call keeps its other event") func incomplete() throws {
    #expect(
      try parse(Self.events(("cr", 100, Self.web)))
        == [span(.client, at: 0, for: 0, webHost, annotations: [.init(timestamp: 100, value: "cr")])])
    #expect(
      try parse(#""timestamp":60,"duration":40,"# + Self.events(("cr", 100, Self.web)))
        == [span(.client, at: 60, for: 40, webHost)])
    #expect(try parse(Self.events(("sr", 50, Self.app))) == [span(.server, at: 50, for: 0, appHost, shared: true)])
  }

  @Test("One-way calls have no duration") func oneWay() throws {
    #expect(
      try parse(Self.events(("cs", 10, Self.web), ("sr", 30, Self.app)))
        == [span(.client, at: 10, for: 0, webHost), span(.server, at: 30, for: 0, appHost, shared: true)])
  }

  @Test("Messages") func messages() throws {
    let broker = #"{"serviceName":"kafka"}"#
    let address = #","binaryAnnotations":[{"key":"ma","value":true,"endpoint":\#(broker)}]"#
    let kafka = Endpoint(serviceName: "kafka")
    #expect(
      try parse(Self.events(("ms", 10, Self.web), ("ws", 15, Self.web)) + address)
        == [span(.producer, at: 10, for: 5, webHost, to: kafka)])
    #expect(
      try parse(Self.events(("wr", 20, Self.app), ("mr", 30, Self.app)) + address)
        == [span(.consumer, at: 20, for: 10, appHost, to: kafka)])
    #expect(
      try parse(Self.events(("ms", 10, Self.web), ("mr", 30, Self.app)) + address)
        == [
          span(.producer, at: 10, for: 0, webHost, to: kafka),
          span(.consumer, at: 30, for: 0, appHost, to: kafka, shared: true),
        ])
    #expect(
      try parse(Self.events(("ws", 10, Self.web), ("wr", 30, Self.web)))
        == [
          span(
            nil, at: 0, for: 0, webHost,
            annotations: [.init(timestamp: 10, value: "ws"), .init(timestamp: 30, value: "wr")])
        ])
  }

  @Test("Local spans, and addresses without events") func localSpans() throws {
    #expect(
      try parse(
        #""timestamp":5,"duration":6,"binaryAnnotations":[{"key":"lc","value":"thing","endpoint":\#(Self.web)}]"#)
        == [span(nil, at: 5, for: 6, webHost, tags: [.init("lc", "thing")])])
    #expect(
      try parse(#""timestamp":5,"duration":6,"binaryAnnotations":[{"key":"lc","value":"","endpoint":\#(Self.web)}]"#)
        == [span(nil, at: 5, for: 6, webHost)])
    let client = #"{"key":"ca","value":true,"endpoint":\#(Self.web)}"#
    let server = #"{"key":"sa","value":true,"endpoint":\#(Self.app)}"#
    #expect(
      try parse(#""binaryAnnotations":[\#(client),\#(server)]"#) == [span(nil, at: 0, for: 0, webHost, to: appHost)])
    #expect(try parse(#""binaryAnnotations":[\#(server)]"#) == [span(nil, at: 0, for: 0, nil, to: appHost)])
    #expect(try parse(#""binaryAnnotations":[\#(client)]"#) == [span(.server, at: 0, for: 0, nil, to: webHost)])
  }

  @Test("A client's socket that bears the server's name loses it") func ownName() throws {
    let client = #"{"key":"ca","value":true,"endpoint":{"serviceName":"app","ipv4":"9.9.9.9"}}"#
    #expect(
      try parse(
        #""timestamp":1,"duration":2,"# + Self.events(("sr", 1, Self.app), ("ss", 3, Self.app))
          + #","binaryAnnotations":[\#(client)]"#)
        == [span(.server, at: 1, for: 2, appHost, to: Endpoint(ipv4: "9.9.9.9"))])
  }

  @Test("A span of very many services is refused") func manyServices() throws {
    let events = (0..<100).map { #"{"value":"x","timestamp":1,"endpoint":{"serviceName":"s\#($0)"}}"# }
    let json = #"[{"traceId":"1","id":"2","annotations":[\#(events.joined(separator: ","))]}]"#
    let result = try ZipkinV1Parser.parse(Array(json.utf8), limits: CollectorLimits())
    #expect(result.spans == [])
    #expect(result.rejections == [SpanRejection(index: 0, reason: "more than 16 services in one span")])
  }
}
