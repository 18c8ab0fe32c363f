import Foundation
import MeshModel
import MeshTestSupport
import NIOCore
import ProcessSupervisor
import Testing

/// Applications for several services in one Python process. What one does with the headers of a trace, a request tells.
struct TracedApplications {
  /// What an application does with the trace of a request.
  enum Kind: String, CaseIterable, Sendable {
    /// Passes the headers on as they came.
    case plain
    /// Passes the headers on with the low 64 bits of the trace's id, as old libraries do.
    case short
    /// Reports spans of its own in OpenTelemetry's protocol.
    case otlp
    /// Reports spans of its own in Zipkin's protobuf, with straight ids, and shares its caller's id.
    case zipkin
    /// Reports as `otlp` does, with OpenTelemetry's default propagators: reads and writes `traceparent` alone.
    case w3c

    /// Whether it reports what it serves and what it calls.
    var reports: Bool { self == .otlp || self == .zipkin || self == .w3c }

    /// Those that read and write the headers that every Envoy does.
    static let ofB3 = allCases.filter { $0 != .w3c }
  }

  /// The ids that an application found in the headers of a request.
  struct Context: Sendable {
    var trace: String
    var span: String
    var parent: String?
  }

  static let isAvailable = TestPrograms.python(with: ["opentelemetry/exporter/otlp/proto/http", "py_zipkin"]) != nil

  /// Runs a body with applications, of which the system knows the ports, and ends them afterwards.
  static func run(
    _ services: [String], in system: TracingSystem, _ body: () async throws -> Void
  ) async throws {
    let python = try #require(TestPrograms.python(with: []))
    let collector = "http://127.0.0.1:\(system.controlPlane.ports.collector)"
    let (lines, errors) = (Lines(), Lines())
    let process = try ChildProcess.start(
      ChildProcess.Command(
        python, ["-c", script, collector] + services, output: .lines(lines.append), errors: .lines(errors.append)))
    var failure: (any Error)?
    do {
      let ports = try await eventually("the applications") {
        lines.all.count == services.count ? lines.all.compactMap { Int($0) } : nil
      }
      for (service, port) in zip(services, ports) { system.note(service, port) }
      try await body()
    } catch { failure = error }
    await process.terminate(grace: .seconds(2))
    #expect(errors.all.isEmpty, "\(errors.tail())")
    if let failure { throw failure }
  }

  /// Sends a request through a proxy to its application and from there to others.
  ///
  /// - Parameters:
  ///   - hops: what each application does, and the port of the outbound by which it calls the next one.
  /// - Returns: what each application found in the headers.
  static func send(
    _ path: String, to port: Int, headers: [String: String], hops: [(kind: Kind, next: Int?)]
  ) async throws -> [Context] {
    let plan = hops.flatMap { [$0.kind.rawValue] + ($0.next.map { ["\($0)"] } ?? []) }.joined(separator: ",")
    // A request passes dozens of proxies, and some applications wait for the collector.
    let answer = try await HTTPProbe.get(
      port: port, path, headers: headers.merging(["x-hops": plan]) { $1 }, timeout: .seconds(120))
    guard let answer, answer.status == 200 else {
      throw ControlPlaneProcess.Failure(
        description: "\(path) was answered with \(answer?.status ?? 0): \(answer?.text ?? "")")
    }
    return (try DocumentValue(json: answer.body).array ?? []).map {
      Context(trace: $0["trace"]?.string ?? "", span: $0["span"]?.string ?? "", parent: $0["parent"]?.string)
    }
  }

