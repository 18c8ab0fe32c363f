import TraceHeaders
public import TraceModel

/// Tells which services forward the traces that they receive.
public struct PropagationReport: Sendable {
  /// The verdict on a service.
  public enum Verdict: String, Sendable {
    /// It forwards traces.
    case forwards
    /// It receives traces and forwarded none of them in its last calls.
    case breaks
    /// It forwarded traces in some of its last calls.
    case partly
    /// Its proxies report nothing any more, or some of them report nothing.
    case silent
    /// It makes no calls.
    case receivesOnly = "receives only"
    /// There is no evidence.
    case unknown
  }

  /// A trace and its probable continuation.
  public struct Example: Sendable, Hashable {
    /// The trace that was not forwarded.
    public var trace: TraceID
    /// The trace that began instead.
    public var brokenTrace: TraceID
    /// The start of the second trace, in microseconds since 1970.
    public var time: Int64
    /// The number of requests in flight, each a candidate.
    public var candidates: Int
    /// Whether the request's id proves the connection.
    public var isCertain: Bool
    /// The approximate probability that both belong together.
    public var confidence = 0.0
  }

  /// The calls from one service to another.
  public struct Callee: Sendable {
    /// The name of the callee, from the proxy's cluster.
    public var name: String
    /// Calls that continued a trace.
    public var continued: Int
    /// Calls that should have continued a trace and began one.
    public var started: Int
    /// Calls that began a trace and are not attributed to any request.
    public var unrelated: Int
    /// The findings as a sentence. The advice is part of the service's message.
    public var message: String
    /// The newest calls that continued a trace. The newest calls decide the verdict.
    public var recentContinued: Int
    /// The newest calls that began a trace instead of continuing one.
    public var recentStarted: Int
    /// Whether traces end here now.
    public var isBroken: Bool { state == .breaks || state == .partly || findings.contains { $0.kind.isBreak } }
    /// Whether calls begin traces now instead of continuing them.
    var beginsTraces: Bool { state == .breaks || state == .partly }
    /// In which ways its traces break or are blurred now, the worst first.
    public var findings: [PropagationFinding]
    package var state: State
    package var examples: [Example]

    /// The state of the newest calls.
    package enum State { case forwards, breaks, partly, fixed }
  }

  /// The findings on a service.
  public struct Service: Sendable {
    /// Its name.
    public var name: String
    /// The verdict.
    public var verdict: Verdict
    /// The verdict in sentences, with advice.
    public var message: String
    /// The advice alone, as a sentence for all callees; `nil` without advice.
    public var advice: String?
    /// The number of received requests. All have a trace, since the proxy begins one for requests without.
    public var inbound: Int
    /// Calls that continued a trace.
    public var continued: Int
    /// Calls that should have continued a trace and began one.
    public var started: Int
    /// The share of calls that continued a trace; `nil` without calls.
    public var rate: Double?
    /// The newest calls to all callees that continued a trace. The newest calls decide the verdict.
    public var recentContinued: Int
    /// The newest calls that should have continued a trace and began one.
    public var recentStarted: Int
    /// The callees by name.
    public var callees: [Callee]
    /// In which ways traces break or are blurred now, at its calls to all callees and at the calls to it, the worst first.
    public var findings: [PropagationFinding]
    /// The worst of these; `nil` if there is none.
    public var kind: PropagationKind? { findings.first?.kind }
    /// Traces that ended here, with their continuations.
    public var examples: [(callee: String, example: Example)]
  }

  /// All services: those that break traces first, then by name.
  public var services: [Service]
  /// The share of spans that were dropped or evicted, from 0 to 1.
  public var lostShare: Double

  /// The services that break traces.
  public var blamed: [Service] { services.filter { $0.verdict == .breaks || $0.verdict == .partly } }

  /// The services whose traces break now, here or at their proxies.
  public var problems: [Service] {
    services.filter { $0.verdict == .breaks || $0.verdict == .partly || $0.verdict == .silent }
  }

