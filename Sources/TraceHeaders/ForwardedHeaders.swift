/// The headers that keep a trace together: what a service has to copy, of those that come, from each request that it gets
/// to the requests that it makes for it. Which ones come depends on the tracer of the proxy that sent the request.
///
/// Seen with Envoy 1.40 and its two tracers.
public enum ForwardedHeaders {
  /// The id of a request, which Envoy gives it whatever the tracer.
  public static let requestID = "x-request-id"

  /// Zipkin's. A trace that comes in the single header `b3` goes on in that one alone.
  public static let b3 = [
    "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
  ]

  /// Those of the World Wide Web Consortium, by which OpenTelemetry goes.
  public static let w3c = ["traceparent", "tracestate"]

  /// Datadog's own. Its tracer reads and writes those of the W3C too, and not Zipkin's.
  public static let datadog = [
    "x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority", "x-datadog-tags",
  ]

  /// All that a service has to copy where proxies send spans to a Zipkin backend.
  public static let forZipkin = [requestID] + b3

  /// The same where the backend has proxies read and write the W3C's headers too.
  public static let forZipkinWithW3C = forZipkin + w3c

  /// The same where they send them to a Datadog agent.
  public static let forDatadog = [requestID] + datadog + w3c

  /// What a service copies that takes part in traces of any kind.
  public static let all = [requestID] + b3 + datadog + w3c
}
