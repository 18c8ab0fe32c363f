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
  private let bounds: Bounds

  /// What one answer may cost.
  package struct Bounds: Sendable {
    /// After so many spans no further traces are read.
    package var spans = 100_000
    /// After so many comparisons of calls with requests no further calls are examined.
    package var comparisons = 2_000_000

    /// The usual bounds: about half a second of processor time.
    package init() {}
  }

  /// Creates a search in a source of traces, with the knowledge of which services forward traces.
  package init(_ source: any TraceSource, _ propagation: PropagationMonitor, bounds: Bounds = Bounds()) {
    self.source = source
    self.propagation = propagation
    self.bounds = bounds
  }

  private static let tracesPerSearch = 300
  private static let servicesPerTrace = 20
  private static let piecesPerTrace = 20
  /// How long before a call the trace of its request may have begun, in milliseconds.
  private static let longestWait: Int64 = 30_000
  /// The factor by which each further search looks farther back.
  private static let widening: Int64 = 4

  /// What one answer has cost so far.
  private struct Work {
    let bounds: Bounds
    var spans = 0
    var comparisons = 0
    /// Whether the answer may cost more.
    var hasRoom: Bool { spans < bounds.spans && comparisons < bounds.comparisons }

    init(_ bounds: Bounds) { self.bounds = bounds }

    mutating func count(_ traces: [[Span]]) { spans += traces.reduce(0) { $0 + $1.count } }
  }

  /// The requests among which those of calls between two moments are looked for.
  private struct Requests {
    let search: ProbableParentSearch
    /// The calls' moments in milliseconds since 1970.
    let moments: ClosedRange<Int64>
  }

  /// The request for which the first call of a trace was probably made; `nil` if nothing indicates one.
  package func probableParent(of tree: SpanTree) async throws(CollectorError) -> ProbableParent? {
    guard let root = tree.nodes.first?.span, root.isStartedCall, root.timestamp.isTimeOfDay else { return nil }
    let known = await propagation.knowledge(of: [root.serviceName])[root.serviceName]?[root.callee]
    guard Self.canHaveParent(root, known) else { return nil }
    var work = Work(bounds)
    let moment = root.timestamp / 1_000
    let newest = try await traces(with: root.serviceName, from: moment - Self.longestWait, to: moment, &work)
    let requests = try await self.requests(newest, of: root.serviceName, from: moment, to: moment, &work)
    return requests.search.parent(of: root, knowledge: known, wait: Self.longestWait * 1_000)
  }

  /// Whether a call can belong to a request. Of unrelated ones only the request's id could tell.
  private static func canHaveParent(_ call: Span, _ known: PropagationKnowledge?) -> Bool {
    known != .unrelated || call.requestNumber != 0
  }

  /// The requests of the traces that may contain those of calls: the newest ones of their service, and older ones that last until the
  /// calls. Few traces last that long, so all relevant traces of a busy service are examined. If there are more than allowed, the
  /// answer is marked incomplete.
  ///
  /// - Parameters:
  ///   - found: the newest traces that began until `last`.
  ///   - first: the moment of the first call, in milliseconds since 1970.
  ///   - last: that of the last one.
  private func requests(
    _ found: (traces: [[Span]], isComplete: Bool), of service: String, from first: Int64, to last: Int64,
    _ work: inout Work
  ) async throws(CollectorError) -> Requests {
    var (traces, isComplete) = found
    var first = min(first, last)
    if !isComplete, let oldest = traces.last.flatMap({ TraceTimes.timestamp(of: $0) }) {
      var distance = last - oldest / 1_000
      // The older traces that are looked for last at least half as long as the last call is away from them. So they are all that an
      // earlier call needs that is at least half as far away.
      first = max(first, last - max(0, distance) / 2)
      let reach = Self.longestWait + last - first
      var known = Set(traces.compactMap { $0.first?.traceID })
      var room = Self.tracesPerSearch
      // So many traces within a millisecond cannot be ordered by their times.
      var isKnown = distance > 0
      while isKnown, distance < reach, work.hasRoom {
        let next = min(distance * Self.widening, reach)
        var wanted = WantedTraces(endTs: last - distance, lookback: next - distance, limit: room)
        // An older trace that still runs at the time of the call has a span of about that duration, of any service. Half of it allows
        // for different clocks and for a request that was handed on.
        wanted.minDuration = distance * 1_000 / 2
        let older = try await source.traces(wanted)
        work.count(older.traces)
        traces += older.traces.filter { spans in spans.first.map { known.insert($0.traceID).inserted } ?? false }
        isKnown = older.isComplete && older.traces.count < room
        room -= older.traces.count
        distance = next
      }
      isComplete = isKnown && distance >= reach
    }
    return Requests(
      search: ProbableParentSearch(traces, service: service, isComplete: isComplete), moments: first...last)
  }

  /// The traces that probably continue this one, by start, and whether all calls of that time were examined. The traces of a service
  /// are read once for all of its calls, or a few times if there are many.
  package func pieces(
    of tree: SpanTree
  ) async throws(CollectorError) -> (pieces: [BrokenPiece], isComplete: Bool) {
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
    var work = Work(bounds)
    for (service, time) in times.sorted(by: { $0.key < $1.key }) where work.hasRoom {
      // Usually a service has only forwarded or unrelated calls. Then it has no continuations.
      let known = knowledge[service]
      if let known, known.values.allSatisfy({ $0 == .unrelated }), await propagation.remembers(time.from) { continue }
      let (from, to) = (time.from / 1_000, time.to / 1_000)
      let newest = try await traces(with: service, from: from - Self.longestWait, to: to, &work)
      var requests: Requests?
      for (call, spans) in Self.calls(in: newest.traces, of: service, known, within: time) {
        guard pieces.count < Self.piecesPerTrace, work.hasRoom else { break }
        let moment = call.timestamp / 1_000
        if requests?.moments.contains(moment) != true {
          // The calls come newest first, so that none needs what was read before.
          let found =
            requests == nil && newest.isComplete
            ? newest : try await traces(with: service, from: from - Self.longestWait, to: moment, &work)
          requests = try await self.requests(found, of: service, from: from, to: moment, &work)
        }
        guard let search = requests?.search else { break }
        work.comparisons += search.count
        guard
          let parent = search.parent(
            of: call, knowledge: known?[call.callee], wait: Self.longestWait * 1_000),
          let under = tree.nodes.firstIndex(where: { node in
            node.span.isInbound && node.span.serviceName == service && node.span.id == parent.span
              && node.span.traceID.low == parent.trace.low
          })
        else { continue }
        pieces.append(BrokenPiece(tree: SpanTree(spans), parent: parent, under: under, call: call))
      }
    }
    pieces.sort { ($0.call.timestamp, $0.call.traceID.low) < ($1.call.timestamp, $1.call.traceID.low) }
    return (pieces, work.hasRoom)
  }

  /// The calls of a service that began traces within a time and may belong to requests, newest first.
  private static func calls(
    in traces: [[Span]], of service: String, _ known: [String: PropagationKnowledge]?,
    within time: (from: Int64, to: Int64)
  ) -> [(call: Span, trace: [Span])] {
    traces.compactMap { spans in
      guard let call = spans.first(where: { $0.isStartedCall && $0.serviceName == service }),
        time.from <= call.timestamp, call.timestamp <= time.to, canHaveParent(call, known?[call.callee])
      else { return nil }
      return (call, spans)
    }.sorted { $0.call.timestamp > $1.call.timestamp }
  }

  /// The newest traces of a service that began in a period, and whether these are all.
  private func traces(
    with service: String, from: Int64, to: Int64, _ work: inout Work
  ) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool) {
    let found = try await source.traces(
      WantedTraces(service: service, endTs: to, lookback: max(to - from, 1), limit: Self.tracesPerSearch))
    work.count(found.traces)
    return (found.traces, found.isComplete && found.traces.count < Self.tracesPerSearch)
  }
}
