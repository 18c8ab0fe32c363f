import HTTPService
import JSONText
import TraceAnalysis
import TraceModel

extension CollectorAPI {
  private static let usualLookback: Int64 = 3_600_000

  /// Reports which services propagate the traces that they receive.
  func propagationReport(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let parameters = request.query
    let endTs =
      try parameters.number("endTs", from: 1, unit: "milliseconds since 1970") ?? clock.milliseconds()
    let lookback = try parameters.number("lookback", from: 1, unit: "milliseconds") ?? Self.usualLookback
    // Microseconds. Clamping loses nothing, because the analysis keeps no calls that are so old.
    let to = min(endTs, 1 << 50) * 1_000
    let from = max(0, to - min(lookback, 1 << 50) * 1_000)
    let report = await propagation.report(from: from, to: to)
    let divided = report.services.flatMap(\.findings).filter { !$0.nodes.isEmpty }
    let nodes = Set(divided.flatMap { $0.nodes + $0.otherNodes })
    let tags = nodes.isEmpty ? [:] : await settings.proxyTags(nodes.sorted())
    return .json { $0.propagation(report, tags) }
  }
}

extension JSONWriter {
  /// - Parameter tags: the tags of proxies by node.
  mutating func propagation(_ report: PropagationReport, _ tags: [String: [String: String]]) {
    beginObject()
    key("lostShare")
    fraction(report.lostShare)
    key("services")
    beginArray()
    for service in report.services { self.service(service, tags) }
    endArray()
    endObject()
  }

  private mutating func service(_ service: PropagationReport.Service, _ tags: [String: [String: String]]) {
    beginObject()
    for (name, value) in [
      ("service", service.name), ("verdict", service.verdict.rawValue), ("message", service.message),
    ] {
      key(name)
      string(value)
    }
    key("kind")
    if let kind = service.kind { string(kind.rawValue) } else { null() }
    key("advice")
    if let advice = service.advice { string(advice) } else { null() }
    key("findings")
    beginArray()
    for finding in service.findings { self.finding(finding, tags) }
    endArray()
    for (name, value) in [
      ("inbound", service.inbound), ("continued", service.continued), ("started", service.started),
      ("recentContinued", service.recentContinued), ("recentStarted", service.recentStarted),
    ] {
      key(name)
      number(value)
    }
    key("rate")
    if let rate = service.rate { fraction(rate) } else { null() }
    key("callees")
    beginArray()
    for callee in service.callees {
      beginObject()
      key("service")
      string(callee.name)
      for (name, value) in [
        ("continued", callee.continued), ("started", callee.started), ("unrelated", callee.unrelated),
        ("recentContinued", callee.recentContinued), ("recentStarted", callee.recentStarted),
      ] {
        key(name)
        number(value)
      }
      key("isBroken")
      bool(callee.isBroken)
      key("message")
      string(callee.message)
      endObject()
    }
    endArray()
    key("examples")
    beginArray()
    for (callee, example) in service.examples {
      beginObject()
      for (name, value) in [
        ("traceID", example.trace.description), ("brokenTraceID", example.brokenTrace.description),
        ("callee", callee),
      ] {
        key(name)
        string(value)
      }
      key("confidence")
      fraction(example.confidence)
      endObject()
    }
    endArray()
    endObject()
  }

  private mutating func finding(_ finding: PropagationFinding, _ tags: [String: [String: String]]) {
    beginObject()
    for (name, value) in [
      ("kind", finding.kind.rawValue), ("title", finding.kind.title), ("callee", finding.callee),
      ("message", finding.message), ("advice", finding.advice),
    ] {
      key(name)
      string(value)
    }
    key("isBreak")
    bool(finding.kind.isBreak)
    key("calls")
    number(finding.calls)
    key("judged")
    number(finding.judged)
    key("since")
    if let since = finding.since { number(since) } else { null() }
    for (name, values) in [
      ("nodes", finding.nodes), ("otherNodes", finding.otherNodes), ("traces", finding.traces.map(\.description)),
    ] {
      key(name)
      strings(values)
    }
    key("tag")
    if let tag = finding.separatingTag(tags) {
      beginObject()
      key("key")
      string(tag.key)
      key("value")
      string(tag.value)
      endObject()
    } else {
      null()
    }
    endObject()
  }

  /// Writes the member `probableParent`: the request that probably caused the trace.
  mutating func probableParent(_ parent: ProbableParent) {
    key("probableParent")
    beginObject()
    key("traceID")
    string(parent.trace.description)
    key("spanID")
    string(Hexadecimal.text(parent.span))
    key("confidence")
    fraction(parent.confidence)
    key("reason")
    string(parent.reason)
    endObject()
  }

  /// Writes the member `pieces`: traces that are probably continuations of this one.
  mutating func pieces(_ pieces: [BrokenPiece]) {
    key("pieces")
    beginArray()
    for piece in pieces {
      beginObject()
      key("traceID")
      string(piece.call.traceID.description)
      key("under")
      number(piece.under)
      key("confidence")
      fraction(piece.parent.confidence)
      key("service")
      string(piece.call.serviceName)
      key("reason")
      string(piece.parent.reason)
      nodes(of: piece.tree)
      endObject()
    }
    endArray()
  }

  /// Writes the member `detached`: calls whose parents were not reported, with the nodes of the requests that probably caused them.
  mutating func detachedCalls(_ calls: [DetachedCall]) {
    key("detached")
    beginArray()
    for call in calls {
      beginObject()
      key("node")
      number(call.node)
      key("under")
      number(call.under)
      key("reason")
      string(call.reason)
      endObject()
    }
    endArray()
  }
}
