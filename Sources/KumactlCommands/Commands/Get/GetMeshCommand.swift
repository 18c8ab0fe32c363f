import ArgumentParser
import MeshModel

struct GetMeshCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mesh", abstract: "Show a single Mesh resource.",
    discussion: """
      Show a single Mesh resource.

      Examples:
      kumactl get mesh default
      kumactl get mesh default -o yaml
      """)

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.of(.mesh))
  var name: String

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<MeshRow>(global: global, output: output).one(name)
  }
}
