import ArgumentParser
import MeshModel

struct GetDataplaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplane", abstract: "Show a single Dataplane resource.",
    discussion: """
      Show a single Dataplane resource.

      Examples:
      kumactl get dataplane web-1
      kumactl get dataplane web-1 -o yaml
      """)

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.of(.dataplane))
  var name: String

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<DataplaneRow>(global: global, output: output, mesh: mesh.mesh).one(name)
  }
}
