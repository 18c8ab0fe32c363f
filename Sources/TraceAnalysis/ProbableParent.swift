/// The request for which a call was probably made that began a trace of its own.
struct ProbableParent: Sendable, Equatable {
  let trace: TraceID
  let span: UInt64
  /// The probability, about.
  let confidence: Double
  /// Why, as a sentence.
  let reason: String
}

/// Finds the request to which a call belongs that began a trace of its own, among all that its service received about
/// that time. Each call gets one request at most, and the same one from whichever trace it is looked at.
struct ProbableParentSearch {
  private struct Candidate {
    let request: InboundRequest
    /// Whom the service called for it with its trace.
    var callees: Set<String>
  }

  private var candidates: [ProxyInstance: [Candidate]] = [:]
  private let isComplete: Bool

  /// How long after a request its id still tells what was done for it, in microseconds.
  private static let memory: Int64 = 60_000_000

  /// - Parameters:
  ///   - traces: those in which the service had a part about that time.
  ///   - isComplete: whether they are all.
  init(_ traces: [[Span]], service: String, isComplete: Bool) {
    self.isComplete = isComplete
    for trace in traces {
      var callees: [UInt64: Set<String>] = [:]
      for span in trace where span.isOutbound && span.serviceName == service {
        if let parent = span.parentID, !span.callee.isEmpty { callees[parent, default: []].insert(span.callee) }
      }
      for span in trace where span.isInbound && span.serviceName == service {
        guard let request = InboundRequest(span) else { continue }
        candidates[ProxyInstance(span), default: []].append(
          Candidate(request: request, callees: callees[span.id] ?? []))
      }
    }
  }

  /// The request for which a call was made; nil if there is none that could be it, or nothing that says so.
  ///
  /// - Parameter knowledge: what the service's other calls to the same callee say; nil if there are none.
  func parent(of call: Span, knowledge: PropagationKnowledge?) -> ProbableParent? {
    guard call.isStartedCall, call.timestamp.isTimeOfDay else { return nil }
    let all = (candidates[ProxyInstance(call)] ?? []).filter { $0.request.trace != call.traceID }
    let number = call.requestNumber
    if number != 0 {
      let same = all.filter { candidate in
        candidate.request.requestNumber == number && candidate.request.start <= call.timestamp
          && candidate.request.end + Self.memory > call.timestamp
      }
      if let request = same.max(by: Self.isWorse)?.request {
        return ProbableParent(
          trace: request.trace, span: request.span, confidence: 0.99 / Double(same.count),
          reason: "the call carries the x-request-id of this request, but another trace")
      }
    }
    let inFlight = all.filter { $0.request.start <= call.timestamp && $0.request.end > call.timestamp }
    // A service that waits for its answers ends its calls before the request; one that called the same service for a
    // request with its trace has made the call that this one would be.
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
      // Somebody who looks at the first broken trace is to see it, and that it may be chance.
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
      reason += ", and not all requests of that time could be looked at"
    }
    return ProbableParent(trace: best.trace, span: best.span, confidence: confidence, reason: reason)
  }

  /// The later start is the better one; ids decide between equal ones, so that the choice is the same each time.
  private static func isWorse(_ first: Candidate, _ second: Candidate) -> Bool {
    (first.request.start, first.request.trace.low, first.request.span)
      < (second.request.start, second.request.trace.low, second.request.span)
  }
}

/// A trace that is probably the continuation of another one.
struct BrokenPiece: Sendable {
  let tree: SpanTree
  let parent: ProbableParent
  /// The node of the other trace under which it belongs.
  let under: Int
  let call: Span
}

extension SpanStore {
  private static let tracesPerSearch = 300
  private static let servicesPerTrace = 20
  private static let piecesPerTrace = 20
  /// How long before a call the trace of its request may have begun, in milliseconds.
  private static let longestWait: Int64 = 30_000
  /// How many times as far back each further search looks.
  private static let widening: Int64 = 4

  /// The request for which the first call of a trace was probably made; nil if it begins otherwise, or nothing says so.
  func probableParent(of tree: SpanTree) async throws(CollectorError) -> ProbableParent? {
    guard let root = tree.nodes.first?.span, root.isStartedCall, root.timestamp.isTimeOfDay else { return nil }
    let knowledge = await propagation.knowledge(of: [root.serviceName])
    return try await probableParent(of: root, knowledge[root.serviceName])
  }

