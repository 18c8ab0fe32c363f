package import TraceModel

/// A trace that is probably the continuation of another one.
package struct BrokenPiece: Sendable {
  package let tree: SpanTree
  package let parent: ProbableParent
  /// The node of the other trace that is its probable parent.
  package let under: Int
  package let call: Span
}

/// A query of the analysis for the newest traces that began in a period.
package struct WantedTraces: Sendable {
  /// A participating service; `nil` for any.
  package var service: String?
  /// The end of the period, in milliseconds since 1970.
  package var endTs: Int64
  /// The length of the period, in milliseconds.
  package var lookback: Int64
  /// The duration that one of the spans has at least, in microseconds.
  package var minDuration: Int64?
  /// The largest number of traces.
  package var limit: Int
}

/// The source of traces that the analysis has not observed itself.
package protocol TraceSource: Sendable {
  /// The matching traces, newest first, and whether the whole period was searched.
  func traces(_ wanted: WantedTraces) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool)
}

/// Reconnects broken traces when one is viewed: finds the request for which a trace was probably begun, and the traces that
/// probably continue one.
package struct BrokenTraces: Sendable {
  private let source: any TraceSource
  private let propagation: PropagationMonitor

  /// Creates a search in a source of traces, with the knowledge of which services forward traces.
  package init(_ source: any TraceSource, _ propagation: PropagationMonitor) {
    self.source = source
    self.propagation = propagation
  }

  private static let tracesPerSearch = 300
  private static let servicesPerTrace = 20
  private static let piecesPerTrace = 20
  /// How long before a call the trace of its request may have begun, in milliseconds.
  private static let longestWait: Int64 = 30_000
  /// The factor by which each further search looks farther back.
  private static let widening: Int64 = 4

  /// The request for which the first call of a trace was probably made; `nil` if nothing indicates one.
  package func probableParent(of tree: SpanTree) async throws(CollectorError) -> ProbableParent? {
    guard let root = tree.nodes.first?.span, root.isStartedCall, root.timestamp.isTimeOfDay else { return nil }
    let knowledge = await propagation.knowledge(of: [root.serviceName])
    return try await probableParent(of: root, knowledge[root.serviceName])
  }

  private func probableParent(
    of call: Span, _ knowledge: [String: PropagationKnowledge]?
  ) async throws(CollectorError) -> ProbableParent? {
    let known = knowledge?[call.callee]
    // Only the request's id could tell that the call belongs to it.
    if known == .unrelated, call.requestNumber == 0 { return nil }
    let found = try await tracesInProgress(at: call)
    let search = ProbableParentSearch(found.traces, service: call.serviceName, isComplete: found.isComplete)
    return search.parent(of: call, knowledge: known)
  }

  /// The traces that may contain the request of a call: the newest ones of its service, and older ones that last until the call.
  /// Few traces last that long, so all relevant traces of a busy service are examined. If there are more than allowed, the answer
  /// is marked incomplete.
  private func tracesInProgress(
    at call: Span
  ) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool) {
    let moment = call.timestamp / 1_000
    var found = try await traces(with: call.serviceName, from: moment - Self.longestWait, to: moment)
    guard !found.isComplete, let oldest = found.traces.last.flatMap({ TraceTimes.timestamp(of: $0) }) else {
      return found
    }
    var distance = moment - oldest / 1_000
    // So many traces within a millisecond cannot be ordered by their times.
    guard distance > 0 else { return found }
    var known = Set(found.traces.compactMap { $0.first?.traceID })
    var room = Self.tracesPerSearch
    while distance < Self.longestWait {
      let next = min(distance * Self.widening, Self.longestWait)
      var wanted = WantedTraces(endTs: moment - distance, lookback: next - distance, limit: room)
      // An older trace that still runs at the time of the call has a span of about that duration, of any service. Half of it allows
      // for different clocks and for a request that was handed on.
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

  /// The traces that probably continue this one, by start.
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
      // Usually a service has only forwarded or unrelated calls. Then it has no continuations.
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
