package import TraceModel

/// The request for which a call that began its own trace was probably made.
package struct ProbableParent: Sendable, Equatable {
  package let trace: TraceID
  package let span: UInt64
  /// The approximate probability.
  package let confidence: Double
  /// The reason, as a sentence.
  package let reason: String
}

/// Finds the request to which a call with a trace of its own belongs, among all requests that its service received at about that
/// time. The result is at most one request, and the same one regardless of the trace from which the search starts.
struct ProbableParentSearch {
  private struct Candidate {
    let request: InboundRequest
    /// The start of its trace in microseconds since 1970.
    let begin: Int64
    /// The callees of the service's calls for the request within its trace.
    var callees: Set<String>
  }

  private var candidates: [ProxyInstance: [Candidate]] = [:]
  private let isComplete: Bool
  /// How many requests there are.
  private(set) var count = 0

  /// - Parameters:
  ///   - traces: the traces of the service at about that time.
  ///   - isComplete: whether these are all.
  init(_ traces: [[Span]], service: String, isComplete: Bool) {
    self.isComplete = isComplete
    for trace in traces {
      let begin = TraceTimes.timestamp(of: trace)
      var callees: [UInt64: Set<String>] = [:]
      for span in trace where span.isOutbound && span.serviceName == service {
        if let parent = span.parentID, !span.callee.isEmpty { callees[parent, default: []].insert(span.callee) }
      }
      for span in trace where span.isInbound && span.serviceName == service {
        guard let request = InboundRequest(span) else { continue }
        candidates[ProxyInstance(span), default: []].append(
          Candidate(request: request, begin: begin ?? request.start, callees: callees[span.id] ?? []))
        count += 1
      }
    }
  }

  /// The request for which a call was made; `nil` if there is no candidate or no evidence.
  ///
  /// - Parameters:
  ///   - knowledge: the verdict on the service's other calls to the same callee; `nil` if there are none.
  ///   - wait: how long before the call the trace of the request may have begun, in microseconds.
  func parent(of call: Span, knowledge: PropagationKnowledge?, wait: Int64) -> ProbableParent? {
    guard call.isStartedCall, call.timestamp.isTimeOfDay else { return nil }
    let all = (candidates[ProxyInstance(call)] ?? []).filter {
      $0.request.trace != call.traceID && $0.begin <= call.timestamp && $0.begin >= call.timestamp - wait
    }
    let number = call.requestNumber
    if number != 0 {
      let same = all.filter { candidate in
        candidate.request.requestNumber == number && candidate.request.start <= call.timestamp
          && candidate.request.end + PropagationAnalyzer.memoryOfIDs > call.timestamp
      }
      if let request = same.max(by: Self.isWorse)?.request {
        return ProbableParent(
          trace: request.trace, span: request.span, confidence: 0.99 / Double(same.count),
          reason: "the call carries the x-request-id of this request, but another trace")
      }
    }
    let inFlight = all.filter { $0.request.start <= call.timestamp && $0.request.end > call.timestamp }
    // A service that waits for its answers ends its calls before the request. A request with a continued call to the same callee
    // already has the call that this one would be.
    let within = inFlight.filter { $0.request.end >= call.end && !$0.callees.contains(call.callee) }
    let likely = within.isEmpty ? inFlight : within
    guard let best = likely.max(by: Self.isWorse)?.request else { return nil }
    var confidence: Double
    var reason: String
    switch knowledge {
    case .broken(let share):
      confidence = 0.95 * share
      reason = "\(call.serviceName) makes calls to \(call.callee) for requests without their trace headers, and "
    case .undecided, nil:
      // The first broken trace has to be visible, although it may be chance.
      confidence = 0.5
      reason = "too few calls are known to exclude chance; "
    case .unrelated: return nil
    }
    confidence /= Double(likely.count)
    reason +=
      likely.count == 1
      ? "this was the one request in flight in the same proxy"
      : "this was one of \(likely.count) requests in flight in the same proxy"
    if !isComplete {
      confidence /= 2
      reason += ", and not all requests of that time could be examined"
    }
    return ProbableParent(trace: best.trace, span: best.span, confidence: confidence, reason: reason)
  }

  /// Orders candidates by start, newest is best. Ids break ties, so that the choice is deterministic.
  private static func isWorse(_ first: Candidate, _ second: Candidate) -> Bool {
    (first.request.start, first.request.trace.low, first.request.span)
      < (second.request.start, second.request.trace.low, second.request.span)
  }
}
