import ArgumentParser
import MeshClient
import MeshModel

struct InspectDataplanesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplanes", abstract: "Inspect Dataplanes.",
    discussion: """
      Inspect Dataplanes: their tags, whether they are connected, and how they answered to configuration.

      Examples:
      kumactl inspect dataplanes
      kumactl inspect dataplanes --tag kuma.io/service=web
      """)

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "only proxies with this tag, in the form name=value; may be given several times",
      valueName: PairsArgument.valueName))
  var tag: [PairsArgument] = []

  @Flag(help: "only gateways")
  var gateway = false

  @Flag(help: "accepted for scripts of Kuma's: no proxy here is an ingress, and none is left out")
  var ingress = false

  @Flag(help: "accepted for scripts of Kuma's: no proxy here is an egress, and none is left out")
  var egress = false

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    var query = tag.flatMap(\.pairs).map { ("tag", "\($0.name):\($0.value)") }
    if gateway { query.append(("gateway", "true")) }
    let path = "/meshes/\(ControlPlaneClient.escape(mesh.mesh))/dataplanes+insights"
    try await OverviewListing<DataplaneOverviewRow>(global: global, output: output, subject: "DataplaneOverview")
      .run(path, query: query)
  }
}
