import ArgumentParser
import MeshModel

struct GetSecretCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secret", abstract: "Show a single Secret resource, without its data.",
    discussion: """
      Show a single Secret resource, without its data.

      Examples:
      kumactl get secret api-key
      kumactl get secret api-key -o yaml
      """)

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.of(.secret))
  var name: String

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<SecretRow>(global: global, output: output, mesh: mesh.mesh).one(name)
  }
}
