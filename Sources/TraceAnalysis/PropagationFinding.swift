public import TraceModel

/// One way in which the traces of a service break or are blurred now, with the evidence.
public struct PropagationFinding: Sendable, Hashable {
  /// The kind.
  public var kind: PropagationKind
  /// The callee; empty if it concerns all callees, or is about the service's own proxy.
  public var callee: String
  /// The calls of this kind in the period.
  public var calls: Int
  /// All calls of the period that were judged.
  public var judged: Int
  /// What was seen, in sentences.
  public var message: String
  /// What to do, in sentences.
  public var advice: String
  /// When it began, in microseconds since 1970; `nil` if it was so in all of the retained period.
  public var since: Int64?
  /// The nodes of the proxies at which it is so, if others of the service are fine.
  public var nodes: [String]
  /// The nodes of the service's proxies at which traces are fine.
  public var otherNodes: [String]
  /// Traces in which it is so, the newest first.
  public var traces: [TraceID]
  /// Whether nearly all of the newest judged calls are of this kind.
  var isWhole = false

  /// A tag that all proxies at which it is so have with the same value, and no other proxy of the service.
  ///
  /// - Parameter tags: the tags of proxies by node. Proxies without tags are not considered.
  public func separatingTag(_ tags: [String: [String: String]]) -> (key: String, value: String)? {
    let flawed = nodes.compactMap { tags[$0] }
    let others = otherNodes.compactMap { tags[$0] }
    guard let first = flawed.first, !others.isEmpty else { return nil }
    // The version is what people deploy; a place is said by a tag of Kuma's.
    let ranks = ["version": 0, "app.kubernetes.io/version": 1]
    let keys = first.keys.sorted { (ranks[$0] ?? 2, $0) < (ranks[$1] ?? 2, $1) }
    for key in keys {
      guard let value = first[key], flawed.allSatisfy({ $0[key] == value }),
        !others.contains(where: { $0[key] == value })
      else { continue }
      return (key, value)
    }
    return nil
  }

  /// Describes a finding.
  init(
    kind: PropagationKind, callee: String, calls: Int, judged: Int, message: String, advice: String,
    since: Int64? = nil,
    nodes: [String] = [], otherNodes: [String] = [], traces: [TraceID] = []
  ) {
    self.kind = kind
    self.callee = callee
    self.calls = calls
    self.judged = judged
    self.message = message
    self.advice = advice
    self.since = since
    self.nodes = nodes
    self.otherNodes = otherNodes
    self.traces = traces
  }
}

extension PropagationKind {
  /// What to do about it.
  ///
  /// - Parameters:
  ///   - headers: the headers that a service copies.
  ///   - service: the service.
  func advice(headers: String, service: String) -> String {
    switch self {
    case .headersNotCopied: "Copy these headers from each request to the requests made for it: \(headers)."
    case .newTraceAboveSize:
      "Find what handles larger requests in another way, such as an upload path or a second HTTP client, and copy these headers "
        + "there too: \(headers)."
    case .spanIDReplaced:
      "Send the spans of the application's tracer to this collector too, or copy the headers unchanged: \(headers)."
    case .headerDoubled:
      "Copy the headers in one place: an HTTP client or a tracer adds them too. Envoy reads the first of two fields, and none of two "
        + "values in one field."
    case .b3Flattened:
      "Update Envoy to 1.40 or newer. Until then copy b3 only if x-b3-traceid is missing."
    case .sampledFlagTurned: "Copy x-b3-sampled unchanged: the first proxy has decided for the whole trace."
    case .requestIDReplaced:
      "Copy x-request-id unchanged: it decides which requests are traced if the sampling is below 100, and joins logs."
    case .proxySilent:
      "Look at the proxies of \(service): `kumactl inspect dataplane NAME --type=tracing` says what keeps their spans."
    case .detachedWork:
      "If the work is part of the request, wait for it before the answer. Otherwise let it begin with the request's headers, all of "
        + "them."
    }
  }
}

extension PropagationAnalyzer {
  private static let recentResults = 50
  private static let fewestResults = 10

  /// How often a result has to occur until it is named, in the period and as a share of the newest calls.
  private static func fewest(_ kind: PropagationKind) -> (calls: Int, share: Double) {
    switch kind {
    // Each of these calls is proof by itself. One of the newest calls says that it is still so.
    case .headerDoubled, .requestIDReplaced, .detachedWork, .b3Flattened: (3, 0)
    // A lost span can look like one of these.
    case .spanIDReplaced: (5, 0.2)
    case .sampledFlagTurned: (10, 0.4)
    case .headersNotCopied, .newTraceAboveSize, .proxySilent: (.max, 1)
    }
  }

