import MeshModel

/// Why a proxy is traced or not, as text: the verdict, then the reasons.
struct TracingReport {
  let text: String

  /// Whether an answer is one that this is about.
  static func isReport(_ answer: DocumentValue) -> Bool { answer["summary"]?.string != nil }

  /// - Parameter explanation: the control plane's answer at `_tracing`.
  init(_ explanation: DocumentValue, now: Timestamp) {
    var sections = [(explanation["summary"]?.string ?? "").printable + "\n"]
    let winner = explanation["winner"]?.string
    let candidates = (explanation["candidates"]?.array ?? []).map { CandidateRow($0, winner: winner, now: now) }
    if !candidates.isEmpty {
      sections.append("Policies that match, the first one applies:\n\n" + Table(rows: candidates).text)
    }
    if let backend = explanation["backend"], backend != .null {
      sections.append("Backend:\n\n" + Table(rows: [BackendRow(backend)]).text)
    }
    if let reports = explanation["reports"], reports != .null {
      sections.append("Reports:\n\n" + Table(rows: [ReportsRow(reports)]).text)
    }
    let listeners = (explanation["listeners"]?.array ?? []).map(ListenerRow.init)
    if !listeners.isEmpty { sections.append("Listeners:\n\n" + Table(rows: listeners).text) }
    if let capture = explanation["capture"] { sections += Self.sections(capture: capture) }
    if let connection = explanation["connection"] {
      sections.append("Connection:\n\n" + Table(rows: [ConnectionRow(connection, now: now)]).text)
      let claims = (connection["claims"]?.array ?? []).map { ClaimRow($0, now: now) }
      if !claims.isEmpty { sections.append("Proxies that claim this name:\n\n" + Table(rows: claims).text) }
      if let rejection = connection["lastRejection"], rejection != .null {
        sections.append(Self.text(rejection: rejection, now: now))
      }
    }
    if let summary = explanation["envoyAdvice"]?["summary"]?.string { sections.append("Envoy: \(summary.printable)\n") }
    let receipts = (explanation["receipts"]?.array ?? []).map(ReceiptRow.init)
    if !receipts.isEmpty { sections.append("Receipts:\n\n" + Table(rows: receipts).text) }
    if let evidence = explanation["evidence"], evidence != .null { sections.append(Self.text(evidence: evidence)) }
    // Last, so that it stands above the prompt.
    sections += TracingVerdict(explanation["verdict"])?.sections(now: now) ?? []
    text = sections.joined(separator: "\n")
  }

  private static func sections(capture: DocumentValue) -> [String] {
    let passthrough = capture["passthrough"]
    let reason = (passthrough?["reason"]?.string ?? "").printable
    let silence = passthrough?["connectionsUnknown"]?.string.map {
      "Its Envoy was asked for their number: \($0.printable)\n"
    }
    return [
      "Traffic that reaches the proxy by redirection:\n\n" + Table(rows: [CaptureRow(capture)]).text,
      reason.prefix(1).uppercased() + reason.dropFirst() + ".\n" + (silence ?? ""),
    ]
  }

  /// Where what Envoy counted comes from.
  private static func text(evidence: DocumentValue) -> String {
    guard let source = evidence["source"]?.string else {
      return "Envoy's counters: unknown; \((evidence["reason"]?.string ?? "nothing has come yet").printable)\n"
    }
    return "Envoy's counters: from \(source.printable), \(ProxyTracingRow.age(evidence["ageMs"])) old\n"
  }

  private static func text(rejection: DocumentValue, now: Timestamp) -> String {
    let type = (rejection["type"]?.string ?? "").uppercased()
    let message = (rejection["message"]?.string ?? "").split(whereSeparator: \.isNewline).joined(separator: " ")
    let age = Age.text(since: rejection["time"]?.string.flatMap(Timestamp.init), now: now)
    return "\(type) refused \(age) ago: \(message.printable)\n"
  }

  private struct CandidateRow: TableRow {
    static let headers = ["APPLIES", "POLICY", "EXACT TAGS", "WILDCARD TAGS", "AGE"]
    let cells: [String]

