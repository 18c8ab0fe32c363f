import ArgumentParser
import MeshClient
import MeshModel

struct InspectDataplanesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplanes", abstract: "Inspect Dataplanes.",
    discussion: """
      Inspect Dataplanes: their tags, whether they are connected, and how they answered to configuration; or, one line a \
      proxy, whether it is traced, whether its spans arrive, and if not, why.

      Examples:
      kumactl inspect dataplanes
      kumactl inspect dataplanes --tag kuma.io/service=web

      # Who is traced, and who is not and why
      kumactl inspect dataplanes --type=tracing

      # Only those of which something is wrong or not known, with what to do, and whatever changes
      kumactl inspect dataplanes --type=tracing --not-traced -o wide --watch
      """)

  /// What is shown of each proxy.
  private enum Inspection: String, CaseIterable {
    case overview
    case tracing
  }

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("what to show of each proxy: overview or tracing", valueName: "string"),
    completion: .list(Inspection.allCases.map(\.rawValue)))
  var type = Inspection.overview.rawValue

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "only proxies with this tag, in the form name=value; may be given several times",
      valueName: PairsArgument.valueName))
  var tag: [PairsArgument] = []

  @Flag(help: "only gateways")
  var gateway = false

  @Flag(help: "with --type=tracing: only proxies whose verdict is other than fine")
  var notTraced = false

  @Flag(
    name: [.customShort("w"), .long],
    help: "with --type=tracing: print the list, then each proxy of which something changes, until it is interrupted")
  var watch = false

  @Flag(help: "accepted for scripts of Kuma's: no proxy here is an ingress, and none is left out")
  var ingress = false

  @Flag(help: "accepted for scripts of Kuma's: no proxy here is an egress, and none is left out")
  var egress = false

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: ListOutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    var query = tag.flatMap(\.pairs).map { ("tag", "\($0.name):\($0.value)") }
    if gateway { query.append(("gateway", "true")) }
    let path = "/meshes/\(ControlPlaneClient.escape(mesh.mesh))"
    guard let inspection = Inspection(rawValue: type) else {
      let names = Inspection.allCases.map(\.rawValue)
      let hint = NearestName.find(type, among: names).map { "; did you mean \($0)?" } ?? ""
      throw CommandFailure("--type=\(type) is not one of \(names.joined(separator: ", "))\(hint)")
    }
    switch inspection {
    case .overview:
      if let flag = [(watch, "--watch"), (notTraced, "--not-traced")].first(where: \.0)?.1 {
        throw CommandFailure("\(flag) is for --type=tracing; add it")
      }
      try await OverviewListing<DataplaneOverviewRow>(
        format: try OutputFormat(named: output.output), global: global, subject: "DataplaneOverview"
      ).run("\(path)/dataplanes+insights", query: query)
    case .tracing:
      let listing = TracingListing(
        client: try Session(global).client(), path: "\(path)/_tracing", query: query, format: try output.formatOrWide,
        isWide: output.isWide, onlyNotTraced: notTraced)
      if watch { try await listing.watch() } else { try await listing.run() }
    }
  }
}
