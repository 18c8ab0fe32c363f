package import HTTPService

extension CollectorAPI {
  /// The calls of OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc), and the requests over HTTP that they stand for.
  package static let calls = [
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": UnaryCalls.Method(
      path: otlpRoute.operation.path, contentType: MediaType.protobuf)
  ]

  /// What an exporter is told that calls something else.
  package static let callAdvice =
    "spans are taken, and neither metrics nor logs: set OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER to none, or send them "
    + "elsewhere"
}
