import ArgumentParser

struct GetGlobalSecretsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "global-secrets", abstract: "Show GlobalSecret entities, without their data.",
    discussion: """
      Show GlobalSecret entities, without their data.

      Examples:
      kumactl get global-secrets
      kumactl get global-secrets --size 10 -o json
      """)

  @OptionGroup var paging: PagingOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    try await ResourceReading<GlobalSecretRow>(global: global, output: output).list(paging)
  }
}
