import TraceModel

/// Spans as Envoy's Zipkin tracer writes them: traces of five spans through three of twenty services.
struct SpanLoad {
  /// How many spans there are in a trace.
  static let spansPerTrace = 5

  /// The start of the first trace, in milliseconds since 1970.
  private(set) var start: Int64
  /// Milliseconds from one trace to the next.
  let step: Double

  /// Begins so that the last of some traces starts now, all within an hour.
  init(traces: Int) {
    let hour: Int64 = 3_600_000
    start = WallClock.system.milliseconds() - hour
    step = Double(hour) / Double(max(traces, 1))
  }

  /// The same spans with later times, as of a sender that makes them anew when it sends them again.
  func later(by milliseconds: Int64) -> SpanLoad {
    var load = self
    load.start += milliseconds
    return load
  }

  /// The end of the time that the traces take, in milliseconds since 1970.
  var end: Int64 { start + 3_700_000 }

  /// The id of a trace: scattered as random ids are, and never zero.
  static func id(ofTrace number: Int) -> UInt64 {
    var value = UInt64(truncatingIfNeeded: number + 1) &* 0x9e37_79b9_7f4a_7c15
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    return value | 1
  }

  /// The tag that one trace of a hundred has.
  static let rareTag = "customer=rare"

  /// The body of a request with the spans of some traces.
  func body(_ traces: Range<Int>) -> [UInt8] {
    var body: [UInt8] = [UInt8(ascii: "[")]
    for trace in traces {
      for span in 0..<Self.spansPerTrace {
        if body.count > 1 { body.append(UInt8(ascii: ",")) }
        body += json(trace: trace, span: span).utf8
      }
    }
    body.append(UInt8(ascii: "]"))
    return body
  }

  /// Bodies of requests with so many spans each.
  func bodies(_ requests: Range<Int>, spans: Int) -> [[UInt8]] {
    let traces = spans / Self.spansPerTrace
    return requests.map { body($0 * traces..<($0 + 1) * traces) }
  }

  /// A gateway's call to a first service and its call to a second one, seen from both sides each.
  func json(trace: Int, span: Int) -> String {
    let id = Self.id(ofTrace: trace)
    let services = (0...2).map { "service-\((trace + $0 * 7) % 20)" }
    let service = services[(span + 1) / 2]
    let isServer = span.isMultiple(of: 2)
    let parent = span == 0 ? "" : #""parentId":"\#(hex(id &+ UInt64(span - 1)))","#
    let time = start &* 1000 &+ Int64(Double(trace) * step * 1000) &+ Int64(span * 150)
    let duration = 4000 - span * 500 + trace % 1000
    let customer = (id >> 8).isMultiple(of: 100) ? "rare" : "usual"
    let requestID = "\(hex(id ^ 0x5555))-\(hex(id &* 31))"
    return """
      {"traceId":"\(hex(id))",\(parent)"id":"\(hex(id &+ UInt64(span)))",\
      "kind":"\(isServer ? "SERVER" : "CLIENT")","name":"\(service).example.com",\
      "timestamp":\(time),"duration":\(duration),\
      "localEndpoint":{"serviceName":"\(service)","ipv4":"10.0.\(trace % 50).\(span)","port":0},\
      "tags":{"component":"proxy","node_id":"default.\(service)-\(trace % 50)","zone":"",\
      "guid:x-request-id":"\(requestID)","http.url":"http://\(service).example.com/orders/\(trace % 5000)",\
      "http.method":"GET","http.protocol":"HTTP/1.1","http.status_code":"200","request_size":"0",\
      "response_size":"\(200 + trace % 700)","response_flags":"-","user_agent":"curl/8.5.0",\
      "downstream_cluster":"-","peer.address":"10.0.\(trace % 50).9",\
      "upstream_cluster":"localhost:8080","upstream_cluster.name":"localhost:8080","customer":"\(customer)"}}
      """
  }

  private func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