  private static let script = """
    import http.server, json, socketserver, sys, threading, urllib.request
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.propagate import extract, inject
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
    from py_zipkin import Encoding, Kind
    from py_zipkin.request_helpers import create_http_headers
    from py_zipkin.transport import SimpleHTTPTransport
    from py_zipkin.zipkin import ZipkinAttrs, zipkin_span

    collector, names = sys.argv[1], sys.argv[2:]
    transport = SimpleHTTPTransport("127.0.0.1", int(collector.rsplit(":", 1)[1]))

    def tracer(name):
        provider = TracerProvider(resource=Resource.create({"service.name": name}))
        # In seconds: a collector that is built for debugging is slow on a busy machine.
        exporter = OTLPSpanExporter(endpoint=collector + "/v1/traces", timeout=120)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=300))
        return provider.get_tracer("test")

    tracers = {name: tracer(name) for name in names}

    # Where both forms come, Envoy wrote the several headers: before 1.40 it leaves its caller's b3 beside them.
    def found(headers):
        if "x-b3-traceid" in headers:
            return headers["x-b3-traceid"], headers["x-b3-spanid"], headers.get("x-b3-parentspanid")
        parts = headers["b3"].split("-")
        return parts[0], parts[1], parts[3] if len(parts) > 3 else None

    def b3(headers, trace, span, parent):
        if "x-b3-traceid" in headers:
            ids = {"x-b3-traceid": trace, "x-b3-spanid": span, "x-b3-sampled": "1"}
            if parent: ids["x-b3-parentspanid"] = parent
        else:
            ids = {"b3": "-".join([trace, span, "1"] + ([parent] if parent else []))}
        return ids | {"x-request-id": headers["x-request-id"]}

    def plain(name, headers, port, call):
        if port: call(b3(headers, *found(headers)))

    def short(name, headers, port, call):
        trace, span, parent = found(headers)
        if port: call(b3(headers, trace[-16:], span, parent))

    def otlp(name, headers, port, call):
        trace, span, parent = found(headers)
        there = SpanContext(int(trace, 16), int(span, 16), True, TraceFlags(1))
        context = set_span_in_context(NonRecordingSpan(there))
        with tracers[name].start_as_current_span("GET /", context, SpanKind.SERVER) as served:
            if not port: return
            # As instrumentation does: the other side by its address, as the application sees it.
            peer = {"server.address": "127.0.0.1", "server.port": port}
            with tracers[name].start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=peer) as called:
                id = lambda span: format(span.get_span_context().span_id, "016x")
                call(b3(headers, trace, id(called), id(served)))

    def w3c(name, headers, port, call):
        context = extract({key.lower(): value for key, value in headers.items()})
        with tracers[name].start_as_current_span("GET /", context, SpanKind.SERVER):
            if not port: return
            peer = {"server.address": "127.0.0.1", "server.port": port}
            with tracers[name].start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=peer):
                carried = {"x-request-id": headers["x-request-id"]}
                inject(carried)
                call(carried)

    def zipkin(name, headers, port, call):
        trace, span, parent = found(headers)
        with zipkin_span(service_name=name, span_name="route", kind=Kind.SERVER, transport_handler=transport,
                         encoding=Encoding.V2_PROTO3, zipkin_attrs=ZipkinAttrs(trace, span, parent, None, True)):
            if not port: return
            with zipkin_span(service_name=name, span_name="call", kind=Kind.CLIENT):
                here = create_http_headers()
                call(b3(headers, here["X-B3-TraceId"], here["X-B3-SpanId"], here["X-B3-ParentSpanId"]))

    kinds = {"plain": plain, "short": short, "otlp": otlp, "zipkin": zipkin, "w3c": w3c}

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *rest): pass

        def do_GET(self):
            answer = []
            if plan := self.headers.get("x-hops"):
                kind, port, rest = (plan.split(",", 2) + ["0", ""])[:3]
                answer.append(dict(zip(("trace", "span", "parent"), found(self.headers))))
                def call(headers):
                    url = "http://127.0.0.1:" + port + self.path
                    request = urllib.request.Request(url, headers=headers | {"x-hops": rest})
                    answer.extend(json.load(urllib.request.urlopen(request)))
                kinds[kind](self.server.name, self.headers, int(port), call)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        request_queue_size = 64

    for name in names:
        server = Server(("127.0.0.1", 0), Handler)
        server.name = name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
    threading.Event().wait()
    """
}
