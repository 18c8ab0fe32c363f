import ArgumentParser
import MeshClient
import MeshModel
import OrderedCollections

struct InspectMeshesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "meshes", abstract: "Inspect Meshes.",
    discussion: """
      Inspect Meshes: how many of their proxies are connected, and how many policies and services they have; or what in \
      them will not work as its writer expects.

      Examples:
      kumactl inspect meshes
      kumactl inspect meshes --warnings
      """)

  @Flag(help: "print what of the meshes and their policies will not work, and how many proxies are not traced and why")
  var warnings = false

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    guard warnings else {
      return try await OverviewListing<Row>(format: try output.format, global: global, subject: "MeshInsight")
        .run("/mesh-insights")
    }
    let format = try output.format
    let client = try Session(global).client()
    var items: [DocumentValue] = []
    for name in try await client.all(.mesh, mesh: nil).map(\.name) {
      items.append(try await warnings(of: name, client))
    }
    guard format == .table else { return Console.write(format.text(list: items, total: items.count)) }
    let rows = items.flatMap(WarningRow.rows)
    guard !rows.isEmpty else {
      return Console.write(
        "No warnings: \(items.count) \(items.count == 1 ? "mesh" : "meshes"), every proxy is fine.\n")
    }
    Console.write(Table(rows: rows).text)
  }

  /// What will not work in a mesh, and the causes for which its proxies are not traced.
  private func warnings(of mesh: String, _ client: ControlPlaneClient) async throws -> DocumentValue {
    let path = "/meshes/\(ControlPlaneClient.escape(mesh))"
    let answer = try await client.send(.get, "\(path)/_warnings?policies=true")
    let tracing = try await client.send(.get, "\(path)/_tracing?size=1")
    return [
      "mesh": .string(mesh), "warnings": answer["warnings"] ?? [], "policies": answer["policies"] ?? [],
      "proxies": tracing["proxies"] ?? 0, "causes": tracing["causes"] ?? [:],
    ]
  }

  private struct WarningRow: TableRow {
    static let headers = ["MESH", "ABOUT", "WARNING"]
    let cells: [String]

    /// The lines about a mesh.
    static func rows(_ item: DocumentValue) -> [WarningRow] {
      let mesh = item["mesh"]?.string ?? ""
      func texts(_ value: DocumentValue?) -> [String] { (value?.array ?? []).compactMap(\.string) }
      var lines = texts(item["warnings"]).map { ("Mesh", $0) }
      for policy in item["policies"]?.array ?? [] {
        lines += texts(policy["warnings"]).map { ("TrafficTrace \(policy["name"]?.string ?? "")", $0) }
      }
      for (cause, count) in item["causes"]?.object ?? [:] where cause != "fine" {
        let count = InspectServicesCommand.count(count)
        let advice = "\(cause); see `kumactl inspect dataplanes --mesh \(mesh) --type=tracing --not-traced -o wide`"
        lines.append(("\(count) \(count == "1" ? "proxy" : "proxies")", advice))
      }
      return lines.map { WarningRow(cells: [mesh, $0, $1]) }
    }
  }

  private struct Row: DocumentRow {
    static let headers = ["NAME", "DATAPLANES", "TRAFFIC TRACES", "SERVICES", "AGE"]
    let cells: [String]

    init(_ document: DocumentValue, now: Timestamp) {
      cells = [
        document["name"]?.string ?? "", InspectServicesCommand.proxies(document["dataplanes"]),
        InspectServicesCommand.count(document["policies"]?["TrafficTrace"]?["total"]),
        InspectServicesCommand.count(document["services"]?["total"]),
        Age.text(since: document["modificationTime"]?.string.flatMap(Timestamp.init), now: now),
      ]
    }
  }
}
