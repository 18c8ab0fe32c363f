import MeshModel
import OrderedCollections

/// A proxy with its insight.
struct DataplaneOverviewRow: DocumentRow {
  static let headers = [
    "MESH", "NAME", "TAGS", "STATUS", "LAST CONNECTED AGO", "LAST UPDATED AGO", "TOTAL UPDATES", "TOTAL ERRORS",
    "CERT REGENERATED AGO", "CERT EXPIRATION", "CERT REGENERATIONS", "CERT BACKEND", "SUPPORTED CERT BACKENDS",
    "KUMA-DP VERSION", "ENVOY VERSION", "DEPENDENCIES VERSIONS", "NOTES",
  ]
  let cells: [String]

  init(_ document: DocumentValue, now: Timestamp) {
    let dataplane = document["dataplane"].flatMap { try? Dataplane.read($0).content }
    let source = document["dataplaneInsight"] ?? [:]
    let insight = (try? DataplaneInsight.read(source).content) ?? DataplaneInsight()
    let current = insight.current
    let totals = insight.subscriptions.map(\.status.total)
    func sum(_ part: (DataplaneInsight.Counts) -> UInt64) -> String {
      String(totals.reduce(0) { $0 &+ part($1) })
    }
    let certificate = source["mTLS"]
    let backends = (certificate?["supportedBackends"]?.array ?? []).compactMap(\.string)
    let entry = insight.currentIndex.flatMap { source["subscriptions"]?.array?[$0] }
    let dependencies = entry?["version"]?["dependencies"]?.object ?? [:]
    cells = [
      document["mesh"]?.string ?? "", document["name"]?.string ?? "", dataplane.map(DataplaneRow.tags) ?? "",
      Self.status(dataplane, insight), Age.text(since: current?.connectTime, now: now),
      Age.text(since: current?.status.lastUpdateTime, now: now),
      sum(\.responsesAcknowledged), sum(\.responsesRejected),
      Age.text(since: certificate?["lastCertificateRegeneration"]?.string.flatMap(Timestamp.init), now: now),
      certificate?["certificateExpirationTime"]?.string ?? "-",
      certificate?["certificateRegenerations"]?.number.map { String(format($0)) } ?? "0",
      certificate?["issuedBackend"]?.string ?? "-", backends.joined(separator: ","), current?.version?.kumaDp ?? "",
      current?.version?.envoy ?? "",
      dependencies.isEmpty
        ? "-" : dependencies.map { "\($0.key): \($0.value.string ?? "")" }.joined(separator: ", "),
      Self.notes(insight, envoy: document["envoyAdvice"], now: now),
    ]
    func format(_ number: Double) -> Int { Int(exactly: number) ?? 0 }
  }

  /// Whether a proxy is connected, and whether all its inbounds are ready.
  private static func status(_ dataplane: Dataplane?, _ insight: DataplaneInsight) -> String {
    guard insight.isOnline else { return "Offline" }
    let inbounds = dataplane?.networking?.inbound ?? []
    let ready = inbounds.filter { $0.ready != false && ($0.state.isEmpty || $0.state == "Ready") }
    if ready.count == inbounds.count { return "Online" }
    return ready.isEmpty ? "Offline" : "Partially degraded"
  }

  /// The other claims to the proxy's name, the last rejection if the proxy has accepted nothing since, and what is known of
  /// security fixes for its Envoy.
  private static func notes(_ insight: DataplaneInsight, envoy advice: DocumentValue?, now: Timestamp) -> String {
    var notes: [String] = []
    let claims = insight.claims
    if !claims.isEmpty {
      let list = claims.map { "\($0.peer?.address ?? "") for \(Age.text(since: $0.connectTime, now: now))" }
      notes.append("\(claims.count) proxies claim this name: \(list.joined(separator: ", "))")
    }
    if let rejection = insight.current?.status.lastRejection {
      let message = rejection.message.split(whereSeparator: \.isNewline).joined(separator: " ")
      notes.append("\(rejection.discovery.rawValue.uppercased()) refused: \(message)")
    }
    // In a few words; the rest is in the JSON and in `inspect dataplane NAME --type=tracing`.
    if let note = advice?["note"]?.string { notes.append(note.printable) }
    return notes.joined(separator: "; ")
  }
}
