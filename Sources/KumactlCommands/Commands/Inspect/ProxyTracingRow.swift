import MeshModel
import OrderedCollections

/// A proxy in the list of who is traced, and why not.
struct ProxyTracingRow: DocumentRow {
  static let headers = ["MESH", "NAME", "BACKEND", "SAMPLING", "LISTENERS", "RECEIPT", "VERDICT"]
  private(set) var cells: [String]
  /// Whether somebody who watches has got the row.
  var isShown = false
  /// The mesh and the name.
  let identity: [String]
  /// What has to differ before somebody who watches gets the row again. Counts and ages differ all the time.
  let state: [String]
  /// What the longer table has between the receipt and the verdict.
  private var details: [String]

  init(_ item: DocumentValue, now: Timestamp) {
    let verdict = TracingVerdict(item["verdict"])
    let backend = item["backend"]
    let listeners = item["listeners"]
    let evidence = item["evidence"]
    identity = [item["mesh"]?.string ?? "", item["name"]?.string ?? ""]
    let configured = [
      Self.name(ofBackend: backend), Self.sampling(ofBackend: backend),
      "\(InspectServicesCommand.count(listeners?["traced"]))/\(InspectServicesCommand.count(listeners?["total"]))",
    ]
    cells = identity + configured + [ReceiptRow.text(item["receipt"]), verdict?.cause ?? "-"]
    let status = item["status"]?.string ?? ""
    let source = evidence?["source"]?.string
    details = [
      (item["services"]?.array ?? []).compactMap(\.string).joined(separator: ","), item["policy"]?.string ?? "-",
      status == "neverConnected" ? "never connected" : status,
      source.map { "\($0) \(Self.age(evidence?["ageMs"]))" } ?? "none",
      verdict?.since.map { Age.text(since: $0, now: now) } ?? "-",
      [verdict?.summary, verdict?.remedy].compactMap { $0?.isEmpty == false ? $0 : nil }.joined(separator: " "),
    ]
    let isMissing = ["short", "silent"].contains(item["receipt"]?["state"]?.string)
    state =
      configured + details.prefix(3)
      + [isMissing ? "missing" : "", source ?? "", verdict?.cause ?? "", item["verdict"]?["level"]?.string ?? ""]
  }

  private static func name(ofBackend backend: DocumentValue?) -> String {
    switch backend?["status"]?.string {
    case nil: "-"
    case "noDefault": "none named, no default"
    case "unknown": "\(backend?["name"]?.string ?? "-") (not in the mesh)"
    default: backend?["name"]?.string ?? "-"
    }
  }

  private static func sampling(ofBackend backend: DocumentValue?) -> String {
    guard backend?["status"]?.string == "found" else { return "-" }
    return backend?["sampling"].flatMap { $0 == .null ? nil : "\($0.json())%" } ?? "100%"
  }

  /// An age given in milliseconds.
  static func age(_ milliseconds: DocumentValue?) -> String {
    guard let seconds = milliseconds?.number.map({ $0 / 1000 }), seconds >= 0, seconds < 1e12 else { return "-" }
    let now = Timestamp(seconds: 0)
    return Age.text(since: Timestamp(seconds: -Int64(seconds)), now: now)
  }

  /// The row of a proxy that is not there any more.
  var deleted: Self {
    var row = self
    row.cells[row.cells.count - 1] = "deleted"
    row.details[row.details.count - 1] = ""
    return row
  }

  /// The row of the longer table.
  var wide: Wide { Wide(cells: cells.dropLast() + details.dropLast() + cells.suffix(1) + details.suffix(1)) }

  /// A proxy with everything that is said of it in one line.
  struct Wide: TableRow {
    static let headers = [
      "MESH", "NAME", "BACKEND", "SAMPLING", "LISTENERS", "RECEIPT", "SERVICES", "POLICY", "STATUS", "EVIDENCE",
      "SINCE",
      "VERDICT", "WHY AND WHAT TO DO",
    ]
    let cells: [String]
  }
}
