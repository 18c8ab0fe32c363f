/// Which services pass on the traces that they receive.
public struct PropagationReport: Sendable {
  /// What can be said of a service.
  public enum Verdict: String, Sendable {
    /// It passes traces on.
    case forwards
    /// It receives traces and passes none on.
    case breaks
    /// It passes traces on in some of its calls.
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
    /// What there is to say, as a sentence.
    public var message: String
    /// Whether traces end here.
    public var isBroken: Bool { started > 0 }
    var examples: [Example]
  }

  /// What a service does with traces.
  public struct Service: Sendable {
    /// Its name.
    public var name: String
    /// What can be said of it.
    public var verdict: Verdict
    /// The same as a sentence, and what to do.
    public var message: String
    /// Requests that it received; all of them have a trace, as its proxy begins one where there is none.
    public var inbound: Int
    /// Calls that continued a trace.
    public var continued: Int
    /// Calls that should have continued a trace and began one.
    public var started: Int
    /// The part of the calls that continued a trace; nil if there were none.
    public var rate: Double?
    /// The services that it calls, by their names.
    public var callees: [Callee]
    /// Traces that ended here, with their continuations.
    public var examples: [(callee: String, example: Example)]
  }

  /// All services, those that break traces first, then by name.
  public var services: [Service]
  /// The part of the spans for which there was no room, 0 to 1.
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
  /// Calls that carry the id of a request in flight and another trace, from which on there is no doubt.
  private static let fewestCertain = 3
  private static let fewestCalls = 10

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
    for service in judged.services where services.contains(service.name) {
      all[service.name] = [:]
      for (callee, pair) in service.hasProxy ? service.pairs : service.ownPairs {
        let counts = judged.pairs[pair].counts(.min, .max)
        guard counts.begun > 0 else { continue }
        let locks = judged.pairs[pair].locks
        all[service.name]?[callee] =
          Self.isBroken(counts, locks)
          ? .broken(share: counts.certain > 0 ? max(counts.test.share, 0.5) : counts.test.share)
          : counts.test.isUndecided ? .undecided : .unrelated
      }
    }
    return all
  }

  private var lostShare: Double {
    droppedCount == 0 ? 0 : Double(droppedCount) / Double(droppedCount + spanCount)
  }

  private static func isBroken(_ counts: CallCounts, _ locks: LockTest) -> Bool {
    if counts.certain >= fewestCertain { return true }
    let isExclusive = counts.inFlight * 20 >= counts.begun * 19
    return counts.inFlight >= fewestCalls && counts.test.excludesChance
      && !locks.hasOtherReason(isExclusive: isExclusive)
  }

  private func report(_ service: Service, _ from: Int64, _ to: Int64) -> PropagationReport.Service {
    let inbound = (service.hasProxy ? service.inbound : service.ownInbound).values(from: from, to: to).reduce(0, +)
    let callees = (service.hasProxy ? service.pairs : service.ownPairs).values
      .compactMap { callee(pairs[$0], service, inbound, from, to) }
      .sorted { $0.name < $1.name }
    let continued = callees.reduce(0) { $0 + $1.continued }
    let started = callees.reduce(0) { $0 + $1.started }
    let unrelated = callees.reduce(0) { $0 + $1.unrelated }
    let broken = callees.filter(\.isBroken)
    let rate = continued + started > 0 ? Double(continued) / Double(continued + started) : nil
    let verdict: PropagationReport.Verdict
    let message: String
    if let rate, !broken.isEmpty {
      verdict = rate < 0.05 ? .breaks : .partly
      let shown = broken.prefix(3).map(\.message).joined(separator: " ")
      message = broken.count > 3 ? shown + " And \(broken.count - 3) more." : shown
    } else if inbound == 0 {
      verdict = .unknown
      message = "\(service.name) makes calls and received no request through its proxy: it begins traces."
    } else if continued > 0 {
      verdict = .forwards
      message =
        "\(service.name) forwards the trace headers in all \(continued) calls that it made for requests."
        + (unrelated == 0 ? "" : " \(unrelated) more began traces and are not laid to any request.")
    } else if unrelated > 0 {
      verdict = .unknown
      message =
        "\(service.name) made \(unrelated) calls that began traces; nothing says that they were made for requests."
    } else {
      verdict = .receivesOnly
      message = "\(service.name) receives requests and makes no calls through its proxy."
    }
    return PropagationReport.Service(
      name: service.name, verdict: verdict, message: message, inbound: inbound, continued: continued,
      started: started, rate: rate, callees: callees,
      examples: broken.flatMap { callee in callee.examples.map { (callee.name, $0) } })
  }

  private func callee(
    _ pair: Pair, _ service: Service, _ inbound: Int, _ from: Int64, _ to: Int64
  ) -> PropagationReport.Callee? {
    let counts = pair.counts(from, to)
    guard counts.continued + counts.begun > 0 else { return nil }
    let named = pair.callee.isEmpty ? "services that its spans do not name" : pair.callee
    guard inbound > 0, Self.isBroken(counts, pair.locks) else {
      let message =
        counts.begun == 0
        ? "All \(counts.continued) calls to \(named) continued a trace."
        : counts.continued == 0
          ? "\(counts.begun) calls to \(named) began traces; nothing says that they were made for requests."
          : "\(counts.continued) calls to \(named) continued a trace; \(counts.begun) began one and are not laid to"
            + " any request."
      return PropagationReport.Callee(
        name: pair.callee, continued: counts.continued, started: 0, unrelated: counts.begun, message: message,
        examples: [])
    }
    let all = counts.continued + counts.inFlight
    var message =
      "\(service.name) forwards the trace headers to \(named) in \(counts.continued) of \(all) calls"
    if counts.continued > 0, pair.inFlightSinceContinued >= 10 {
      message += ", and in none of the last \(pair.inFlightSinceContinued)"
    }
    message += ": copy these headers from each request to the requests made for it: "
    message += Self.headers(isBesideEnvoy: service.isBesideEnvoy) + "."
    if counts.certain > 0 { message += " (x-request-id is forwarded already, the others are not.)" }
    let examples = pair.examples.map { example in
      var example = example
      let confidence = example.isCertain ? 0.99 : 0.95 * counts.test.share / Double(max(example.candidates, 1))
      example.confidence = confidence * (1 - lostShare)
      return example
    }
    return PropagationReport.Callee(
      name: pair.callee, continued: counts.continued, started: counts.inFlight,
      unrelated: counts.begun - counts.inFlight, message: message, examples: examples)
  }

  /// The headers that keep a trace together.
  private static func headers(isBesideEnvoy: Bool) -> String {
    let b3 = "x-request-id, x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled, x-b3-flags"
    return isBesideEnvoy ? b3 : b3 + ", or traceparent and tracestate, whichever come"
  }
}

extension PropagationAnalyzer.Pair {
  fileprivate func counts(_ from: Int64, _ to: Int64) -> CallCounts {
    calls.values(from: from, to: to).reduce(into: CallCounts()) { $0.add($1) }
  }
}
