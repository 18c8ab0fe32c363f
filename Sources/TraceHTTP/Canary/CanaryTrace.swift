import JSONText
import TraceFormats
import TraceModel

/// The trace that the canary sends: two spans with known content and random ids.
package struct CanaryTrace: Sendable, Hashable {
  /// The service of both spans.
  package static let service = "kuma-trace-canary"

  /// The trace's id, 32 hexadecimal digits.
  package let id: String
  /// The spans as they are sent: Zipkin's v2 JSON.
  package let body: [UInt8]

  /// Makes a trace.
  ///
  /// - Parameter time: its start, in milliseconds since 1970.
  package init(at time: Int64, using random: inout some RandomNumberGenerator) {
    let trace = TraceID(
      high: .random(in: 1...(.max), using: &random), low: .random(in: 1...(.max), using: &random))
    let root = UInt64.random(in: 1...(.max), using: &random)
    let child = UInt64.random(in: 1...(.max), using: &random)
    func span(_ id: UInt64, _ parent: UInt64?, _ name: String, _ offset: Int64, _ duration: Int64) -> Span {
      Span(
        traceID: trace, id: id, parentID: parent, name: name, timestamp: time &* 1_000 &+ offset, duration: duration,
        localEndpoint: Endpoint(serviceName: Self.service),
        annotations: [.init(timestamp: time &* 1_000 &+ offset, value: "sent")],
        tags: [.init("canary", "true")])
    }
    var json = JSONWriter()
    json.spans([span(root, nil, "check", 0, 1_000), span(child, root, "store", 100, 500)])
    (id, body) = (trace.description, json.bytes)
  }

  /// Whether a list of traces in Zipkin's v2 JSON has this one, with every span as it was sent.
  package func isFound(in traces: [UInt8]) -> Bool {
    // The collector writes a trace as it was sent, in the order of the spans' starts.
    traces.firstRange(of: body) != nil
  }
}
