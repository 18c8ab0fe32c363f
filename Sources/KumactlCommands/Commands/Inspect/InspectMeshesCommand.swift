import ArgumentParser
import MeshModel

struct InspectMeshesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "meshes", abstract: "Inspect Meshes.",
    discussion: """
      Inspect Meshes: how many of their proxies are connected, and how many policies and services they have.

      Examples:
      kumactl inspect meshes
      """)

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    try await OverviewListing<Row>(global: global, output: output, subject: "MeshInsight").run("/mesh-insights")
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
