package import TraceModel

/// A trace that is probably the continuation of another one.
package struct BrokenPiece: Sendable {
  package let tree: SpanTree
  package let parent: ProbableParent
  /// The node of the other trace under which it belongs.
  package let under: Int
  package let call: Span
}

/// Which traces an analysis asks for: the newest of those that began in a time.
package struct WantedTraces: Sendable {
  /// A service that took part; nil for any.
  package var service: String?
  /// The last moment at which they began, in milliseconds since 1970.
  package var endTs: Int64
  /// How long before it they began at most, in milliseconds.
  package var lookback: Int64
  /// How long one of their spans took at least, in microseconds.
  package var minDuration: Int64?
  /// How many at most.
  package var limit: Int
}

/// Where the analysis finds traces that it has not observed.
package protocol TraceSource: Sendable {
  /// Traces, the newest first, and whether all the time that was asked for was looked through.
  func traces(_ wanted: WantedTraces) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool)
}

/// Joins what was torn apart, when a trace is looked at: finds the request for which a trace was probably begun, and the
/// traces that probably continue one.
package struct BrokenTraces: Sendable {
  private let source: any TraceSource
  private let propagation: PropagationMonitor

  /// Makes a search over the traces of a source, by what is known of who passes on traces.
  package init(_ source: any TraceSource, _ propagation: PropagationMonitor) {
    self.source = source
    self.propagation = propagation
  }

  private static let tracesPerSearch = 300
  private static let servicesPerTrace = 20
  private static let piecesPerTrace = 20
  /// How long before a call the trace of its request may have begun, in milliseconds.
  private static let longestWait: Int64 = 30_000
  /// How many times as far back each further search looks.
  private static let widening: Int64 = 4

  /// The request for which the first call of a trace was probably made; nil if it begins otherwise, or nothing says so.
  package func probableParent(of tree: SpanTree) async throws(CollectorError) -> ProbableParent? {
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
    guard !found.isComplete, let oldest = found.traces.last.flatMap({ TraceTimes.timestamp(of: $0) }) else {
      return found
    }
    var distance = moment - oldest / 1_000
    // So many within a millisecond cannot be told apart by their times.
    guard distance > 0 else { return found }
    var known = Set(found.traces.compactMap { $0.first?.traceID })
    var room = Self.tracesPerSearch
    while distance < Self.longestWait {
      let next = min(distance * Self.widening, Self.longestWait)
      var wanted = WantedTraces(endTs: moment - distance, lookback: next - distance, limit: room)
      // A trace that began so long before the call and goes on has a span that is about as long, of whichever service; half
      // of it leaves room for clocks that differ and for a request that was handed on.
      wanted.minDuration = distance * 1_000 / 2
      let older = try await source.traces(wanted)
      found.traces += older.traces.filter { spans in spans.first.map { known.insert($0.traceID).inserted } ?? false }
      guard older.isComplete, older.traces.count < room else { return found }
      room -= older.traces.count
      distance = next
    }
    found.isComplete = true
    return found
  }

  /// The traces that are probably continuations of this one, in the order of their starts.
  package func pieces(of tree: SpanTree) async throws(CollectorError) -> [BrokenPiece] {
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
    let found = try await source.traces(
      WantedTraces(service: service, endTs: to, lookback: max(to - from, 1), limit: Self.tracesPerSearch))
    return (found.traces, found.isComplete && found.traces.count < Self.tracesPerSearch)
  }
}