  /// The findings of examined calls to a callee.
  func findings(of pair: Int, _ service: Service, _ from: Int64, _ to: Int64) -> [PropagationFinding] {
    let examined = pairs[pair].counts(from, to).examined
    let newest = pairs[pair].results.newest(from: from, to: to).filter { $0.result != .unknown }.prefix(
      Self.recentResults)
    guard examined.judged > examined[.fine] else { return [] }
    let tallies = tallies(of: pair)
    var findings: [PropagationFinding] = []
    for result in CallResult.allCases {
      guard let kind = result.kind else { continue }
      let fewest = Self.fewest(kind)
      let recent = newest.count { $0.result == result }
      guard examined[result] >= fewest.calls, Double(recent) >= max(1, fewest.share * Double(newest.count)),
        kind != .sampledFlagTurned || examined[.fine] > 0
      else { continue }
      let isWhole = recent * 20 >= newest.count * 19
      let since: Int64? =
        recent == newest.count
        ? (pairs[pair].lastFine > 0 ? pairs[pair].lastFine : nil)
        : pairs[pair].calls.start(from: from, to: to, without: { $0.examined.judged > 0 && $0.examined[result] == 0 }) {
          $0.examined[result] > 0
        }
      let flawed = tallies.filter { !$0.tally.isFine && $0.tally.examinedRun >= CallTally.longExaminedRun }
      let fine = tallies.filter { $0.tally.isFine && $0.tally.examinedRun >= CallTally.longExaminedRun }
      let isDivided = !flawed.isEmpty && !fine.isEmpty
      var finding = PropagationFinding(
        kind: kind, callee: pairs[pair].callee, calls: examined[result], judged: examined.judged,
        message: message(kind, service.name, pairs[pair].named, recent, newest.count),
        advice: kind.advice(headers: Self.headers(isBesideEnvoy: service.isBesideEnvoy), service: service.name),
        since: since, nodes: isDivided ? Self.nodes(flawed) : [], otherNodes: isDivided ? Self.nodes(fine) : [],
        traces: pairs[pair].brokenCalls.filter { $0.result == result }.map(\.trace).reversed())
      finding.isWhole = isWhole
      findings.append(finding)
    }
    return findings
  }

  private func message(_ kind: PropagationKind, _ service: String, _ callee: String, _ calls: Int, _ all: Int) -> String
  {
    let last = "\(calls) of the last \(all) examined calls from \(service) to \(callee)"
    switch kind {
    case .spanIDReplaced:
      return
        "\(last) name a parent that no span reports: the application's tracer replaces the span id, and its spans do not "
        + "reach this collector."
    case .headerDoubled: return "\(last) carry x-request-id twice."
    case .b3Flattened:
      return
        "\(last) are not the parents of the requests that \(callee) received: an older b3 passes through beside the headers that "
        + "the proxy writes, as Envoy before 1.40 leaves it."
    case .sampledFlagTurned:
      return "\(last) are traced although the requests for which they were made are not: x-b3-sampled is turned."
    case .requestIDReplaced: return "\(last) continue the trace with another x-request-id than that of the request."
    case .detachedWork: return "\(last) began after the answer to the request for which they were made."
    case .headersNotCopied, .newTraceAboveSize, .proxySilent: return ""
    }
  }

  // MARK: Silent proxies

  private static let fewestAnswers = 20
  /// The share of lost spans up to which a missing span says nothing about a proxy.
  private static let usualLoss = 0.4

  /// The services of whose proxies some or all are silent: others call them and they do not report the requests, although they
  /// reported requests within the retained period. Services that never reported any may have no proxy.
  func silentProxies(_ from: Int64, _ to: Int64) -> [String: PropagationFinding] {
    var found: [String: PropagationFinding] = [:]
    guard droppedShare < Self.usualLoss / 2 else { return found }
    for service in services where service.hasProxy && service.lastInbound > 0 {
      let newest = service.answers.newest(from: from, to: to).prefix(Self.recentResults)
      let missing = newest.count { $0.result != .fine }
      guard missing >= Self.fewestAnswers else { continue }
      let run = newest.prefix { $0.result != .fine }.count
      let isSilent = run >= Self.fewestAnswers && service.lastInbound < (newest.prefix(run).last?.start ?? 0)
      guard isSilent || Double(missing) >= Self.usualLoss * Double(newest.count) else { continue }
      let since = isSilent ? service.lastInbound : newest.last { $0.result != .fine }?.start
      let message =
        isSilent
        ? "The proxies of \(service.name) report nothing any more: none of the last \(run) calls to it that others report."
        : "The proxies of \(service.name) do not report \(missing) of the last \(newest.count) calls to it that others report: "
          + "some of them are silent."
      found[service.name] = PropagationFinding(
        kind: .proxySilent, callee: "", calls: missing, judged: newest.count, message: message,
        advice: PropagationKind.proxySilent.advice(headers: "", service: service.name), since: since)
    }
    return found
  }
}
