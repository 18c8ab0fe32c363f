import HTTPService
package import JSONText
package import TraceAnalysis
package import TraceModel

extension CollectorAPI {
  /// How many senders one answer has at most, and how many without a limit of the question.
  private static let sendersAtMost = 10_000
  private static let usualSenders = 1_000

  /// Who sends spans.
  static let senderRoutes: [CollectorRoute] = [
    .get(
      "/api/senders",
      "Says who sends spans since the start: formats, rates, what was refused and why, clocks, units and ids.",
      query: [
        .init(name: "service", summary: "A service in the spans of the sender."),
        .init(name: "node", summary: "The id of an Envoy's node, such as default.web-1."),
        .init(name: "limit", summary: "The largest number of senders; 1000 when absent."),
      ], CollectorAPI.senderReports)
  ]

  /// Who has sent spans, those of the newest requests first, with what their spans tell of each other.
  ///
  /// - Parameter service: a service in their spans; nil for all.
  package func knownSenders(service: String? = nil) async throws(CollectorError) -> [SenderReport] {
    try await addingContexts(senders.reports(service: service))
  }

  private func senderReports(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let limit = try request.query.number("limit", from: 1, unit: "senders") ?? Int64(Self.usualSenders)
    guard limit <= Self.sendersAtMost else {
      throw CollectorError(
        code: .invalid, message: "limit is \(limit); ask for at most \(Self.sendersAtMost) senders at once")
    }
    let service = request.query["service"]?.lowercased()
    // All of them, since what is known of a program depends on its proxy.
    var reports = try await knownSenders(service: service)
    if let node = request.query["node"] { reports.removeAll { $0.node != node } }
    let (found, shown) = (reports.count, reports.prefix(Int(limit)))
    return .json { json in
      json.beginObject()
      json.key("found")
      json.number(found)
      json.key("senders")
      json.senders(shown)
      json.endObject()
    }
  }
}

extension JSONWriter {
  /// Writes a list of senders.
  package mutating func senders(_ reports: some Sequence<SenderReport>) {
    beginArray()
    for report in reports { sender(report) }
    endArray()
  }

  /// Writes a sender. Times are in milliseconds since 1970.
  private mutating func sender(_ report: SenderReport) {
    beginObject()
    text("id", report.id)
    text("kind", report.kind.rawValue)
    key("node")
    if let node = report.node { string(node) } else { null() }
    texts("services", report.services)
    text("instance", report.instance)
    text("userAgent", report.userAgent)
    texts("formats", report.formats)
    texts("authorities", report.authorities)
    for (name, value) in [("since", report.since), ("lastSeen", report.lastSeen)] {
      key(name)
      number(value)
    }
    count("lastStored", report.lastStored)
    for (name, value) in [("requests", report.requests), ("spans", report.spans)] {
      key(name)
      number(value)
    }
    key("rate")
    decimal(report.rate)
    listeners(of: report)
    refusals(of: report)
    count("clockOffset", report.clockOffset)
    key("wrongUnit")
    if let unit = report.wrongUnit { string(unit.rawValue) } else { null() }
    for (name, value) in [
      ("wrongUnitSpans", report.wrongUnitSpans), ("brokenIds", report.brokenIDs), ("reusedIds", report.reusedIDs),
    ] {
      key(name)
      number(value)
    }
    key("remarks")
    beginObject()
    for remark in SpanRemark.allCases {
      guard let value = report.remarks[remark] else { continue }
      key(remark.name)
      number(value)
    }
    endObject()
    texts("unknownKeys", report.unknownKeys)
    texts("propagators", report.propagators)
    texts("deprecated", report.deprecated)
    key("newestTrace")
    if let trace = report.newestTrace { string(trace.description) } else { null() }
    texts("advice", report.advice)
    endObject()
  }

  private mutating func listeners(of report: SenderReport) {
    key("listeners")
    beginArray()
    let sorted = report.listeners.sorted {
      ($0.key.side.rawValue, $0.key.cluster) < ($1.key.side.rawValue, $1.key.cluster)
    }
    for (listener, spans) in sorted {
      beginObject()
      text("side", listener.side.rawValue)
      text("cluster", listener.cluster)
      key("spans")
      number(spans)
      endObject()
    }
    endArray()
  }

  private mutating func refusals(of report: SenderReport) {
    key("refusedSpans")
    number(report.refusedSpans)
    key("refused")
    beginArray()
    for refusal in report.refused {
      beginObject()
      text("reason", refusal.reason)
      key("spans")
      number(refusal.spans)
      key("requests")
      number(refusal.requests)
      endObject()
    }
    endArray()
    key("lastRefusal")
    if let last = report.lastRefusal {
      beginObject()
      text("reason", last.reason)
      key("time")
      number(last.time)
      key("status")
      number(last.status)
      endObject()
    } else {
      null()
    }
  }

  private mutating func text(_ name: String, _ value: String) {
    key(name)
    string(value)
  }

  private mutating func texts(_ name: String, _ values: [String]) {
    key(name)
    strings(values)
  }

  private mutating func count(_ name: String, _ value: Int64?) {
    key(name)
    if let value { number(value) } else { null() }
  }
}
