package import TraceModel

/// A span some milliseconds after the present of the tests minus a minute.
package func span(
  trace: UInt64 = 0xA, high: UInt64 = 0, _ id: UInt64, parent: UInt64? = nil, _ kind: Span.Kind? = nil,
  service: String = "frontend", name: String = "get /", at milliseconds: Int64 = 0, for duration: Int64 = 1_000,
  remote: String = "", tags: [Span.Tag] = [], annotations: [Span.Annotation] = [], shared: Bool = false
) -> Span {
  Span(
    traceID: TraceID(high: high, low: trace), id: id, parentID: parent, kind: kind, name: name,
    timestamp: (SampleSpans.now - 60_000 + milliseconds) * 1_000, duration: duration,
    localEndpoint: service.isEmpty ? nil : Endpoint(serviceName: service),
    remoteEndpoint: remote.isEmpty ? nil : Endpoint(serviceName: remote), annotations: annotations, tags: tags,
    isShared: shared)
}