  /// What now breaks traces, by service.
  public var breaks: [String: ServiceBreak] {
    Dictionary(
      problems.compactMap { service in
        guard let worst = service.findings.first else { return nil }
        return (
          service.name,
          ServiceBreak(kind: worst.kind, summary: service.message, since: worst.since, trace: worst.traces.first)
        )
      }, uniquingKeysWith: { first, _ in first })
  }
}

/// The verdict on the calls from one service to another.
enum PropagationKnowledge: Sendable, Equatable {
  /// Calls for requests do not forward the trace. `share`: their share of the calls that began traces.
  case broken(share: Double)
  /// Some calls began traces, too few to tell why.
  case undecided
  /// Some calls began traces, not more often during requests than otherwise.
  case unrelated
}

extension PropagationAnalyzer {
  /// The report on a period.
  ///
  /// - Parameters:
  ///   - from: in microseconds since 1970. More than an hour before the last span, nothing is known.
  ///   - to: in microseconds since 1970.
  ///   - now: in microseconds since 1970. Traces are examined when their last span is some seconds old; without a time, when a newer
  ///     span was reported so much later.
  public func report(from: Int64, to: Int64, now: Int64 = 0) -> PropagationReport {
    var judged = self
    judged.judgeAll()
    judged.examineTraces(until: max(now, newest))
    judged.listProxies()
    let silent = judged.silentProxies(from, to)
    let services = judged.services.map { judged.report($0, silent[$0.name], from, to) }.filter {
      $0.inbound > 0 || !$0.callees.isEmpty || $0.verdict == .silent
    }
    func rank(_ service: PropagationReport.Service) -> Int {
      switch service.verdict {
      case .breaks: 0
      case .partly, .silent: 1
      case .forwards, .receivesOnly, .unknown: 2
      }
    }
    return PropagationReport(
      services: services.sorted { (rank($0), $0.name) < (rank($1), $1.name) }, lostShare: lostShare)
  }

  /// The verdicts on the calls from services, by service and callee. An unknown service has none.
  func knowledge(of services: Set<String>) -> [String: [String: PropagationKnowledge]] {
    var judged = self
    judged.judgeAll(of: services)
    judged.listProxies()
    var all: [String: [String: PropagationKnowledge]] = [:]
    for service in judged.services where !service.name.isEmpty && services.contains(service.name) {
      all[service.name] = [:]
      for (callee, pair) in service.hasProxy ? service.pairs : service.ownPairs {
        let counts = judged.pairs[pair].counts(.min, .max)
        guard counts.begun > 0 else { continue }
        all[service.name]?[callee] =
          judged.hasEvidence(pair, .min, .max)
          ? .broken(share: judged.shareForRequests(counts))
          : counts.test.isUndecided ? .undecided : .unrelated
      }
    }
    return all
  }

  /// The share of the calls that began traces during requests and was made for them, reduced by dropped spans.
  func shareForRequests(_ counts: CallCounts) -> Double {
    max(counts.test.share, counts.certain > 0 ? 0.5 : 0.05) * (1 - droppedShare)
  }

  /// The share of spans that are missing in a report.
  private var lostShare: Double {
    let lost = droppedCount + evictedCount
    return lost == 0 ? 0 : Double(lost) / Double(droppedCount + spanCount)
  }

  /// The share of spans that were dropped before the analysis. Spans of evicted services do not reduce the confidence in others.
  var droppedShare: Double {
    droppedCount == 0 ? 0 : Double(droppedCount) / Double(droppedCount + spanCount)
  }

  /// The headers that propagate a trace.
  package static func headers(isBesideEnvoy: Bool) -> String {
    let headers = ForwardedHeaders.forZipkin.joined(separator: ", ")
    return isBesideEnvoy
      ? headers : headers + ", or \(ForwardedHeaders.w3c.joined(separator: " and ")), whichever come"
  }
}
