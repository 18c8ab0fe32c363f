package import TraceModel

/// Requests of a service that its proxy and its own tracer reported, and whether in one trace or in two.
package struct ContextSplit: Sendable, Hashable {
  /// One request in two traces.
  package struct Example: Sendable, Hashable {
    /// The proxy's trace and span.
    package var proxied: (trace: TraceID, span: UInt64) { (proxyTrace, proxySpan) }
    /// The trace and the span of the service's own tracer.
    package var own: (trace: TraceID, span: UInt64) { (ownTrace, ownSpan) }
    private let proxyTrace: TraceID
    private let proxySpan: UInt64
    private let ownTrace: TraceID
    private let ownSpan: UInt64

    init(_ proxied: InboundRequest, _ own: InboundRequest) {
      (proxyTrace, proxySpan, ownTrace, ownSpan) = (proxied.trace, proxied.span, own.trace, own.span)
    }
  }

  /// The service.
  package var service: String
  /// Requests that both reported in one trace.
  package var joined = 0
  /// Requests of the proxy within which the service's tracer reported one in another trace, and none in the same.
  package var split = 0
  /// Requests of the proxy at times from which the tracer's requests are known.
  package var requests = 0
  /// The newest requests in two traces, at most ``examplesAtMost``.
  package var examples: [Example] = []
  /// Whether calls through the proxy began traces too, so that there are three for one request.
  package var beginsCalls = false

  /// How many examples there are at most.
  package static let examplesAtMost = 3
  private static let splitAtLeast = 5

  /// Whether the service's tracer does not continue the traces of its proxy: at least five requests of the last ones are in two
  /// traces, half of all at least, and none is in one. A tracer that samples by itself has some in one.
  package var isSplit: Bool { joined == 0 && split >= Self.splitAtLeast && 2 * split >= requests }
}

extension PropagationAnalyzer {
  /// The newest requests that are compared, of the proxies of a service and of its own tracers each.
  private static let comparedRequests = 400
  /// How much earlier or later a clock on the same machine may read, in microseconds.
  private static let tolerance: Int64 = 2_000

  /// Compares the requests that proxies and tracers of services have reported in the retained time.
  func contextSplits(of names: Set<String>) -> [ContextSplit] {
    var judged = self
    judged.judgeAll(of: names)
    return names.sorted().compactMap { name in
      guard let service = servicesByName[name] else { return nil }
      let known = instances.filter { $0.service == service && $0.proxy != nil }
      let proxied = Self.newest(known.filter { $0.proxy?.node.isEmpty == false })
      let own = Self.newest(known.filter { $0.proxy?.node.isEmpty == true })
      guard let first = own.first, let last = own.last, !proxied.isEmpty else { return nil }
      var result = ContextSplit(service: name)
      result.beginsCalls = judged.services[service].pairs.values.contains { judged.pairs[$0].lastStarted > 0 }
      let traces = Set(own.map(\.trace.low))
      for request in proxied where request.end >= first.start && request.start <= last.end {
        result.requests += 1
        if traces.contains(request.trace.low) {
          result.joined += 1
        } else if let within = Self.request(within: request, own) {
          result.split += 1
          result.examples.append(.init(request, within))
        }
      }
      result.examples = result.examples.suffix(ContextSplit.examplesAtMost)
      return result
    }
  }

  private static func newest(_ instances: [Instance]) -> [InboundRequest] {
    let all = instances.flatMap { $0.inbound.suffix(comparedRequests) }.sorted { $0.start < $1.start }
    return all.suffix(comparedRequests)
  }

  /// A request that the service handled while its proxy handled another one; nil if there is none.
  private static func request(within outer: InboundRequest, _ requests: [InboundRequest]) -> InboundRequest? {
    requests.first { $0.start >= outer.start - tolerance && $0.end <= outer.end + tolerance }
  }
}
