import MeshModel
import MeshTestSupport
import Testing

extension MixedMeshTests {
  /// Applications with OpenTelemetry's defaults begin traces of their own beside B3 alone, and join where the backends say so.
  static func checkW3C(_ system: TracingSystem) async throws {
    var apart = Request(path: "/b3-alone", caller: .stranger, hops: [(0, .w3c), (1, .w3c)])
    var random = SeededGenerator(seed: 8)
    try await send(&apart, in: system, &random)
    #expect(Set(apart.contexts.map(\.trace)).count == 2, "without the option the call is another trace")
    try await system.controlPlane.apply(
      mesh(services, system.embeddedURL, traceContext: ZipkinConf.w3cTraceContext))
    for proxy in system.proxies {
      try await proxy.waitForTracing("traceparent") {
        $0["provider"]?["typed_config"]?["trace_context_option"]?.string == ZipkinConf.w3cTraceContext
      }
    }
    let all = services.indices.map { (service: $0, kind: TracedApplications.Kind.w3c) }
    let others: [TracedApplications.Kind] = [.plain, .w3c, .otlp, .w3c, .zipkin, .plain]
    var requests = [
      Request(path: "/w3c", caller: .stranger, hops: all + all),
      Request(path: "/w3c-and-b3", caller: .stranger, hops: services.indices.map { ($0, others[$0]) }),
    ]
    for index in requests.indices { try await send(&requests[index], in: system, &random) }
    for request in requests { #expect(Set(request.contexts.map(\.trace)).count == 1, "\(request.description)") }
    try await checkTraces(requests, in: system)
    // A request that enters the mesh with traceparent alone goes on in its caller's trace.
    let trace = "463ac35c9f6413ad48485a3953bb6124"
    let hops = [
      (kind: TracedApplications.Kind.w3c, next: Optional(system.proxies[0].outboundPorts[1])), (kind: .w3c, next: nil),
    ]
    let joined = try await TracedApplications.send(
      "/joined", to: system.proxies[0].inboundPort, headers: ["traceparent": "00-\(trace)-a2fb4a1d1a96d312-01"],
      hops: hops)
    #expect(joined.map(\.trace) == [trace, trace])
  }
}