    init(_ candidate: DocumentValue, winner: String?, now: Timestamp) {
      let name = candidate["name"]?.string ?? ""
      let rank = candidate["rank"]
      cells = [
        name == winner ? "*" : "", name, InspectServicesCommand.count(rank?["exact"]),
        InspectServicesCommand.count(rank?["wildcard"]),
        Age.text(since: candidate["creationTime"]?.string.flatMap(Timestamp.init), now: now),
      ]
    }
  }

  private struct BackendRow: TableRow {
    static let headers = ["NAME", "STATUS", "TYPE", "SAMPLING"]
    let cells: [String]

    init(_ backend: DocumentValue) {
      let status: String
      switch backend["status"]?.string {
      case "noDefault": status = "none named, no default"
      case "unknown": status = "not in the mesh"
      case let other: status = other ?? ""
      }
      let sampling = backend["sampling"].flatMap { $0 == .null ? nil : "\($0.json())%" } ?? "all"
      cells = [
        backend["name"]?.string ?? "-", status, backend["type"]?.string ?? "-",
        backend["status"]?.string == "found" ? sampling : "-",
      ]
    }
  }

  private struct ReportsRow: TableRow {
    static let headers = ["FORMAT", "SPANS", "SENT AFTER", "REASON"]
    let cells: [String]

    init(_ reports: DocumentValue) {
      let milliseconds = reports["intervalMs"]?.number.flatMap { Int(exactly: $0) } ?? 0
      cells = [
        reports["format"]?.string ?? "", InspectServicesCommand.count(reports["spans"]),
        milliseconds.isMultiple(of: 1000) ? "\(milliseconds / 1000)s" : "\(milliseconds)ms",
        reports["reason"]?.string ?? "",
      ]
    }
  }

  private struct ListenerRow: TableRow {
    static let headers = ["DIRECTION", "ADDRESS", "SERVICE", "PROTOCOL", "TRACED", "REASON"]
    let cells: [String]

    init(_ listener: DocumentValue) {
      let address = listener["address"]?.string ?? ""
      let host = address.contains(":") ? "[\(address)]" : address
      cells = [
        listener["direction"]?.string ?? "", "\(host):\(InspectServicesCommand.count(listener["port"]))",
        listener["service"]?.string ?? "", listener["protocol"]?.string ?? "",
        listener["traced"]?.bool == true ? "yes" : "no",
        [listener["reason"]?.string, listener["fix"]?.string].compactMap { $0 }.joined(separator: "; "),
      ]
    }
  }

  private struct CaptureRow: TableRow {
    static let headers = ["OUTBOUND PORT", "INBOUND PORT", "FAMILIES", "PASSED ON", "TRACED"]
    let cells: [String]

    init(_ capture: DocumentValue) {
      let passthrough = capture["passthrough"]
      func number(_ value: DocumentValue?) -> String {
        value.flatMap { $0 == .null ? nil : InspectServicesCommand.count($0) } ?? "-"
      }
      cells = [
        number(capture["outboundPort"]), number(capture["inboundPort"]),
        (capture["ipFamilies"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
        passthrough?["allowed"]?.bool == false ? "refused" : "\(number(passthrough?["connections"])) connections",
        "no",
      ]
    }
  }

  private struct ConnectionRow: TableRow {
    static let headers = ["STATUS", "CONNECTED AGO", "DISCONNECTED AGO", "LAST ACCEPTED AGO"]
    let cells: [String]

    init(_ connection: DocumentValue, now: Timestamp) {
      func age(_ name: String) -> String {
        Age.text(since: connection[name]?.string.flatMap(Timestamp.init), now: now)
      }
      let isConnected = connection["disconnectTime"] == .null
      let status = connection["status"]?.string ?? ""
      cells = [
        status == "neverConnected" ? "never connected" : status, age("connectTime"),
        isConnected ? "-" : age("disconnectTime"), age("lastAcknowledgementTime"),
      ]
    }
  }

  private struct ClaimRow: TableRow {
    static let headers = ["ADDRESS", "CONNECTED AGO"]
    let cells: [String]

    init(_ claim: DocumentValue, now: Timestamp) {
      cells = [
        claim["address"]?.string ?? "",
        Age.text(since: claim["connectTime"]?.string.flatMap(Timestamp.init), now: now),
      ]
    }
  }
}
