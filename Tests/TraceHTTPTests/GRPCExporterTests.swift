import Foundation
import HTTPService
import Logging
import NIOPosix
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing
import TraceAnalysis

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// OpenTelemetry's exporter over gRPC, with the library of gRPC that it uses, sends to the collector.
@Suite(
  .timeLimit(.minutes(15)),
  .enabled(
    if: TestPrograms.python(with: ["opentelemetry/exporter/otlp/proto/grpc"]) != nil,
    "needs the Python packages that Scripts/setup installs"))
struct GRPCExporterTests {
  /// Runs a script, which is given the address of a server for calls, and gives the lines that it printed.
  private func run(_ script: String, _ collector: TestCollector) async throws -> [String] {
    let api = collector.api
    let python = try #require(TestPrograms.python(with: []))
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    var service = RequestService(
      name: "test", connections: 100,
      callers: CallerRule(hosts: HostRule(names: []), origins: OriginRule([])) { _ in false },
      bodyLimit: api.limits.bodyBytes, bodies: ByteBudget("spans", limit: 16 << 20),
      heads: ByteBudget("heads", limit: 1 << 20), logger: logger
    ) { request, body, _ in await api.respondToOTLP(request, body: body) }
    service.refusalWording = { request, refusal in
      if case .bodyTooLarge = refusal { api.refuse(request, because: .tooLarge) } else { nil }
    }
    let calls = UnaryCalls(
      methods: CollectorAPI.calls, advice: CollectorAPI.callAdvice, counts: FrameCounts(), logger: logger)
    let (ports, listening) = AsyncStream<Int>.makeStream()
    var server = HTTPServer(
      host: "127.0.0.1", port: 0, service: service, eventLoopGroup: MultiThreadedEventLoopGroup.singleton
    ) { listening.yield($0) }
    server.http2 = calls.setup(service)
    let serving = Task { [server] in try await server.run() }
    defer { serving.cancel() }
    let port = try #require(await ports.first { _ in true })
    let lines = Mutex<(output: [String], errors: [String])>(([], []))
    let process = try ChildProcess.start(
      ChildProcess.Command(
        python, ["-c", script, "127.0.0.1:\(port)"],
        output: .lines { line in lines.withLock { $0.output.append(line) } },
        errors: .lines { line in lines.withLock { $0.errors.append(line) } }))
    let status = await process.exitStatus()
    let (output, errors) = lines.withLock { $0 }
    #expect(status.isSuccess && errors.isEmpty, "\(errors.joined(separator: "\n"))")
    return output
  }

  @Test("its spans are stored, packed and not, and known as those of a program") func exporter() async throws {
    let script = """
      import sys
      import grpc
      from opentelemetry.sdk.resources import Resource
      from opentelemetry.sdk.trace import TracerProvider
      from opentelemetry.sdk.trace.export import SimpleSpanProcessor
      from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
      from opentelemetry.trace import SpanKind
      for compression in [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]:
          provider = TracerProvider(resource=Resource.create({"service.name": "Checkout", "note": "n" * 5000}))
          exporter = OTLPSpanExporter(
              endpoint="http://" + sys.argv[1], insecure=True, compression=compression, timeout=100)
          provider.add_span_processor(SimpleSpanProcessor(exporter))
          tracer = provider.get_tracer("test-scope")
          with tracer.start_as_current_span("POST /pay", kind=SpanKind.SERVER) as parent:
              with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as child:
                  child.set_attribute("peer.service", "bank")
              print(format(parent.get_span_context().trace_id, "032x"))
          provider.shutdown()
      """
    let collector = try TestCollector()
    let ids = try await run(script, collector)
    #expect(ids.count == 3)
    for text in ids {
      let id = try #require(TraceID(text))
      let spans = try #require(try await collector.store.trace(id))
      #expect(spans.count == 2)
      #expect(spans.first { $0.kind == .server }?.name == "post /pay")
      #expect(spans.first { $0.kind == .client }?.remoteServiceName == "bank")
      #expect(spans.allSatisfy { $0.serviceName == "checkout" && $0.tag("note")?.count == 5_000 })
    }
    let sender = try #require(collector.api.senders.reports().first)
    #expect(collector.api.senders.reports().count == 1)
    #expect(sender.kind == .program && sender.isOfOpenTelemetry && sender.spans == 6)
    #expect(sender.formats == ["otlp-protobuf"] && sender.services == ["checkout"] && sender.refused == [])
    #expect(sender.userAgent.hasPrefix("OTel-OTLP-Exporter-Python/"))
  }

  @Test("what cannot be stored ends with a status that says so, never with CANCELLED, and the connection goes on")
  func statuses() async throws {
    let script = """
      import sys
      import grpc
      from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
      from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
      from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
      from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
      def request(*spans, note=""):
          message = ExportTraceServiceRequest()
          scope = message.resource_spans.add().scope_spans.add()
          for number in spans:
              span = scope.spans.add(trace_id=bytes([number] * 16), span_id=bytes([number] * 8), name="a")
              span.start_time_unix_nano, span.end_time_unix_nano = 1790812740000000000, 1790812740001000000
              if note: span.attributes.add(key="note").value.string_value = note
          return message
      def export(name, message, compression=None, stub=None):
          try:
              answer = (stub or spans).Export(message, compression=compression, timeout=60)
              print(name, "OK", answer.partial_success.rejected_spans if hasattr(answer, "partial_success") else "")
          except grpc.RpcError as error:
              print(name, error.code().name, error.details())
      with grpc.insecure_channel(sys.argv[1]) as channel:
          spans = TraceServiceStub(channel)
          export("empty", ExportTraceServiceRequest())
          export("good", request(1))
          export("partial", request(2, 0))
          export("none", request(0))
          for compression in [None, grpc.Compression.Gzip]:
              for _ in range(20):
                  export("large", request(3, note="n" * 5_000_000), compression)
          export("logs", ExportLogsServiceRequest(), stub=LogsServiceStub(channel))
          export("after", request(4))
          broken = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
          try:
              broken(b"\\xff\\xff", timeout=60)
          except grpc.RpcError as error:
              print("broken", error.code().name)
      """
    let collector = try TestCollector { $0.limits.bodyBytes = 1 << 20 }
    let lines = try await run(script, collector)
    #expect(lines.count == 47, "\(lines)")
    #expect(Array(lines.prefix(3)) == ["empty OK 0", "good OK 0", "partial OK 1"])
    let none = lines.first { $0.hasPrefix("none ") }
    #expect(none?.hasPrefix("none INVALID_ARGUMENT none of the spans was stored") == true)
    let large = lines.filter { $0.hasPrefix("large ") }
    #expect(large.count == 40 && large.allSatisfy { $0.hasPrefix("large RESOURCE_EXHAUSTED the ") }, "\(large)")
    #expect(large.first?.contains("raise collector.limits.bodySize") == true)
    #expect(large.last?.contains("decompressed body is larger than") == true)
    #expect(lines.first { $0.hasPrefix("logs ") }?.hasPrefix("logs UNIMPLEMENTED there is no method ") == true)
    #expect(Array(lines.suffix(2)) == ["after OK 0", "broken INVALID_ARGUMENT"])
    #expect(collector.store.spanCount == 3)
  }
}
