import MeshModel
import OrderedCollections

/// The one cause that tells why a proxy leaves traces or not, as a control plane states it, for people.
struct TracingVerdict {
  /// The cause's name: `no-policy`.
  let cause: String
  /// The number of the cause in the table of `docs/no-trace.md`; 0 for an unknown one.
  let number: Int
  /// Whether there is nothing to do.
  let isFine: Bool
  /// What is so, in a sentence.
  let summary: String
  /// What to do; empty when nothing is.
  let remedy: String
  /// Since when; `nil` when it is not known.
  let since: Timestamp?
  private let evidence: [EvidenceRow]
  private let trace: String?

  /// That of a proxy of which a control plane states none. What is missing is unknown, and never fine.
  static let missing = Self(
    cause: "unknown", summary: "The control plane's answer has no verdict about it.",
    remedy: "Use a kumactl of the control plane's version: kumactl version.")

  private init(cause: String, summary: String, remedy: String) {
    (self.cause, self.summary, self.remedy) = (cause, summary, remedy)
    (number, isFine, since, evidence, trace) = (0, false, nil, [], nil)
  }

  /// Reads a verdict; `nil` for the answer of a control plane that states none.
  init?(_ document: DocumentValue?) {
    guard let document, let cause = document["cause"]?.string else { return nil }
    self.cause = cause
    number = document["number"]?.number.flatMap { Int(exactly: $0) } ?? 0
    isFine = document["fine"]?.bool == true
    summary = document["summary"]?.string ?? ""
    remedy = document["remedy"]?.string ?? ""
    since = document["since"]?.string.flatMap(Timestamp.init)
    evidence = (document["evidence"]?.array ?? []).map(EvidenceRow.init)
    trace = document["traceAddress"]?.string ?? document["trace"]?.string
  }

  /// The verdict as the last sections of a report: the cause, its evidence, the remedy, and a trace that shows it.
  func sections(now: Timestamp) -> [String] {
    let place = number > 0 ? " (cause \(number) of docs/no-trace.md)" : ""
    let age = since.map { ", for \(Age.text(since: $0, now: now))" } ?? ""
    var sections = ["Verdict: \(cause.printable)\(place)\(age)\n\(summary.printable)\n"]
    if !evidence.isEmpty { sections.append("Evidence:\n\n" + Table(rows: evidence).text) }
    if !remedy.isEmpty { sections.append("What to do: \(remedy.printable)\n") }
    if let trace { sections.append("\(isFine ? "Newest trace" : "A trace that shows it"): \(trace.printable)\n") }
    return sections
  }

  private struct EvidenceRow: TableRow {
    static let headers = ["SOURCE", "WHAT IT SAYS"]
    let cells: [String]

    init(_ fact: DocumentValue) { cells = [fact["source"]?.string ?? "", fact["text"]?.string ?? ""] }
  }
}

/// What a proxy's listener should have left in the collector, against what it left.
struct ReceiptRow: TableRow {
  static let headers = ["DIRECTION", "SERVICE", "STATE", "RECEIPT"]
  let cells: [String]

  /// Reads a receipt of a control plane's answer.
  init(_ receipt: DocumentValue) {
    cells = [
      receipt["direction"]?.string ?? "", receipt["service"]?.string ?? receipt["listener"]?.string ?? "",
      receipt["state"]?.string ?? "", Self.text(receipt),
    ]
  }

  /// A receipt without the word with which it begins, which a heading has.
  static func text(_ receipt: DocumentValue?) -> String {
    let text = receipt?["text"]?.string ?? "-"
    let prefix = "receipt: "
    return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
  }
}
