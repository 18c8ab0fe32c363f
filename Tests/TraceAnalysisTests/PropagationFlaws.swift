import TestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// What a service, its tracer or its proxy does to the headers of the calls for a request. What comes of it was seen with Envoy 1.40 and
/// 1.37.
enum PropagationFlaw: Sendable, Equatable {
  /// A tracer writes a span id of its own, and reports nothing here.
  case spanIDReplaced
  /// Each header is sent twice.
  case headerDoubled
  /// The caller sends `b3`, and an older Envoy leaves it beside its own headers.
  case b3Flattened
  /// The caller does not sample this part of the requests; the service says that they are.
  case sampledFlagTurned
  case requestIDReplaced
  /// The calls come so many milliseconds after the answer.
  case detached(ClosedRange<Double>)
  /// So do they, and carry only the request's id.
  case detachedWithIDOnly(ClosedRange<Double>)
  /// Calls with larger bodies, or for requests with larger bodies, carry no headers.
  case newTraceAbove(Int)
  case newTraceAboveRequest(Int)
  case headersNotCopied
  /// The same for calls with one of two methods, of which one has no body.
  case headersNotCopiedWithBody
}

/// A call of a service, and what its proxy makes of it.
struct SimulatedCall {
  var callee: String
  var start: Double
  var length: Double
  var instance: Int
  var trace: UInt64 = 0
  var id: UInt64 = 0
  var parent: UInt64?
  var requestID = ""
  var size = 0
  /// What the called proxy reads as its caller's span.
  var received: UInt64 = 0

  init(_ callee: String, _ start: Double, _ length: Double, _ instance: Int) {
    self.callee = callee
    self.start = start
    self.length = length
    self.instance = instance
  }

  /// A UUID as Envoy makes it.
  static func requestID(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    let padded = String(repeating: "0", count: 16 - digits.count) + digits
    return
      "\(padded.prefix(8))-\(padded.dropFirst(8).prefix(4))-4\(padded.dropFirst(12).prefix(3))-8000-\(padded.prefix(12))"
  }
}

extension PropagationSimulation {
  func request(
    _ time: (start: Double, end: Double), _ instance: Int, _ random: inout SeededGenerator, _ reports: inout [Report]
  ) {
    let isFlawed =
      flaw != nil && time.start >= flawFrom && flawInstances?.contains(instance) ?? true && random.happens(flawShare)
    // A request that its sender did not sample is not reported, nor are the calls that continue it.
    let isSampled = !random.happens(1 - inboundSampling) && !(isFlawed && flaw == .sampledFlagTurned)
    let trace = random.next() | 1
    let caller = flaw == .b3Flattened || !sharesIDs ? random.next() | 1 : nil
    let id = sharesIDs ? caller ?? trace : random.next() | 1
    let requestID = SimulatedCall.requestID(random.next())
    let size = Int.random(in: sizes, using: &random)
    if isSampled, !isGateway {
      var span = span(
        trace: trace, id: id, parent: sharesIDs ? nil : caller, .server, service: "orders", instance, time.start,
        time.end - time.start, requestID, size)
      span.isShared = sharesIDs
      report(span, &random, &reports)
    }
    var start = time.start + random.milliseconds(1...4)
    if isFlawed, case .detached(let delay) = flaw { start = time.end + random.milliseconds(delay) }
    if isFlawed, case .detachedWithIDOnly(let delay) = flaw { start = time.end + random.milliseconds(delay) }
    for wanted in calls {
      let tries = random.happens(retries) ? 2 : 1
      for _ in 0..<tries {
        var call = SimulatedCall(wanted.callee, start, random.milliseconds(callLength), instance)
        (call.trace, call.id, call.parent, call.requestID) = (trace, random.next() | 1, id, requestID)
        call.size = Int.random(in: sizes, using: &random)
        if flaw == .headersNotCopiedWithBody, random.happens(0.5) { call.size = 0 }
        call.received = call.id
        start += call.length + random.milliseconds(0.5...2)
        if isGateway || random.happens(wanted.broken) {
          if !keepsRequestID { call.requestID = SimulatedCall.requestID(random.next()) }
          begin(call, &random, &reports)
        } else if isFlawed {
          flawed(call, caller, size, &random, &reports)
        } else if isSampled {
          if let tracerDelay { call.parent = traced(call, id, tracerDelay, &random, &reports) }
          sent(call, &random, &reports)
        }
      }
    }
  }

