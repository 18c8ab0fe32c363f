import ArgumentParser
import MeshModel

struct GetGlobalSecretCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "global-secret", abstract: "Show a single GlobalSecret resource, without its data.",
    discussion: """
      Show a single GlobalSecret resource, without its data.

      Examples:
      kumactl get global-secret admin-user-token
      kumactl get global-secret admin-user-token -o yaml
      """)

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.of(.globalSecret))
  var name: String

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<GlobalSecretRow>(global: global, output: output).one(name)
  }
}
