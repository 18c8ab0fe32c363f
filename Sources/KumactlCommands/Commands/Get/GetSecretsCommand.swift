import ArgumentParser

struct GetSecretsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets", abstract: "Show Secret entities, without their data.",
    discussion: """
      Show Secret entities, without their data.

      Examples:
      kumactl get secrets
      kumactl get secrets --size 10 -o json
      """)

  @OptionGroup var mesh: MeshOptions
  @OptionGroup var paging: PagingOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<SecretRow>(global: global, output: output, mesh: mesh.mesh).list(paging)
  }
}
