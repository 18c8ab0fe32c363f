import MeshModel
import MeshPolicy
import ProxyEvidence

/// What becomes of Envoy's reports.
extension Examination {
  /// Why reports are lost; `nil` when they are not.
  var lostReports: Verdict? {
    guard let delivery, delivery.outcome == .failing || delivery.outcome == .intermittent else { return nil }
    let (cause, what, remedy) = reason(delivery)
    var verdict = Verdict(cause, what, evidence: reportFacts(delivery), remedy: remedy, since: delivery.since)
    if let since = delivery.since, input.now.secondsSince(since) > 0 {
      verdict.summary += " Since \(since.wholeSecond)"
    } else {
      verdict.summary += " Since Envoy started"
    }
    verdict.summary +=
      delivery.outcome == .intermittent
      ? ", \(delivery.lost.of("report")) of \((delivery.lost &+ delivery.sent).grouped) were lost."
      : delivery.lost > 0 ? ", \(delivery.lost.of("report")) were lost and none arrived." : ", none arrived."
    return verdict
  }

  /// The statuses by which a collector says that something is wrong with reports themselves.
  private static let refusalsOfReports: Set<UInt16> = [400, 401, 403, 404, 405, 413, 415]

  private func reason(_ delivery: Delivery) -> (Cause, String, String?) {
    let counts = delivery.collector
    if delivery.tracer.reportsSkipped > 0 {
      return (
        .otherConfiguration, "Envoy's listeners name a cluster for the collector that this Envoy does not have.", nil
      )
    }
    // An Envoy whose collector was replaced by one without an address keeps the number of addresses of the former. Seen with Envoy 1.40.
    if counts.endpoints == 0 || counts.noneHealthy > 0, counts.connections == 0, let collector,
      !HostRules.isIP(collector.host)
    {
      let fix =
        "Correct the host in the backend's url (\(collector.host.abridged())), or make the name known where the proxy runs."
      return (.nameNotResolved, "The name \"\(collector.host.abridged())\" does not resolve where the proxy runs.", fix)
    }
    if counts.tlsErrors > 0 || counts.tlsRefusals > 0 { return tlsFailure(counts.tlsRefusals > 0) }
    // Envoy counts a connection that was not made in time as one that failed too.
    if counts.connectFailures > counts.connectTimeouts {
      return (.connectionRefused, "The collector at \(collectorText) refuses connections.", nil)
    }
    if counts.connectTimeouts > 0, counts.requestTimeouts == 0 {
      return (.collectorSlow, "The collector at \(collectorText) cannot be reached in time.", nil)
    }
    // Where no connection is made, reports that wait for one are too many soon.
    if counts.overflows > 0 {
      return (.reportsOverflow, "Envoy drops reports to \(collectorText), since too many wait there.", nil)
    }
    // Those that get through are refused, and would be all the same if all did.
    if let status = delivery.refusal, Self.refusalsOfReports.contains(status),
      (counts.answers[status] ?? 0) >= counts.requestTimeouts
    {
      return answer(status)
    }
    if counts.requestTimeouts > 0 {
      return (.collectorSlow, "The collector at \(collectorText) does not answer reports in time.", nil)
    }
    if let status = delivery.refusal { return answer(status) }
    return (
      .unknown,
      counts.resets > 0
        ? "The collector at \(collectorText) ends connections without an answer."
        : "Reports to \(collectorText) are lost, and Envoy's counters do not say why.",
      counts.resets > 0
        ? "Look into the collector's log, and at what stands before it: a load balancer, or a port that expects TLS."
        : nil
    )
  }

  private func tlsFailure(_ isRefused: Bool) -> (Cause, String, String?) {
    isRefused
      ? (
        .tlsFailed, "Envoy does not accept the certificate of the collector at \(collectorText).",
        "Give the backend the collector's authority (tls.caCert) and the name in its certificate (tls.serverName)."
      )
      : (
        .tlsFailed, "TLS with the collector at \(collectorText) fails; it may not speak TLS at this port.",
        "Write http:// in the backend's url if the collector takes no TLS, or have it take TLS."
      )
  }

  private func answer(_ status: UInt16) -> (Cause, String, String?) {
    let place = "The collector at \(collectorText)"
    switch status {
    case 404:
      let path = collector?.path.map { " \($0.abridged())" } ?? ""
      return (.pathNotFound, "\(place) answers 404: it does not know the path\(path).", nil)
    case 413: return (.bodyTooLarge, "\(place) answers 413: reports are too large for it.", nil)
    default:
      if let refusal = recentRefusal {
        return (.spansRefused, "\(place) refuses reports with \(status): \(refusal.reason.abridged().sentence)", nil)
      }
      if status / 100 == 2 {
        return (
          .answersOtherThanAccepted,
          "\(place) answers reports with \(status); Envoy takes 202 alone for an answer that spans were taken, and counts them as "
            + "lost, whether the collector has them or not.",
          "Look whether the collector has the spans; it has to answer 202 for Envoy to count them as sent."
        )
      }
      return (
        .answersOtherThanAccepted, "\(place) answers reports with \(status), which means that it does not take them.",
        nil
      )
    }
  }

  /// The collector's last refusal, if it is one of now.
  var recentRefusal: ReceivedSpans.LastRefusal? {
    guard let refusal = input.received?.lastRefusal, input.now.secondsSince(refusal.time) <= Self.window else {
      return nil
    }
    return refusal
  }

  /// What Envoy counted of its reports.
  private func reportFacts(_ delivery: Delivery) -> [Verdict.Fact] {
    let counts = delivery.collector
    var parts: [String] = []
    func add(_ count: Int, _ text: String) { if count > 0 { parts.append("\(count.grouped) \(text)") } }
    add(counts.requests, "requests sent")
    for (status, count) in counts.answers.sorted(by: { $0.key < $1.key }).prefix(4) {
      if count > 0 { parts.append("\(count.of("answer")) with \(status)") }
    }
    add(counts.noneHealthy, "without an address to send to")
    add(counts.connectFailures, "connections failed")
    add(counts.connectTimeouts, "connections timed out")
    add(counts.requestTimeouts, "requests timed out")
    add(counts.resets, "requests cut off")
    add(counts.overflows, "beyond its limits")
    add(counts.tlsRefusals, "certificates refused")
    add(counts.tlsErrors, "TLS handshakes failed")
    add(counts.retries, "tried again")
    let cluster = input.collectorStatistics.map { " \"\($0.abridged())\"" } ?? ""
    let list = parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    var facts: [Verdict.Fact] = [
      .init(.envoy, "Of reports, Envoy counted \(delivery.tracer.lost.grouped) as lost."),
      .init(
        .envoy,
        "Of the collector's cluster\(cluster), it counted: \(list); addresses it has: \(counts.endpoints.grouped)."),
    ]
    if let trafficFact { facts.insert(trafficFact, at: 0) }
    if let refusal = recentRefusal {
      facts.append(
        .init(
          .collector,
          "At \(refusal.time.wholeSecond) it answered \(refusal.status): \(refusal.reason.abridged().sentence)"))
    }
    return facts
  }
}