  private func probableParent(
    of call: Span, _ knowledge: [String: PropagationKnowledge]?
  ) async throws(CollectorError) -> ProbableParent? {
    let known = knowledge?[call.callee]
    // Nothing but the id of a request could say that it is one's.
    if known == .unrelated, call.requestNumber == 0 { return nil }
    let found = try await tracesInProgress(at: call)
    let search = ProbableParentSearch(found.traces, service: call.serviceName, isComplete: found.isComplete)
    return search.parent(of: call, knowledge: known)
  }

  /// The traces that may hold the request for which a call was made: the newest ones of its service, and of those that began
  /// earlier the ones that last until the call. There are never so many of these as there are traces, so that a busy service
  /// is judged by all that matters; what there is no room for makes the answer incomplete.
  private func tracesInProgress(
    at call: Span
  ) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool) {
    let moment = call.timestamp / 1_000
    var found = try await traces(with: call.serviceName, from: moment - Self.longestWait, to: moment)
    guard !found.isComplete, let oldest = found.traces.last.flatMap({ TraceQuery.timestamp(of: $0) }) else {
      return found
    }
    var distance = moment - oldest / 1_000
    // So many within a millisecond cannot be told apart by their times.
    guard distance > 0 else { return found }
    var known = Set(found.traces.compactMap { $0.first?.traceID })
    var room = Self.tracesPerSearch
    while distance < Self.longestWait {
      let next = min(distance * Self.widening, Self.longestWait)
      var query = TraceQuery(endTs: moment - distance, lookback: next - distance, limit: room)
      // A trace that began so long before the call and goes on has a span that is about as long, of whichever service; half
      // of it leaves room for clocks that differ and for a request that was handed on.
      query.minDuration = distance * 1_000 / 2
      let older = try await search(query)
      found.traces += older.traces.filter { spans in spans.first.map { known.insert($0.traceID).inserted } ?? false }
      guard older.isComplete, older.traces.count < room else { return found }
      room -= older.traces.count
      distance = next
    }
    found.isComplete = true
    return found
  }

  /// The traces that are probably continuations of this one, in the order of their starts.
  func brokenPieces(of tree: SpanTree) async throws(CollectorError) -> [BrokenPiece] {
    var times: [String: (from: Int64, to: Int64)] = [:]
    for node in tree.nodes where node.span.isInbound {
      guard let request = InboundRequest(node.span) else { continue }
      let name = node.span.serviceName
      guard !name.isEmpty, times[name] != nil || times.count < Self.servicesPerTrace else { continue }
      let known = times[name] ?? (request.start, request.end)
      times[name] = (min(known.from, request.start), max(known.to, request.end))
    }
    let knowledge = await propagation.knowledge(of: Set(times.keys))
    var pieces: [BrokenPiece] = []
    for (service, time) in times.sorted(by: { $0.key < $1.key }) {
      // A service of which only passed on or unrelated calls are known has no pieces; that is the usual case.
      let known = knowledge[service]
      if let known, known.values.allSatisfy({ $0 == .unrelated }), await propagation.remembers(time.from) { continue }
      let found = try await traces(with: service, from: time.from / 1_000, to: time.to / 1_000)
      for spans in found.traces {
        guard let call = spans.first(where: { $0.isStartedCall && $0.serviceName == service }),
          pieces.count < Self.piecesPerTrace, time.from <= call.timestamp, call.timestamp <= time.to,
          let parent = try await probableParent(of: call, known),
          let under = tree.nodes.firstIndex(where: { node in
            node.span.isInbound && node.span.serviceName == service && node.span.id == parent.span
              && node.span.traceID.low == parent.trace.low
          })
        else { continue }
        pieces.append(BrokenPiece(tree: SpanTree(spans), parent: parent, under: under, call: call))
      }
    }
    return pieces.sorted { ($0.call.timestamp, $0.call.traceID.low) < ($1.call.timestamp, $1.call.traceID.low) }
  }

  private func traces(
    with service: String, from: Int64, to: Int64
  ) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool) {
    var query = TraceQuery(endTs: to, lookback: max(to - from, 1), limit: Self.tracesPerSearch)
    query.serviceName = service
    let found = try await search(query)
    return (found.traces, found.isComplete && found.traces.count < Self.tracesPerSearch)
  }
}
