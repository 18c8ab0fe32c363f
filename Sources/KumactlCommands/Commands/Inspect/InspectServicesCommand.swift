import ArgumentParser
import MeshClient
import MeshModel

struct InspectServicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "services", abstract: "Inspect Services.",
    discussion: """
      Inspect Services: which there are, and how many of their proxies are connected.

      Examples:
      kumactl inspect services --mesh default
      """)

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    try await OverviewListing<Row>(format: try output.format, global: global, subject: "ServiceInsight")
      .run("/meshes/\(ControlPlaneClient.escape(mesh.mesh))/service-insights")
  }

  /// A count in a summary; a missing count is zero.
  static func count(_ value: DocumentValue?) -> String {
    String(value?.number.flatMap { Int(exactly: $0) } ?? 0)
  }

  /// The number of connected proxies, and of all proxies.
  static func proxies(_ counts: DocumentValue?) -> String { "\(count(counts?["online"]))/\(count(counts?["total"]))" }

  private struct Row: DocumentRow {
    static let headers = ["MESH", "SERVICE", "TYPE", "STATUS", "DATAPLANES"]
    let cells: [String]

    init(_ document: DocumentValue, now: Timestamp) {
      let status = (document["status"]?.string ?? "").split(separator: "_").joined(separator: " ")
      cells = [
        document["mesh"]?.string ?? "", document["name"]?.string ?? "", document["serviceType"]?.string ?? "",
        status.prefix(1).uppercased() + status.dropFirst(), proxies(document["dataplanes"]),
      ]
    }
  }
}
