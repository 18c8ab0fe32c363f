import Foundation
import HTTPService
import LoopbackTestSupport
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing
import TraceAnalysis

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// Real tracers of others send to the collector over HTTP.
@Suite(
  .timeLimit(.minutes(15)),
  .enabled(
    if: TestPrograms.python(with: ["opentelemetry/exporter/otlp/proto/http", "py_zipkin"]) != nil,
    "needs the Python packages that Scripts/setup installs"))
struct ClientLibraryTests {
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
  }

  /// Runs a script, which is given the collector's address, and gives what it printed.
  private func run(_ script: String, _ collector: TestCollector) async throws -> String {
    let api = collector.api
    let python = try #require(TestPrograms.python(with: []))
    return try await LoopbackServer.run {
      await api.respond(to: $0, body: $1).message(to: $0)
    } _: { base in
      let output = Lines()
      let errors = Lines()
      let process = try ChildProcess.start(
        ChildProcess.Command(
          python, ["-c", script, base], output: .lines { output.add($0) }, errors: .lines { errors.add($0) }))
      let status = await process.exitStatus()
      #expect(status.isSuccess, "\(errors.text)")
      #expect(errors.text == "")
      return output.text
    }
  }

  @Test("OpenTelemetry's SDK, packed and not") func openTelemetry() async throws {
    let script = """
      import sys
      from opentelemetry import trace
      from opentelemetry.sdk.resources import Resource
      from opentelemetry.sdk.trace import TracerProvider
      from opentelemetry.sdk.trace.export import SimpleSpanProcessor
      from opentelemetry.exporter.otlp.proto.http import Compression
      from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
      from opentelemetry.trace import SpanKind, Status, StatusCode
      for compression in [Compression.NoCompression, Compression.Gzip]:
          provider = TracerProvider(resource=Resource.create({"service.name": "Checkout", "team": "pay"}))
          exporter = OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces", compression=compression, timeout=100)
          provider.add_span_processor(SimpleSpanProcessor(exporter))
          tracer = provider.get_tracer("test-scope", "3.1")
          with tracer.start_as_current_span("POST /pay", kind=SpanKind.SERVER) as parent:
              parent.set_attribute("http.request.method", "POST")
              with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as child:
                  child.set_attribute("peer.service", "bank")
                  child.set_attribute("retries", [1, 2])
                  child.add_event("declined", {"code": 51})
                  child.set_status(Status(StatusCode.ERROR, "no money"))
              print(format(parent.get_span_context().trace_id, "032x"))
          provider.shutdown()
      """
    let collector = try TestCollector()
    let ids = try await run(script, collector).split(separator: "\n")
    #expect(ids.count == 2)
    #expect(collector.store.spanCount == 4)
    for text in ids {
      let id = try #require(TraceID(text))
      let spans = try #require(try await collector.store.trace(id))
      let server = try #require(spans.first { $0.kind == .server })
      let client = try #require(spans.first { $0.kind == .client })
      #expect(server.traceID == id)
      #expect(server.name == "post /pay")
      #expect(server.serviceName == "checkout")
      #expect(server.parentID == nil)
      #expect(server.tag("http.request.method") == "POST")
      #expect(server.tag("team") == "pay")
      #expect(server.tag("otel.scope.name") == "test-scope")
      #expect(server.tag("otel.scope.version") == "3.1")
      #expect(server.duration >= client.duration)
      #expect(!server.isError)
      #expect(client.parentID == server.id)
      #expect(client.remoteServiceName == "bank")
      #expect(client.tag("retries") == "[1,2]")
      #expect(client.tag("otel.status_code") == "ERROR")
      #expect(client.tag("error") == "no money")
      #expect(client.annotations.map(\.value) == [#""declined": {"code":51}"#])
    }
    let links = await collector.get("/api/v2/dependencies?endTs=4102444800000&lookback=4102444800000").text
    #expect(links == #"[{"parent":"checkout","child":"bank","callCount":2,"errorCount":2}]"#)
    let known = collector.api.senders.reports()
    #expect(known.count == 1)
    let sender = try #require(known.first)
    #expect(sender.kind == .program)
    #expect(sender.services == ["checkout"])
    #expect(sender.formats == ["otlp-protobuf"])
    #expect(sender.userAgent.hasPrefix("OTel-OTLP-Exporter-Python/"))
    #expect(sender.isOfOpenTelemetry)
    #expect(sender.spans == 4)
    #expect(sender.refused == [])
    #expect(sender.remarks == [:])
    #expect(sender.deprecated == [])
  }

  @Test("Zipkin's Python library, in each of its encodings") func zipkin() async throws {
    let script = """
      import sys
      from py_zipkin import Encoding, Kind
      from py_zipkin.transport import SimpleHTTPTransport
      from py_zipkin.zipkin import zipkin_span
      port = int(sys.argv[1].rsplit(":", 1)[1])
      for encoding in [Encoding.V1_JSON, Encoding.V2_JSON, Encoding.V2_PROTO3]:
          with zipkin_span(service_name="Shop", span_name="Buy", transport_handler=SimpleHTTPTransport("127.0.0.1", port),
                           sample_rate=100, encoding=encoding, use_128bit_trace_id=True, port=8080) as root:
              root.update_binary_annotations({"user": "é"})
              with zipkin_span(service_name="Shop", span_name="pay", kind=Kind.CLIENT) as child:
                  child.add_sa_binary_annotation(port=5432, service_name="Bank", host="10.0.0.9")
                  child.add_annotation("waiting", 1790812740.5)
              print(root.zipkin_attrs.trace_id)
      """
    let collector = try TestCollector()
    let ids = try await run(script, collector).split(separator: "\n")
    #expect(ids.count == 3)
    for text in ids {
      let id = try #require(TraceID(text))
      #expect(id.high != 0)
      let spans = try #require(try await collector.store.trace(id))
      #expect(spans.count == 2)
      let root = try #require(spans.first { $0.parentID == nil })
      let child = try #require(spans.first { $0.parentID != nil })
      #expect(root.traceID == id)
      #expect(root.serviceName == "shop")
      #expect(root.localEndpoint?.port == 8_080)
      #expect(root.name == "buy")
      #expect(root.tag("user") == "é")
      #expect(root.timestamp > 0)
      #expect(root.duration > 0)
      #expect(child.kind == .client)
      #expect(child.parentID == root.id)
      #expect(child.remoteEndpoint == Endpoint(serviceName: "bank", ipv4: "10.0.0.9", port: 5_432))
      #expect(child.annotations.map(\.value) == ["waiting"])
      #expect(child.annotations.map(\.timestamp) == [1_790_812_740_500_000])
    }
    let known = collector.api.senders.reports(service: "shop")
    #expect(Set(known.flatMap(\.formats)) == ["zipkin-v1-json", "zipkin-json", "zipkin-protobuf"])
    #expect(known.reduce(0) { $0 + $1.spans } == 6)
    #expect(known.allSatisfy { $0.kind == .program && $0.remarks.isEmpty && $0.refused.isEmpty })
    #expect(Set(known.flatMap(\.deprecated)) == ["Zipkin's v1 format"])
  }
}
