import TraceModel

extension PropagationAnalyzer {
  /// Adds a span of the application's own tracer that is neither a request nor a call. Calls may name it as their parent.
  mutating func examine(own span: Span) {
    guard span.timestamp.isTimeOfDay, examination.includes(span.traceID, at: span.timestamp), !span.isProxied else {
      return
    }
    examine(span, .own, nil, nil)
  }

  mutating func examine(_ span: Span, _ role: ExaminedSpan.Role, _ instance: Int?, _ pair: PairID?) {
    guard span.end.isTimeOfDay else { return }
    examination.add(
      ExaminedSpan(
        trace: span.traceID, id: span.id, parent: span.parentID ?? 0, start: span.timestamp, end: span.end, role: role,
        isShared: span.isShared, isFailed: span.isError, requestID: role == .own ? RequestID() : span.requestID,
        size: role == .own ? nil : span.requestSize, instance: instance.map { instances[$0].number } ?? 0,
        service: instance.map { services[instances[$0].service].number } ?? 0, slot: instance ?? 0,
        pair: pair))
  }

  /// Examines the traces that are complete at a moment, in microseconds since 1970.
  mutating func examineTraces(until now: Int64) {
    for trace in examination.takeRipe(until: now) {
      let judgement = TraceJudgement(trace)
      for index in trace.indices where trace[index].role == .call {
        guard let pair = trace[index].pair, isKept(pair) else { continue }
        judge(trace[index], at: index, pair.slot, judgement, now)
      }
    }
  }

  private mutating func judge(
    _ call: ExaminedSpan, at index: Int, _ pair: Int, _ judgement: TraceJudgement, _ now: Int64
  ) {
    if let size = call.size { pairs[pair].sizes.note(at: call.start, size: size, isContinued: call.parent != 0) }
    var result: CallResult?
    if call.parent != 0 {
      let found = judgement.result(of: index)
      result = found.result
      if let size = found.request?.size { pairs[pair].requestSizes.note(at: call.start, size: size, isContinued: true) }
    }
    // The parent may be a span of the application's own tracer that is still to come.
    if result == .spanIDReplaced, services[pairs[pair].service].hasTracer,
      call.end > now - TraceExamination.patienceWithTracer
    {
      result = .unknown
    }
    if !call.isFailed {
      let callee = servicesByName[pairs[pair].callee]
      switch judgement.answer(to: index, by: callee.map { services[$0].number }) {
      case .received:
        pairs[pair].calls.change(at: call.start) { $0.examined.answered &+= 1 }
        if let callee { services[callee].answers.note(at: call.start, .fine) }
      case .elsewhere: if result == .fine || result == .unknown { result = .b3Flattened }
      case .nowhere:
        pairs[pair].calls.change(at: call.start) { $0.examined.unanswered &+= 1 }
        if let callee { services[callee].answers.note(at: call.start, .unknown) }
      }
    }
    guard let result else { return }
    pairs[pair].calls.change(at: call.start) { $0.examined.count(result) }
    pairs[pair].results.note(at: call.start, result)
    if result == .fine { pairs[pair].lastFine = max(pairs[pair].lastFine, call.start) }
    if result != .unknown, instances[call.slot].number == call.instance, let pair = call.pair {
      tally(pair, call.slot) { $0.noteExamined(at: call.start, isFine: result == .fine) }
    }
    guard result.kind != nil, limits.examplesPerCallee > 0 else { return }
    if pairs[pair].brokenCalls.count >= limits.examplesPerCallee { pairs[pair].brokenCalls.removeFirst() }
    pairs[pair].brokenCalls.append(BrokenCall(trace: call.trace, time: call.start, result: result))
  }
}

/// An examined call, as an example of what was found.
struct BrokenCall: Sendable {
  let trace: TraceID
  /// The start in microseconds since 1970.
  let time: Int64
  let result: CallResult
}

/// What the spans of a trace tell about the calls among them. Compares each call with each span; the number of both is limited.
struct TraceJudgement {
  /// Who received a call.
  enum Answer {
    /// The called service, as this call.
    case received
    /// The called service, as a call of the service before.
    case elsewhere
    case nowhere
  }

  private let spans: ArraySlice<ExaminedSpan>

  init(_ spans: ArraySlice<ExaminedSpan>) { self.spans = spans }

  /// What the trace tells of a call that continued it, and the request for which it was made, if that is certain.
  func result(of index: Int) -> (result: CallResult, request: ExaminedSpan?) {
    let call = spans[index]
    var parent: ExaminedSpan?
    var requests: [ExaminedSpan] = []
    var isReported = false
    var isOwn = false
    for other in spans.indices where other != index {
      let span = spans[other]
      if span.id == call.parent {
        isReported = true
        isOwn = isOwn || span.role == .own
      }
      guard span.role == .request, span.instance == call.instance, span.start <= call.start else { continue }
      requests.append(span)
      // Requests are sorted by start. One that was in flight is better than a later one that was not.
      if span.id == call.parent, parent.map({ $0.end <= call.start || span.end > call.start }) ?? true { parent = span }
    }
    if let parent { return (result(of: call, parent), parent) }
    if isOwn { return (requests.count == 1 ? headers(of: call, requests[0]) : .fine, nil) }
    if requests.contains(where: { !$0.isShared && $0.parent != 0 && $0.parent == call.parent }) {
      return (.b3Flattened, nil)
    }
    if isReported { return (.unknown, nil) }
    if !requests.isEmpty { return (.spanIDReplaced, nil) }
    return (isForUnsampledRequest(index) ? .sampledFlagTurned : .unknown, nil)
  }

  private func result(of call: ExaminedSpan, _ request: ExaminedSpan) -> CallResult {
    let headers = headers(of: call, request)
    // A request that failed may have been given up by its caller, while the service still works for it.
    guard headers == .fine, call.start >= request.end, !request.isFailed else { return headers }
    return .detachedWork
  }

  private func headers(of call: ExaminedSpan, _ request: ExaminedSpan) -> CallResult {
    guard call.requestID.hash != 0, request.requestID.hash != 0 else { return .fine }
    if call.requestID.count > request.requestID.count { return .headerDoubled }
    return call.requestID.hash == request.requestID.hash ? .fine : .requestIDReplaced
  }

  /// Whether another call of the proxy has the same parent and request id. Both were then made for one request, which the proxy did
  /// not report, nor did anybody report its caller.
  private func isForUnsampledRequest(_ index: Int) -> Bool {
    let call = spans[index]
    guard call.requestID.hash != 0 else { return false }
    return spans.indices.contains { other in
      other != index && spans[other].role == .call && spans[other].instance == call.instance
        && spans[other].parent == call.parent && spans[other].requestID == call.requestID && spans[other].id != call.id
    }
  }

  /// Who received a call.
  ///
  /// - Parameter callee: the number of the called service; `nil` if it has never reported anything.
  func answer(to index: Int, by callee: UInt64?) -> Answer {
    let call = spans[index]
    var isElsewhere = false
    for other in spans.indices where other != index {
      let span = spans[other]
      if span.parent == call.id || (span.id == call.id && span.role != .call) { return .received }
      if span.role == .request, call.parent != 0, span.caller == call.parent, span.service == callee,
        span.instance != call.instance
      {
        isElsewhere = true
      }
    }
    return isElsewhere ? .elsewhere : .nowhere
  }
}