  /// A call with the flaw.
  private func flawed(
    _ call: SimulatedCall, _ caller: UInt64?, _ size: Int, _ random: inout SeededGenerator, _ reports: inout [Report]
  ) {
    var call = call
    switch flaw {
    case .spanIDReplaced: call.parent = random.next() | 1
    case .headerDoubled: call.requestID += "," + call.requestID
    case .b3Flattened:
      // With shared ids the service's side looks right.
      call.parent = caller
      call.received = caller ?? call.id
    case .requestIDReplaced: call.requestID = SimulatedCall.requestID(random.next())
    case .headersNotCopied: return begin(call.withoutHeaders(&random), &random, &reports)
    case .detachedWithIDOnly: return begin(call, &random, &reports)
    case .newTraceAbove(let limit) where call.size > limit, .newTraceAboveRequest(let limit) where size > limit:
      return begin(call.withoutHeaders(&random), &random, &reports)
    case .headersNotCopiedWithBody where call.size > 0: return begin(call.withoutHeaders(&random), &random, &reports)
    case .newTraceAbove, .newTraceAboveRequest, .headersNotCopiedWithBody, .sampledFlagTurned, .detached, nil: break
    }
    sent(call, &random, &reports)
  }

  /// A call that begins a trace.
  func begin(_ call: SimulatedCall, _ random: inout SeededGenerator, _ reports: inout [Report]) {
    guard !random.happens(1 - rootSampling) else { return }
    var call = call
    call.trace = random.next() | 1
    (call.id, call.parent, call.received) = (call.trace, nil, call.trace)
    sent(call, &random, &reports)
  }

  /// The span of the application's tracer for a call, by which it continues the trace.
  private func traced(
    _ call: SimulatedCall, _ request: UInt64, _ delay: ClosedRange<Double>, _ random: inout SeededGenerator,
    _ reports: inout [Report]
  ) -> UInt64 {
    let id = random.next() | 1
    var span = span(
      trace: call.trace, id: id, parent: request, .client, service: "orders", call.instance, call.start, call.length,
      "", 0)
    span.tags = [Span.Tag("http.method", "GET")]
    reports.append((call.start + call.length + random.milliseconds(delay), span))
    return id
  }

  /// Both proxies' reports of a call.
  private func sent(_ call: SimulatedCall, _ random: inout SeededGenerator, _ reports: inout [Report]) {
    var span = span(
      trace: call.trace, id: call.id, parent: call.parent, .client, service: "orders", call.instance, call.start,
      call.length, call.requestID, call.size)
    span.tags.append(Span.Tag("upstream_cluster", call.callee))
    report(span, &random, &reports)
    guard calleesReport, call.start < calleesSilentFrom || random.happens(calleesAfterwards) else { return }
    var answer = self.span(
      trace: call.trace, id: sharesIDs ? call.received : random.next() | 1,
      parent: sharesIDs ? (call.received == call.id ? call.parent : nil) : call.received, .server, service: call.callee,
      0,
      call.start + 0.3, max(call.length - 0.6, 0.1), call.requestID, call.size)
    answer.isShared = sharesIDs
    report(answer, &random, &reports)
  }

  private func span(
    trace: UInt64, id: UInt64, parent: UInt64?, _ kind: Span.Kind, service: String, _ instance: Int, _ start: Double,
    _ length: Double, _ requestID: String, _ size: Int
  ) -> Span {
    let clock = start + Double(instance) * skew
    return Span(
      traceID: TraceID(low: trace), id: id, parentID: parent, kind: kind, name: "\(service).mesh",
      timestamp: Self.begin * 1_000 + Int64(clock * 1_000), duration: max(Int64(length * 1_000), 1),
      localEndpoint: Endpoint(serviceName: service, ipv4: "10.0.0.\(instance + 1)"),
      tags: [
        Span.Tag("node_id", "default.\(service)-\(instance)"), Span.Tag("guid:x-request-id", requestID),
        Span.Tag("request_size", "\(size)"),
      ])
  }

  private func report(_ span: Span, _ random: inout SeededGenerator, _ reports: inout [Report]) {
    let end = Double(span.end - Self.begin * 1_000) / 1_000
    reports.append((end + random.milliseconds(delay), span))
  }
}

extension SimulatedCall {
  fileprivate func withoutHeaders(_ random: inout SeededGenerator) -> SimulatedCall {
    var call = self
    call.requestID = Self.requestID(random.next())
    return call
  }
}
