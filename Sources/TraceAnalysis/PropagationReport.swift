import TraceHeaders
public import TraceModel

/// Which services pass on the traces that they receive.
public struct PropagationReport: Sendable {
  /// What can be said of a service.
  public enum Verdict: String, Sendable {
    /// It passes traces on.
    case forwards
    /// It receives traces and passes none on, as its last calls have it.
    case breaks
    /// It passes traces on in some of its calls, its last ones.
    case partly
    /// It makes no calls.
    case receivesOnly = "receives only"
    /// Nothing that would not be a guess.
    case unknown
  }

  /// A trace and another one that is its continuation, probably.
  public struct Example: Sendable, Hashable {
    /// The trace that was not passed on.
    public var trace: TraceID
    /// The one that began in its stead.
    public var brokenTrace: TraceID
    /// When it began, in microseconds since 1970.
    public var time: Int64
    /// How many requests were in flight, any of which may have been the one.
    public var candidates: Int
    /// Whether the id of the request says so.
    public var isCertain: Bool
    /// The probability that the two belong together, about.
    public var confidence = 0.0
  }

  /// The calls from a service to another.
  public struct Callee: Sendable {
    /// The name of the other service, as the proxy's cluster has it.
    public var name: String
    /// Calls that continued a trace.
    public var continued: Int
    /// Calls that should have continued a trace and began one.
    public var started: Int
    /// Calls that began a trace and are not laid to any request.
    public var unrelated: Int
    /// What there is to say, as a sentence; what to do is said by the service.
    public var message: String
    /// How the newest calls went: what counts for what is said.
    public var recentContinued: Int
    /// Those of the newest calls that began traces in place of continuing them.
    public var recentStarted: Int
    /// Whether traces end here now.
    public var isBroken: Bool { state == .breaks || state == .partly }
    package var state: State
    package var examples: [Example]

    /// What the calls do now.
    package enum State { case forwards, breaks, partly, mended }
  }

  /// What a service does with traces.
  public struct Service: Sendable {
    /// Its name.
    public var name: String
    /// What can be said of it.
    public var verdict: Verdict
    /// The same in sentences, and what to do.
    public var message: String
    /// What to do alone, as a sentence that holds for all callees; nil if there is nothing to do.
    public var advice: String?
    /// Requests that it received; all of them have a trace, as its proxy begins one where there is none.
    public var inbound: Int
    /// Calls that continued a trace.
    public var continued: Int
    /// Calls that should have continued a trace and began one.
    public var started: Int
    /// The part of the calls that continued a trace; nil if there were none.
    public var rate: Double?
    /// Those of the newest calls to all callees that continued a trace. They decide the verdict.
    public var recentContinued: Int
    /// Those of them that should have continued a trace and began one.
    public var recentStarted: Int
    /// The services that it calls, by their names.
    public var callees: [Callee]
    /// Traces that ended here, with their continuations.
    public var examples: [(callee: String, example: Example)]
  }

  /// All services, those that break traces first, then by name.
  public var services: [Service]
  /// The part of the spans for which there was no room, or which were forgotten to have room for new services, 0 to 1.
  public var lostShare: Double

  /// The services that are named as breaking traces.
  public var blamed: [Service] { services.filter { $0.verdict == .breaks || $0.verdict == .partly } }
}

/// What is known of the calls from a service to another, for whoever looks at one trace.
enum PropagationKnowledge: Sendable, Equatable {
  /// Calls are made for requests without passing the trace on, in this part of those that began traces.
  case broken(share: Double)
  /// Calls began traces, too few to tell why.
  case undecided
  /// Calls began traces, not more often during requests than otherwise.
  case unrelated
}

extension PropagationAnalyzer {
  /// What the services did in a time.
  ///
  /// - Parameters:
  ///   - from: microseconds since 1970; nothing is known of what was longer than an hour before the last span.
  ///   - to: microseconds since 1970.
  public func report(from: Int64, to: Int64) -> PropagationReport {
    var judged = self
    judged.judgeAll()
    let services = judged.services.map { judged.report($0, from, to) }.filter {
      $0.inbound > 0 || !$0.callees.isEmpty
    }
    func rank(_ service: PropagationReport.Service) -> Int {
      switch service.verdict {
      case .breaks: 0
      case .partly: 1
      case .forwards, .receivesOnly, .unknown: 2
      }
    }
    return PropagationReport(
      services: services.sorted { (rank($0), $0.name) < (rank($1), $1.name) }, lostShare: lostShare)
  }

  /// What is known of the calls from a service, by the names of those that it calls; nil if nothing of the service.
  func knowledge(of services: Set<String>) -> [String: [String: PropagationKnowledge]] {
    var judged = self
    judged.judgeAll(of: services)
    var all: [String: [String: PropagationKnowledge]] = [:]
    for service in judged.services where !service.name.isEmpty && services.contains(service.name) {
      all[service.name] = [:]
      for (callee, pair) in service.hasProxy ? service.pairs : service.ownPairs {
        let counts = judged.pairs[pair].counts(.min, .max)
        guard counts.begun > 0 else { continue }
        all[service.name]?[callee] =
          Self.hasEvidence(judged.pairs[pair], .min, .max)
          ? .broken(share: judged.shareForRequests(counts))
          : counts.test.isUndecided ? .undecided : .unrelated
      }
    }
    return all
  }

  /// The part of the calls that began traces during requests that was made for them, as sure as what was dropped allows.
  func shareForRequests(_ counts: CallCounts) -> Double {
    max(counts.test.share, counts.certain > 0 ? 0.5 : 0.05) * (1 - droppedShare)
  }

  /// The part of the spans that are missing in a report.
  private var lostShare: Double {
    let lost = droppedCount + forgottenCount
    return lost == 0 ? 0 : Double(lost) / Double(droppedCount + spanCount)
  }

  /// The part of the spans that never came to be analysed, any service's. What was forgotten of services that are not in
  /// use takes nothing from what is said of others.
  var droppedShare: Double {
    droppedCount == 0 ? 0 : Double(droppedCount) / Double(droppedCount + spanCount)
  }

  /// The headers that keep a trace together.
  package static func headers(isBesideEnvoy: Bool) -> String {
    let headers = ForwardedHeaders.forZipkin.joined(separator: ", ")
    return isBesideEnvoy
      ? headers : headers + ", or \(ForwardedHeaders.w3c.joined(separator: " and ")), whichever come"
  }
}
