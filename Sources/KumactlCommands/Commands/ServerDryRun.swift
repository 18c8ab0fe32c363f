import MeshClient
import MeshModel

/// Shows what applying resources would change, as computed by the control plane.
struct ServerDryRun {
  let items: [ResourceBatch.Item]
  let format: OutputFormat

  func run(_ client: ControlPlaneClient) async throws {
    let answer = try await ask(client)
    let results = answer["resources"]?.array ?? []
    var shown: Set<String> = []
    for (item, result) in zip(items, results) {
      let warnings = item.warnings(with: (result["warnings"]?.array ?? []).compactMap(\.string))
      Console.warn(warnings.filter { shown.insert($0).inserted })
    }
    guard format == .table else {
      Console.write(format.text(answer, sortKeys: false))
      return
    }
    let changes = answer["changes"]?.array ?? []
    var text = "Dry run, nothing was written.\n\n" + Table(rows: results.map(ResultRow.init)).text + "\n"
    switch changes.count {
    case 0: text += "No data plane proxy would change its tracing backend.\n"
    case 1: text += "1 data plane proxy would change its tracing backend:\n\n"
    default: text += "\(changes.count) data plane proxies would change their tracing backends:\n\n"
    }
    if !changes.isEmpty { text += Table(rows: changes.map(ChangeRow.init)).text }
    Console.write(text)
  }

  private func ask(_ client: ControlPlaneClient) async throws -> DocumentValue {
    let path = "/_dry-run"
    do {
      return try await client.send(
        .post, path, document: ["resources": .array(items.map { $0.resource.document() })])
    } catch {
      // The answer for a missing mesh has a detail; without one, the server does not know the path.
      guard error.code == .notAllowed || error.code == .notFound, error.detail.isEmpty else { throw error }
      throw CommandFailure(
        "the control plane at \(client.address) has no dry run; use --dry-run=client to see the resources")
    }
  }

  private struct ResultRow: TableRow {
    static let headers = ["ACTION", "TYPE", "MESH", "NAME"]
    let cells: [String]

    init(_ result: DocumentValue) {
      cells = [
        result["action"]?.string ?? "", result["type"]?.string ?? "", result["mesh"]?.string ?? "-",
        result["name"]?.string ?? "",
      ]
    }
  }

  private struct ChangeRow: TableRow {
    static let headers = ["MESH", "DATAPLANE", "FROM", "TO", "POLICY"]
    let cells: [String]

    init(_ change: DocumentValue) {
      let backend = change["to"]?.string ?? "-"
      cells = [
        change["mesh"]?.string ?? "", change["name"]?.string ?? "", change["from"]?.string ?? "-",
        change["settingsOnly"]?.bool == true ? "\(backend) (other settings)" : backend,
        change["toPolicy"]?.string ?? "-",
      ]
    }
  }
}
