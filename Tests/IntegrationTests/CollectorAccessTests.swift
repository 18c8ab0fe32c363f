import BrowserTestSupport
import Foundation
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Who may send spans to a collector and read its traces: the program, senders and a browser.
@Suite("Access to the collector", .fewAtATime, .timeLimit(.minutes(60)))
struct CollectorAccessTests {
  /// Every way in which spans come: path, type, body, whether it is the port for OpenTelemetry's exporters.
  private static let ways: [(path: String, type: String, body: [UInt8], isOTLP: Bool)] = {
    let json = #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0b","spanId":"01","name":"x"}]}]}]}"#
    // A list with one span, whose ids are the same in both directions.
    let zipkin: [UInt8] = [0x0A, 0x14, 0x0A, 0x08, 0x0C, 0, 0, 0, 0, 0, 0, 0x0C, 0x1A, 0x08, 1, 0, 0, 0, 0, 0, 0, 1]
    return [
      ("/api/v2/spans", "application/json", Array(#"[{"traceId":"a","id":"1"}]"#.utf8), false),
      ("/api/v2/spans", "application/x-protobuf", zipkin, false),
      ("/api/v1/spans", "application/json", Array(#"[{"traceId":"d","id":"1","name":"x"}]"#.utf8), false),
      ("/v1/traces", "application/json", Array(json.utf8), false),
      ("/v1/traces", "application/x-protobuf", [], false),
      ("/v1/traces", "application/json", Array(json.utf8), true),
      ("/v1/traces", "application/x-protobuf", [], true),
    ]
  }()

  @Test("spans come in with the token for spans on every way, and on none without it") func senders() async throws {
    try await ProtectedCollector.run { collector in
      let user = try await collector.userToken()
      for way in Self.ways {
        func send(_ token: String?) async throws -> (status: Int, text: String) {
          try await collector.send(way.path, way.body, type: way.type, token: token, toOTLP: way.isOTLP)
        }
        let place = "\(way.path) as \(way.type)\(way.isOTLP ? " at the exporters' port" : "")"
        for wrong in [nil, "", "nonsense", ProtectedCollector.tokens[1], user + "x"] {
          let answer = try await send(wrong)
          #expect(answer.status == 401, "\(place) with \(wrong ?? "nothing"): \(answer)")
          #expect(!answer.text.contains("signature") && !answer.text.contains("malformed"))
        }
        // Somebody known who reads traces, and may not send spans.
        #expect(try await send(user).status == 403, "\(place)")
        let accepted = try await send(ProtectedCollector.tokens[0]).status
        #expect(accepted == (way.path == "/v1/traces" ? 200 : 202), "\(place)")
      }
      // Nothing came in that was refused: each way that counts has one trace of its own.
      for id in ["a", "0c0000000000000c", "d", "b"] {
        #expect(try await collector.send("/api/v2/trace/\(id)", token: user).status == 200, "\(id)")
      }
      for reason in ["nothing was shown", "the token is malformed", "does not have the permission ingestSpans"] {
        #expect(collector.log.all.contains { $0.contains(reason) }, "\(reason): \(collector.log.tail(40))")
      }
    }
  }

  @Test(
    "OpenTelemetry's exporter over gRPC sends with TLS and the token for spans, and is told without it",
    .enabled(
      if: TestPrograms.python(with: ["opentelemetry/exporter/otlp/proto/grpc"]) != nil,
      "needs the Python packages that Scripts/setup installs"))
  func exporterOverGRPC() async throws {
    let script = """
      import sys
      import grpc
      from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
      from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
      from opentelemetry.sdk.trace import TracerProvider
      from opentelemetry.sdk.trace.export import SimpleSpanProcessor
      from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
      address, authority, token = sys.argv[1:]
      trusted = grpc.ssl_channel_credentials(open(authority, "rb").read())
      with grpc.secure_channel(address, trusted) as channel:
          for metadata in [(), (("authorization", "Bearer wrong"),)]:
              try:
                  TraceServiceStub(channel).Export(ExportTraceServiceRequest(), metadata=metadata, timeout=60)
              except grpc.RpcError as error:
                  print(error.code().name, error.details())
      provider = TracerProvider()
      exporter = OTLPSpanExporter(endpoint="https://" + address, credentials=trusted, compression=grpc.Compression.Gzip, timeout=100,
                                  headers=(("authorization", "Bearer " + token),))
      provider.add_span_processor(SimpleSpanProcessor(exporter))
      with provider.get_tracer("a").start_as_current_span("call") as span:
          print(format(span.get_span_context().trace_id, "032x"))
      provider.shutdown()
      """
    try await ProtectedCollector.run { collector in
      let lines = Lines()
      let python = try #require(TestPrograms.python(with: []))
      let process = try ChildProcess.start(
        ChildProcess.Command(
          python,
          [
            "-c", script, "localhost:\(collector.grpcPort)", collector.folder.appending(path: "kuma-cp.crt").path,
            ProtectedCollector.tokens[0],
          ], output: .lines(lines.append), errors: .lines(lines.append)))
      #expect(await process.exitStatus().isSuccess, "\(lines.tail())")
      try #require(lines.all.count == 3, "\(lines.tail())")
      #expect(lines.all.prefix(2).allSatisfy { $0.hasPrefix("UNAUTHENTICATED spans are accepted with a token") })
      let answer = try await collector.send("/api/v2/trace/\(lines.all[2])", token: collector.userToken())
      #expect(answer.status == 200, "\(answer)")
    }
  }

  @Test("traces are read with a user token, and not with one for spans") func readers() async throws {
    try await ProtectedCollector.run { collector in
      let user = try await collector.userToken()
      for path in ["/api/v2/services", "/api/v2/traces", "/api/summaries", "/api/graph", "/info", "/prometheus"] {
        #expect(try await collector.send(path).status == 401, "\(path)")
        #expect(try await collector.send(path, token: ProtectedCollector.tokens[0]).status == 403, "\(path)")
        #expect(try await collector.send(path, token: user).status == 200, "\(path)")
      }
      // Whoever wants to sign in needs the page, and a probe needs no token.
      for path in ["/", "/traces/a", "/assets/app.js", "/health", "/session"] {
        #expect(try await collector.send(path).status == 200, "\(path)")
      }
    }
  }

  @Test("a token for spans is replaced while senders send, and no span is refused") func rotation() async throws {
    try await ProtectedCollector.run { collector in
      let (old, new) = (ProtectedCollector.tokens[0], ProtectedCollector.tokens[1])
      #expect(try await collector.sendSpan(token: new) == 401)
      try collector.accept([old, new])
      try await eventually("the new token") {
        #expect(try await collector.sendSpan(token: old) == 202)
        return try await collector.sendSpan(token: new) == 202
      }
      try collector.accept([new])
      try await eventually("the end of the old token") {
        #expect(try await collector.sendSpan(token: new) == 202)
        return try await collector.sendSpan(token: old) == 401
      }
      #expect(try await collector.sendSpan(token: new) == 202)
    }
  }

  @Test(
    "people sign in on the page, see who they are, and sign out", .enabled(if: Browser.executable != nil),
    arguments: [(1_280, 800), (420, 860)])
  func page(width: Int, height: Int) async throws {
    try await ProtectedCollector.run { collector in
      let token = try await collector.userToken()
      #expect(try await collector.sendSpan(token: ProtectedCollector.tokens[0]) == 202)
      try await Browser.run(width: width, height: height, acceptsAnyCertificate: true) { browser in
        try await browser.open("https://127.0.0.1:\(collector.port)/traces/a")
        try await browser.wait(for: ".sign-in")
        #expect(try await browser.contentWidth() <= Double(width))
        #expect(try await browser.isTrue("document.activeElement.id === 'token'"))
        #expect(try await browser.isTrue("document.getElementById('user').hidden"))
        // By keys alone: a wrong token, then the right one.
        try await browser.type("nonsense")
        try await browser.press("Enter")
        try await browser.wait("document.querySelector('.sign-in .fault').textContent.includes('not valid')")
        #expect(try await browser.isTrue("document.activeElement.id === 'token'"))
        try await browser.type(token)
        try await browser.press("Enter")
        // The view of the address, which nobody had to type again.
        try await browser.wait(for: ".row")
        #expect(try await browser.address().hasPrefix("/traces/a"))
        #expect(try await browser.text("document.getElementById('user').title") == "Signed in as ada")
        #expect(try await browser.contentWidth() <= Double(width))
        // Scripts see no session.
        #expect(try await browser.text("document.cookie").isEmpty)
        #expect(try await browser.isTrue("Object.keys(localStorage).length + Object.keys(sessionStorage).length === 0"))

        // A request that changes something needs more than the cookie.
        let bare =
          "fetch('/api/trees', { method: 'POST', body: '[]', headers: { 'Content-Type': 'application/json' } })"
        #expect(try await browser.number("\(bare).then((answer) => answer.status)") == 403)
        try await browser.drop(#"[{"traceId":"f11e","id":"1","name":"from a file"}]"#, name: "trace.json")
        try await browser.wait("document.querySelector('.banner.opened') && document.querySelector('.row')")

        try await browser.open("https://127.0.0.1:\(collector.port)/")
        try await browser.wait("document.getElementById('user').title === 'Signed in as ada'")
        try await browser.click("#user")
        try await browser.wait(for: "dialog.user[open]")
        #expect(try await browser.texts(of: "dialog.user dd") == ["ada", "mesh-system:authenticated, team-a"])
        try await browser.click("dialog.user .primary")
        try await browser.wait(for: ".sign-in")
        #expect(try await browser.isTrue("document.getElementById('user').hidden"))
        #expect(
          try await browser.number("fetch('/api/v2/services').then((answer) => answer.status)") == 401)
      }
    }
  }

  @Test(
    "a page at another port of the same host does nothing with the session of somebody who signed in",
    .enabled(if: Browser.executable != nil))
  func otherPages() async throws {
    try await ProtectedCollector.run { collector in
      try await ProtectedCollector.run { other in
        let token = try await collector.userToken()
        try await Browser.run(acceptsAnyCertificate: true) { browser in
          try await browser.open("https://127.0.0.1:\(collector.port)/")
          try await browser.wait(for: ".sign-in")
          try await browser.type(token)
          try await browser.press("Enter")
          try await browser.wait("document.getElementById('user').title === 'Signed in as ada'")
          // The browser sends the cookie from there too: ports do not matter to cookies. The policy of our own page would forbid it.
          try await browser.ignorePolicies(true)
          try await browser.open("https://127.0.0.1:\(other.port)/")
          let target = "https://127.0.0.1:\(collector.port)"
          for (path, method) in [("/api/v2/services", "GET"), ("/api/import", "POST"), ("/logout", "POST")] {
            let answer = try await browser.text(
              "fetch('\(target)\(path)', { method: '\(method)', credentials: 'include' })"
                + ".then((answer) => 'read ' + answer.status, () => 'not read')")
            #expect(answer == "not read", "\(method) \(path)")
          }
          try await browser.open("\(target)/")
          try await browser.wait("document.getElementById('user').title === 'Signed in as ada'")
        }
      }
    }
  }
}
